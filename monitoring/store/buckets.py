"""PURE: samples summed up in buckets of time."""

from collections.abc import Sequence

import numpy as np

from monitoring.store.shapes import Floats, Ints, Rollups

#: Nothing in any bucket.
_GREATEST = np.finfo(np.float64).max
#: Scales without rounding, so that no sum on the way overflows.
_DOWN = 2.0**-64
EMPTY = Rollups(np.empty(0), np.empty(0, np.int64), *(np.empty(0) for _ in range(5)))


def roll_up(times: Floats, values: Floats, step: float) -> Rollups:
    """Sum up samples in the order of time in buckets of `step` seconds, aligned to multiples of it since 1970."""
    if not len(times):
        return EMPTY
    numbers = np.floor(times / step).astype(np.int64)
    begins = np.flatnonzero(np.diff(numbers, prepend=numbers[0] - 1))
    ends = np.append(begins[1:], len(times))
    return Rollups(
        starts=(numbers[begins] * step).astype(np.float64),
        count=_counts(begins, ends),
        total=_sums(values, begins),
        least=np.minimum.reduceat(values, begins),
        greatest=np.maximum.reduceat(values, begins),
        first=values[begins],
        last=values[ends - 1],
    )


def _sums(values: Floats, begins: Ints) -> Floats:
    """Sums from each of `begins` to the next; one that no float can hold is the greatest there is."""
    with np.errstate(over="ignore", invalid="ignore"):
        sums = np.add.reduceat(values, begins)
        if not np.isfinite(sums).all():
            sums = np.clip(np.add.reduceat(values * _DOWN, begins) / _DOWN, -_GREATEST, _GREATEST)
    return sums


def _counts(begins: Ints, ends: Ints) -> Ints:
    return (ends - begins).astype(np.int64)


def joined_rollups(parts: Sequence[Rollups]) -> Rollups:
    """Return the buckets of all `parts`, one after the other."""
    if not parts:
        return EMPTY
    return Rollups(*(np.concatenate([getattr(part, name) for part in parts]) for name in Rollups.__slots__))


def regrouped(of: Rollups, step: float) -> Rollups:
    """Sum up buckets, in the order of time, in wider ones of `step` seconds."""
    if not len(of.starts):
        return of
    numbers = np.floor(of.starts / step).astype(np.int64)
    begins = np.flatnonzero(np.diff(numbers, prepend=numbers[0] - 1))
    ends = np.append(begins[1:], len(numbers))
    return Rollups(
        starts=(numbers[begins] * step).astype(np.float64),
        count=np.add.reduceat(of.count, begins),
        total=_sums(of.total, begins),
        least=np.minimum.reduceat(of.least, begins),
        greatest=np.maximum.reduceat(of.greatest, begins),
        first=of.first[begins],
        last=of.last[ends - 1],
    )
