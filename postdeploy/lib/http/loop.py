"""Many requests at once: one CurlMulti driven by one epoll loop.

``socket_action`` and not ``perform``: the latter walks every handle at each event, five times dearer with a thousand
slow targets.
"""

import select
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

import pycurl

from postdeploy.lib.http.exchange import Exchange
from postdeploy.lib.http.facts import Outcome, Request

OnDone = Callable[[int, Outcome], None]

MAX_IDLE_CONNECTIONS = 400  # of the 1024 files that a process may usually have open
_LONGEST_WAIT_S = 1.0
_WATCH = {
    pycurl.POLL_IN: select.EPOLLIN,
    pycurl.POLL_OUT: select.EPOLLOUT,
    pycurl.POLL_INOUT: select.EPOLLIN | select.EPOLLOUT,
}


class Loop:
    """Connections, idle handles and their events. Belongs to one thread of one process."""

    def __init__(self, allowed_networks: tuple[str, ...]) -> None:
        self.allowed_networks = allowed_networks
        self._poll = select.epoll()
        self._watched: set[int] = set()
        self._due: float | None = None
        self._idle: list[Exchange] = []
        self._running: dict[pycurl.Curl, Exchange] = {}
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._on_socket)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._on_timer)
        self._multi.setopt(pycurl.M_MAXCONNECTS, MAX_IDLE_CONNECTIONS)

    def run(self, requests: Sequence[Request], *, on_done: OnDone, concurrency: int) -> None:
        """Send all requests, at most ``concurrency`` at a time; ``on_done(index, outcome)`` as each one ends.

        After an exception (a time limit, a failing ``on_done``) the loop must be closed, not used again.
        """
        waiting = iter(enumerate(requests))
        while self._fill(waiting, concurrency):
            self._turn()
            for exchange, code, message in self._finished():
                outcome = exchange.conclude(code, message)
                if outcome is None:
                    self._add(exchange)
                    continue
                self._idle.append(exchange)
                on_done(exchange.index, outcome)

    def close(self) -> None:
        """Drop every connection and handle."""
        for curl in list(self._running):
            self._multi.remove_handle(curl)
        self._running.clear()
        self._idle.clear()
        self._multi.close()
        self._poll.close()

    def _fill(self, waiting: Iterator[tuple[int, Request]], concurrency: int) -> bool:
        """Start what may start; whether anything is under way."""
        while len(self._running) < concurrency:
            index, request = next(waiting, (-1, None))
            if request is None:
                break
            exchange = self._idle.pop() if self._idle else Exchange(self.allowed_networks)
            exchange.start(index, request)
            self._add(exchange)
        return bool(self._running)

    def _add(self, exchange: Exchange) -> None:
        self._running[exchange.curl] = exchange
        self._multi.add_handle(exchange.curl)

    def _turn(self) -> None:
        """Wait for sockets or for libcurl's timer, and let libcurl go on."""
        wait = _LONGEST_WAIT_S if self._due is None else min(_LONGEST_WAIT_S, max(0.0, self._due - time.monotonic()))
        for descriptor, events in self._poll.poll(wait):
            self._multi.socket_action(descriptor, _readiness(events))
        if self._due is None or self._due <= time.monotonic():
            self._due = None
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)

    def _finished(self) -> Iterator[tuple[Exchange, int, str]]:
        left = 1
        while left:
            left, well, badly = self._multi.info_read()
            for curl, code, message in [*((curl, pycurl.E_OK, "") for curl in well), *badly]:
                self._multi.remove_handle(curl)
                yield self._running.pop(curl), code, message

    # Called by libcurl: note what it wants.

    def _on_socket(self, what: int, descriptor: int, _multi: object, _data: object) -> None:
        if what == pycurl.POLL_REMOVE:
            self._watched.discard(descriptor)
            with suppress(OSError):  # libcurl may have closed it already
                self._poll.unregister(descriptor)
        elif descriptor in self._watched:
            self._poll.modify(descriptor, _WATCH[what])
        else:
            self._watched.add(descriptor)
            self._poll.register(descriptor, _WATCH[what])

    def _on_timer(self, wait_ms: int) -> None:
        self._due = None if wait_ms < 0 else time.monotonic() + wait_ms / 1000


def _readiness(events: int) -> int:
    ready = 0
    if events & select.EPOLLIN:
        ready |= pycurl.CSELECT_IN
    if events & select.EPOLLOUT:
        ready |= pycurl.CSELECT_OUT
    if events & (select.EPOLLERR | select.EPOLLHUP):
        ready |= pycurl.CSELECT_ERR
    return ready
