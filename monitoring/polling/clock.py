"""The time that every process agrees on: the database's, carried on by the monotonic clock between two looks at it."""

import time

_MICROSECONDS = 1e6
#: Smaller differences are the way to the database and back, and are evened out; larger ones are a clock that was set.
_STEP_US = 500_000


class Clock:
    """Microseconds since 1970 by the database's clock, so that a host whose own clock is wrong reads nothing twice."""

    def __init__(self) -> None:
        self._offset_us: float | None = None

    def set(self, database_us: int, *, asked_at: float, answered_at: float) -> None:
        """Take over what the database said; `asked_at` and `answered_at` are monotonic seconds around the question."""
        offset_us = database_us - (asked_at + answered_at) / 2 * _MICROSECONDS
        known = self._offset_us
        if known is None or abs(offset_us - known) > _STEP_US:
            self._offset_us = offset_us
        else:
            self._offset_us = known + (offset_us - known) / 8

    def now_us(self) -> int:
        """Return the time; before the database was asked there is none."""
        assert self._offset_us is not None, "the database was not asked for the time yet"
        return int(time.monotonic() * _MICROSECONDS + self._offset_us)
