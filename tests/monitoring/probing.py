"""A check as it was saved, without a database."""

import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field

from monitoring.probes import compile_check, refusals, run

LOOPBACK = ("127.0.0.0/8",)


@dataclass
class Row:
    target: str = ""
    kind: str = "HTTP"
    conditions: str = ""
    options: dict = field(default_factory=dict)
    secrets: dict = field(default_factory=dict)
    timeout_ms: int = 5000
    is_fresh: bool = True


def read(target, networks=LOOPBACK, *, now=None, facts=None, **definition):
    return run(compile_check(Row(target, **definition)), networks, now=now, facts=facts)


def faults(target="https://shop.example/", networks=(), **definition):
    return refusals(Row(target, **definition), networks)


@contextmanager
def speaking(talk):
    """A port whose every connection is handed to `talk`; its host and port as a text."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

        def answer(connection):
            with connection:
                try:
                    talk(connection)
                except OSError:
                    return

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
