"""Probes that block: a few threads, whose results the loop waits for together with its sockets."""

import os
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue

from django.db import connections

THREADS = 64


class Pool:
    """Runs functions in threads; `descriptor` can be read once there are results."""

    def __init__(self) -> None:
        self._work: SimpleQueue[tuple[int, Callable[[], object]]] = SimpleQueue()
        self._done: deque[tuple[int, object]] = deque()
        self._waiting = 0
        self._threads = 0
        self.descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def submit(self, key: int, work: Callable[[], object]) -> None:
        """Run `work` in a thread; `results` has what it returned, or the exception it raised, beside `key`."""
        self._waiting += 1
        if self._waiting > self._threads < THREADS:
            self._threads += 1
            # a daemon: a probe that hangs must not keep the process from ending
            threading.Thread(target=self._serve, name="probe", daemon=True).start()
        self._work.put((key, work))

    def results(self) -> list[tuple[int, object]]:
        """Return what has ended since the last call."""
        found = []
        while self._done:
            found.append(self._done.popleft())
        self._waiting -= len(found)
        return found

    def wake(self) -> None:
        """Let whoever waits for the descriptor look."""
        os.eventfd_write(self.descriptor, 1)

    def rest(self) -> None:
        """Let the descriptor wait for the next result."""
        with suppress(BlockingIOError):
            os.eventfd_read(self.descriptor)

    def _serve(self) -> None:
        while True:
            key, work = self._work.get()
            result: object
            try:
                result = work()
            except Exception as error:
                result = error
            finally:
                connections.close_all()
            self._done.append((key, result))
            self.wake()
