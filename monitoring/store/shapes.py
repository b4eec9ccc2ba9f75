"""What goes in and comes out of the store: columns of numbers."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
#: Microseconds since 1970, UTC: how times go in.
Microseconds = Ints

#: So many neighbouring series lie together while their hour or day is folded.
SHELF = 64

SECOND_US = 1_000_000
HOUR_US = 3600 * SECOND_US
DAY_US = 24 * HOUR_US
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Samples(NamedTuple):
    """One series' samples in the order of time: `times` in seconds since 1970, `values` beside them."""

    times: Floats
    values: Floats


class Sample(NamedTuple):
    """One value at one time."""

    at: datetime
    value: float


@dataclass(frozen=True, slots=True)
class Rollups:
    """Buckets of one series that hold something, in the order of time; `starts` in seconds since 1970.

    `first` and `last` are the bucket's first and last value by time; the mean is `total / count`.
    """

    starts: Floats
    count: Ints
    total: Floats
    least: Floats
    greatest: Floats
    first: Floats
    last: Floats

    def pick(self, which: npt.NDArray[np.bool_] | npt.NDArray[np.intp] | slice) -> "Rollups":
        """Return some of the buckets."""
        return Rollups(*(getattr(self, name)[which] for name in self.__slots__))


class StoreFigures(NamedTuple):
    """How the store is doing: what waits to be compacted, and how large each tier is on disk, in bytes."""

    rows_waiting: int
    samples_waiting: int
    oldest_waiting_seconds: float
    bytes_by_tier: dict[str, int]


class DaySizes(NamedTuple):
    """What some series took on one day: how many samples, and the bytes of each tier."""

    samples: int
    raw: int
    minutes: int
    hours: int


NOTHING = Samples(np.empty(0), np.empty(0))


def microseconds(at: datetime) -> int:
    """Return an aware time as microseconds since 1970, exactly."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def moment(at_us: int) -> datetime:
    """Return microseconds since 1970 as an aware time; the inverse of `microseconds`."""
    return _EPOCH + timedelta(microseconds=at_us)
