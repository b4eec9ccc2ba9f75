"""The only outbound HTTP: health polls, webhooks, whatever else talks to the world.

A network failure is a value, never an exception. Every socket is opened through the guard of ``addresses``, so that
what counts is the address really connected to. Connections are kept for the thread that made them.
"""

import os
import threading
from collections.abc import Iterable, Sequence

from postdeploy.lib.addresses import Network
from postdeploy.lib.http.exchange import MAX_REDIRECTS, USER_AGENT
from postdeploy.lib.http.facts import (
    MAX_BODY,
    MAX_TIMEOUT_S,
    METHODS,
    Failure,
    Outcome,
    Phase,
    Request,
    RequestRefused,
    Response,
    Timings,
    header_refusal,
)
from postdeploy.lib.http.loop import Loop, OnDone

__all__ = [
    "MAX_BODY",
    "MAX_REDIRECTS",
    "MAX_TIMEOUT_S",
    "METHODS",
    "USER_AGENT",
    "Failure",
    "Outcome",
    "Phase",
    "Request",
    "RequestRefused",
    "Response",
    "Timings",
    "fetch",
    "fetch_many",
    "forget_connections",
    "header_refusal",
]

_kept = threading.local()


def fetch(request: Request, allowed_networks: Iterable[Network | str]) -> Outcome:
    """Send one request and wait for what comes of it."""
    return fetch_many([request], allowed_networks)[0]


def fetch_many(
    requests: Sequence[Request],
    allowed_networks: Iterable[Network | str],
    on_done: OnDone | None = None,
    concurrency: int = 100,
) -> list[Outcome]:
    """Send many requests, at most ``concurrency`` at a time; outcomes in the order of the requests.

    ``on_done(index, outcome)`` is called as each one ends; what it raises ends the whole run.
    """
    outcomes: dict[int, Outcome] = {}

    def keep(index: int, outcome: Outcome) -> None:
        outcomes[index] = outcome
        if on_done:
            on_done(index, outcome)

    loop = _loop(tuple(str(network) for network in allowed_networks))
    try:
        loop.run(requests, on_done=keep, concurrency=concurrency)
    except BaseException:
        forget_connections()
        raise
    return [outcomes[index] for index in range(len(requests))]


def forget_connections() -> None:
    """Close the connections kept for this thread."""
    loop: Loop | None = getattr(_kept, "loop", None)
    _kept.loop = _kept.key = None
    if loop:
        loop.close()


def _loop(allowed_networks: tuple[str, ...]) -> Loop:
    """This thread's loop; a new one after a fork, and when the allow-list has changed (kept connections passed the
    old one).
    """
    key = (os.getpid(), allowed_networks)
    if getattr(_kept, "key", None) != key:
        if getattr(_kept, "key", (0,))[0] == os.getpid():
            forget_connections()
        _kept.loop, _kept.key = Loop(allowed_networks), key
    loop: Loop = _kept.loop
    return loop
