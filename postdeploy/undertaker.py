"""Ends what a supervisor left behind. Run as a script, on its own; standard library only.

It reads from its standard input `+PID` for each child (the leader of a process group) and `-PID` when that ended. The
end of the input means that the supervisor is gone, however it died: whatever is still listed gets SIGTERM and, a little
later, SIGKILL. The kernel's death signal does the first half of this on Linux, but it reaches neither grandchildren nor
a child that hangs, and no other system has it.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable

GRACE_SECONDS = 5.0


class Undertaker:
    """The supervisor's end: keeps an undertaker running and tells it what to end."""

    def __init__(self) -> None:
        self._groups: set[int] = set()
        self._process: subprocess.Popen[bytes] | None = None

    def add(self, group: int) -> None:
        """Name a process group to end."""
        self._groups.add(group)
        self._tell([f"+{group}\n"])

    def remove(self, group: int) -> None:
        """Say that the group is gone."""
        self._groups.discard(group)
        self._tell([f"-{group}\n"])

    def revive(self) -> bool:
        """Start another if it was killed, and tell whether it was."""
        is_dead = self._process is not None and self._process.poll() is not None
        if is_dead:
            self._tell([])
        return is_dead

    def close(self) -> None:
        """Let it go; it ends what is still listed."""
        if self._process and self._process.stdin:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
            self._process.wait()

    def _tell(self, lines: Iterable[str]) -> None:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", __file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            lines = [f"+{group}\n" for group in self._groups]
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):  # it was killed just now: the next call starts another
            self._process.stdin.write("".join(lines).encode())
            self._process.stdin.flush()


def main() -> None:
    """Keep the list until the input ends, then end the listed groups."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        pid = int(line[1:])
        if line[0] == "+":
            groups.add(pid)
        else:
            groups.discard(pid)
    end(groups)


def end(groups: set[int]) -> None:
    """Send SIGTERM to the groups, and SIGKILL to those that are there after the grace.

    A dead child that nobody collects answers for ever, so after a second grace it is let be.
    """
    deadline = time.monotonic() + GRACE_SECONDS
    number = int(signal.SIGTERM)
    while groups and time.monotonic() < deadline + GRACE_SECONDS:
        groups = {group for group in groups if _send(group, number)}
        number = signal.SIGKILL if time.monotonic() > deadline else 0  # 0 only asks
        time.sleep(0.05)


def _send(group: int, number: int) -> bool:
    """Send `number` to the group; tell whether it was there."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
        return True
    return False


if __name__ == "__main__":
    main()
