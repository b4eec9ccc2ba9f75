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
    HTTP_VERSIONS,
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
    "HTTP_VERSIONS",
    "MAX_BODY",
    "MAX_REDIRECTS",
    "MAX_TIMEOUT_S",
    "METHODS",
    "USER_AGENT",
    "Failure",
    "Loop",
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


class _Kept(threading.local):
    """The loop of this thread, with its connections."""

    loop: Loop | None = None


_kept = _Kept()
_inherited: list[Loop | None] = []


def _leave_loop_to_parent() -> None:
    """In a forked child: closing the parent's connections would end them for the parent too."""
    _inherited.append(_kept.loop)
    _kept.loop = None


os.register_at_fork(after_in_child=_leave_loop_to_parent)


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
    loop, _kept.loop = _kept.loop, None
    if loop:
        loop.close()


def _loop(allowed_networks: tuple[str, ...]) -> Loop:
    """This thread's loop; a new one when the allow-list has changed, since kept connections passed the old one."""
    if _kept.loop is None or _kept.loop.allowed_networks != allowed_networks:
        forget_connections()
        _kept.loop = Loop(allowed_networks)
    return _kept.loop
