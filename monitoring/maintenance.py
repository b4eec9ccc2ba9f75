"""PURE: when a maintenance window covers a moment, and what of a stretch of time it covers."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Window:
    """A planned window; of a weekly one the first week's. `ended_at`: nothing of it lies later."""

    starts_at: datetime
    ends_at: datetime
    every_week: bool = False
    ended_at: datetime | None = None


def covers(window: Window, at: datetime) -> bool:
    """Whether `at` lies in the window; its end does not."""
    return any(start <= at < end for start, end in spans(window, at, at + timedelta(microseconds=1)))


def spans(window: Window, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield the stretches between `start` and `end` that the window covers, in the order of time."""
    limit = min(end, window.ended_at or end)
    begins, length = window.starts_at, window.ends_at - window.starts_at
    if window.every_week and start > window.ends_at:
        begins += (start - window.ends_at) // WEEK * WEEK
    while begins < limit:
        if min(begins + length, limit) > start:
            yield max(begins, start), min(begins + length, limit)
        if not window.every_week:
            return
        begins += WEEK


def merged(stretches: Iterable[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """Return stretches that may overlap as ones that do not, in the order of time."""
    found: list[tuple[datetime, datetime]] = []
    for start, end in sorted(stretches):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found
