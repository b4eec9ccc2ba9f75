"""Children that cannot outlive us, and the lock that says a data directory is in use. Standard library only."""

import ctypes
import errno
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

IS_LINUX = sys.platform == "linux"
libc = ctypes.CDLL(None, use_errno=True)

PR_SET_PDEATHSIG = 1


class StartError(Exception):
    """Something that a person can mend prevents the start; the text is one sentence for that person."""


def spawn(
    command: Sequence[str | Path],
    *,
    death_signal: signal.Signals = signal.SIGTERM,
    before_exec: Callable[[], None] | None = None,
    **options: Any,
) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own; on Linux it gets `death_signal` when we die, however we die.

    Call it from the main thread: the kernel ties the death signal to the thread that forked, not to the process.
    `before_exec` runs in the child first; `options` go to `subprocess.Popen`. Raises OSError or SubprocessError.
    """
    parent = os.getpid()

    def prepare() -> None:
        if before_exec:
            before_exec()
        _die_with(parent, death_signal)  # last, because a change of user clears it

    options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.Popen(command, start_new_session=True, preexec_fn=prepare, **options)


def _die_with(parent: int, death_signal: signal.Signals) -> None:
    if not IS_LINUX:
        return
    libc.prctl(PR_SET_PDEATHSIG, death_signal)
    if os.getppid() != parent:  # it died between the fork and the line above
        os._exit(1)


def signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Send a signal to the process and all it started; nothing happens if they are gone."""
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):  # PermissionError: only zombies are left (macOS)
        return


def claim(var: Path, *, patience: float = 15.0) -> int:
    """Lock the data directory for one Postdeploy and return the lock's file descriptor.

    Children started with `pass_fds=[descriptor]` hold the lock too, so that whoever gets it knows that no process of
    an earlier run is left. After a kill -9 these need a moment: wait up to `patience` seconds for them.
    Raises StartError if another Postdeploy lives on `var`.
    """
    with plainly(var):
        var.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(var / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + patience
        while not _locked(lock):
            holder = _holder(lock)
            if _is_alive(holder):
                raise StartError(f"another Postdeploy is running on {var} (pid {holder})")
            if time.monotonic() > deadline:
                raise StartError(f"processes of a killed Postdeploy (pid {holder}) still use {var}: end them first")
            time.sleep(0.02)
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
    return lock


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(lock: int) -> int:
    text = os.pread(lock, 20, 0)
    return int(text) if text.isdigit() else 0


def _is_alive(pid: int) -> bool:
    if pid in (0, os.getpid()):  # our own number: it was another's before, as happens in containers
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def plainly(var: Path) -> Iterator[None]:
    """Turn an OSError of the block into a StartError in words."""
    try:
        yield
    except OSError as error:
        raise StartError(in_words(error, var)) from error


def in_words(error: OSError, var: Path) -> str:
    """Say in one sentence what is wrong with the data directory `var`."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk of {var} is full: free some space, or give another directory with VAR"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"{error.filename or var} may not be used by this user: change its owner, or give another with VAR"
    if error.errno == errno.EROFS:
        return f"{var} is on a read-only file system: give another directory with VAR"
    return f"{error.filename or var}: {(error.strerror or str(error)).lower()}; another directory can be given with VAR"
