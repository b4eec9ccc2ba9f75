"""Many requests at once: one CurlMulti driven by one epoll loop, to which requests can be given at any time.

``socket_action`` and not ``perform``: the latter walks every handle at each event, five times dearer with a thousand
slow targets.
"""

import select
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import pycurl

from postdeploy.lib.http.exchange import Exchange
from postdeploy.lib.http.facts import Outcome, Request

OnDone = Callable[[int, Outcome], None]

MAX_IDLE_CONNECTIONS = 400  # of the 1024 files that a process may usually have open
MAX_IDLE_HANDLES = 1000  # some 6 KB each
_LONGEST_WAIT_S = 1.0
_WATCH = {
    pycurl.POLL_IN: select.EPOLLIN,
    pycurl.POLL_OUT: select.EPOLLOUT,
    pycurl.POLL_INOUT: select.EPOLLIN | select.EPOLLOUT,
}


class Loop:
    """Connections, idle handles and their events. Used by one thread at a time, in the process that made it.

    After an exception (a time limit, a failing ``on_done``) it must be closed, not used again.
    """

    def __init__(self, allowed_networks: tuple[str, ...], *, idle_connections: int = MAX_IDLE_CONNECTIONS) -> None:
        self.allowed_networks = allowed_networks
        self._poll = select.epoll()
        self._watched: set[int] = set()
        self._others: dict[int, Callable[[], object]] = {}
        self._due: float | None = None
        self._idle: list[Exchange] = []
        self._running: dict[pycurl.Curl, Exchange] = {}
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._on_socket)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._on_timer)
        self._multi.setopt(pycurl.M_MAXCONNECTS, idle_connections)

    def run(self, requests: Sequence[Request], *, on_done: OnDone, concurrency: int) -> None:
        """Send all requests, at most ``concurrency`` at a time; ``on_done(index, outcome)`` as each one ends."""
        waiting = iter(enumerate(requests))
        left = len(requests)
        while left:
            while len(self._running) < concurrency and (following := next(waiting, None)):
                self.submit(*following)
            for index, outcome in self.turn(_LONGEST_WAIT_S):
                left -= 1
                on_done(index, outcome)

    def submit(self, key: int, request: Request) -> None:
        """Start a request; ``turn`` returns its outcome beside ``key`` once it has ended."""
        exchange = self._idle.pop() if self._idle else Exchange(self.allowed_networks)
        exchange.start(key, request)
        self._add(exchange)

    def turn(self, wait_s: float) -> list[tuple[int, Outcome]]:
        """Wait at most ``wait_s`` seconds for something to happen; return the keys and outcomes of what has ended."""
        if self._due is not None:
            wait_s = min(wait_s, max(0.0, self._due - time.monotonic()))
        for descriptor, events in self._poll.poll(wait_s):
            if (on_ready := self._others.get(descriptor)) is not None:
                on_ready()
            else:
                self._multi.socket_action(descriptor, _READINESS.get(events) or _readiness(events))
        if self._due is not None and self._due <= time.monotonic():
            self._due = None
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        return self._finished() if self._running else []

    def watch(self, descriptor: int, on_ready: Callable[[], object]) -> None:
        """Let ``turn`` also wait for a descriptor that is not libcurl's, and call this when it can be read."""
        self._others[descriptor] = on_ready
        self._poll.register(descriptor, select.EPOLLIN)

    @property
    def running(self) -> int:
        """How many requests are under way."""
        return len(self._running)

    def close(self) -> None:
        """Drop every connection and handle."""
        for curl in list(self._running):
            self._multi.remove_handle(curl)
        self._running.clear()
        self._idle.clear()
        self._multi.close()
        self._poll.close()

    def _add(self, exchange: Exchange) -> None:
        self._running[exchange.curl] = exchange
        self._multi.add_handle(exchange.curl)

    def _finished(self) -> list[tuple[int, Outcome]]:
        found: list[tuple[int, Outcome]] = []
        left = 1
        while left:
            left, well, badly = self._multi.info_read()
            for curl in well:
                self._conclude(curl, pycurl.E_OK, "", found)
            for curl, code, message in badly:
                self._conclude(curl, code, message, found)
        return found

    def _conclude(self, curl: pycurl.Curl, code: int, message: str, found: list[tuple[int, Outcome]]) -> None:
        self._multi.remove_handle(curl)
        exchange = self._running.pop(curl)
        outcome = exchange.conclude(code, message)
        if outcome is None:  # a redirect
            self._add(exchange)
            return
        found.append((exchange.index, outcome))
        if len(self._idle) < MAX_IDLE_HANDLES:
            self._idle.append(exchange)

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


_READINESS = {
    select.EPOLLIN: pycurl.CSELECT_IN,
    select.EPOLLOUT: pycurl.CSELECT_OUT,
    select.EPOLLIN | select.EPOLLOUT: pycurl.CSELECT_IN | pycurl.CSELECT_OUT,
}


def _readiness(events: int) -> int:
    ready = 0
    if events & select.EPOLLIN:
        ready |= pycurl.CSELECT_IN
    if events & select.EPOLLOUT:
        ready |= pycurl.CSELECT_OUT
    if events & (select.EPOLLERR | select.EPOLLHUP):
        ready |= pycurl.CSELECT_ERR
    return ready
