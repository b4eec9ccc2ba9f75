"""Polling: every check is read once in each of its slots, whoever reads it.

A Celery task runs the engine of its process for a while; the next one goes on with the same engine, so that between two
tasks nothing waits. What is to be read is in the database, and so is all that was read: a process that is killed leaves
a lease behind that runs out, and another goes on.
"""

import mmap
import os
import threading
import time
from dataclasses import dataclass, field

from monitoring.polling.engine import Engine

__all__ = ["Engine", "hand_over", "poll_due", "stop"]

#: A run gives way to a task that waits for it after this long. Without one, as when beat or the broker is away, it goes
#: on for as long as the time limit of tasks lets it.
RUN_SECONDS, LONGEST_RUN_SECONDS = 30.0, 110.0
#: A task that comes so near to the end of a run waits for it; any other has nothing to do.
WAIT_SECONDS = 3.0

# One byte that a process shares with the children it forks: Celery tells only the parent that it is to stop.
_stopping = mmap.mmap(-1, 1)


@dataclass
class _Process:
    """The engine of this process, and who drives it."""

    pid: int = field(default_factory=os.getpid)
    engine: Engine | None = None
    driver: threading.Lock = field(default_factory=threading.Lock)
    successor: threading.Lock = field(default_factory=threading.Lock)
    ends_at: float = 0.0


_process = _Process()


def poll_due() -> int:
    """Poll for about half a minute and return how many readings were taken; at once when another thread does it."""
    if _is_stopping():
        return 0
    process = _of_this_process()
    if not process.driver.acquire(blocking=False) and not _wait_for_turn(process):
        return 0
    try:
        return _drive(process)
    finally:
        process.driver.release()


def stop() -> None:
    """Let the runs of this process and of its children end at once and hand over."""
    _stopping[0] = 1
    if _process.engine:
        _process.engine.wake()


def _is_stopping() -> bool:
    return bool(_stopping[0])


def _of_this_process() -> _Process:
    """The state of this process: a forked child must not use its parent's sockets."""
    global _process
    if _process.pid != os.getpid():
        _process = _Process()
    return _process


def _wait_for_turn(process: _Process) -> bool:
    """Wait for the end of a run that is nearly over. One waits, the others go."""
    left = process.ends_at - time.monotonic()
    if left > WAIT_SECONDS or not process.successor.acquire(blocking=False):
        return False
    try:
        return process.driver.acquire(timeout=max(left, 0) + WAIT_SECONDS)
    finally:
        process.successor.release()


def _drive(process: _Process) -> int:
    if process.engine is None:
        process.engine = Engine(is_stopping=_is_stopping)
    began_at = time.monotonic()
    process.ends_at = began_at + RUN_SECONDS

    def is_over() -> bool:
        monotonic = time.monotonic()
        is_awaited = process.successor.locked()
        return monotonic >= (process.ends_at if is_awaited else began_at + LONGEST_RUN_SECONDS)

    try:
        return process.engine.run(is_over)
    except BaseException:
        process.engine.close()
        process.engine = None
        raise


def hand_over() -> None:
    """Give back what this process holds: it ends."""
    if _process.pid == os.getpid() and _process.engine and _process.driver.acquire(timeout=WAIT_SECONDS):
        _process.engine.hand_over()
