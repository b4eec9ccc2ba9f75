"""Samples come late: which of the newest ones were there when a look read them, so that it can be judged again.

Times are kept as runs of equal steps: a poll that goes by a grid is three numbers.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

import numpy as np

from monitoring import store
from monitoring.store import Ints, Samples

#: What comes later than this after its time, or has so many samples after it, is not told apart any more.
LATEST_US = 3600 * 1_000_000
MOST = 1000


@dataclass(frozen=True)
class Tail:
    """The times, in microseconds since 1970, at which a series had samples from `start` to before `end`."""

    start: int
    end: int
    times: Ints

    @classmethod
    def of(cls, samples: Samples, start: int, end: int) -> Self:
        """The newest part of `samples`, which were read from `start` to before `end`."""
        times = _microseconds(samples)
        start = max(start, end - LATEST_US, int(times[-MOST]) if len(times) > MOST else start)
        return cls(start, end, times[times >= start])

    def cut(self, samples: Samples) -> Samples:
        """Those of `samples` that were there then."""
        times = _microseconds(samples)
        was_there = (times < self.start) | (times >= self.end) | np.isin(times, self.times)
        return Samples(samples.times[was_there], samples.values[was_there])

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it: each run is its first time, its step and how many there are."""
        return {"start": self.start, "end": self.end, "runs": _runs(self.times.tolist())}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        times = [first + step * np.arange(count, dtype=np.int64) for first, step, count in data["runs"]]
        return cls(data["start"], data["end"], np.concatenate([np.empty(0, np.int64), *times]))


@dataclass
class AsOf:
    """Reads the store as it is the first time, and each series as it was then from there on: `store.read` of one look.

    With the tails of an earlier look it reads what that look read.
    """

    until: float
    tails: dict[int, Tail] = field(default_factory=dict)

    def __call__(self, series_ids: Collection[int], start: datetime, end: datetime) -> dict[int, Samples]:
        """Return the samples with start <= time < end of each series, without what came too late."""
        found = store.read(series_ids, start, end)
        if end.timestamp() >= self.until:
            span = store.microseconds(start), store.microseconds(end)
            self.tails |= {pk: Tail.of(found[pk], *span) for pk in found.keys() - self.tails.keys()}
        return {pk: self.tails[pk].cut(samples) if pk in self.tails else samples for pk, samples in found.items()}

    def to_json(self) -> dict[str, Any]:
        """Return what is kept with a verdict."""
        return {str(pk): tail.to_dict() for pk, tail in self.tails.items()}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        """Read as the look did whose tails these are; what it did not keep is read as it is now."""
        return cls(np.inf, {int(pk): Tail.from_dict(tail) for pk, tail in kept.items()})


def _microseconds(samples: Samples) -> Ints:
    return np.rint(samples.times * 1e6).astype(np.int64)


def _runs(times: list[int]) -> list[list[int]]:
    runs: list[list[int]] = []
    for time in times:
        if runs and (runs[-1][2] == 1 or time == runs[-1][0] + runs[-1][1] * runs[-1][2]):
            first, step, count = runs[-1]
            runs[-1] = [first, time - first if count == 1 else step, count + 1]
        else:
            runs.append([time, 0, 1])
    return runs
