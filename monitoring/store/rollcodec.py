"""PURE: one series' roll-ups of a day as bytes and back, with a sketch of each bucket."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monitoring.store.buckets import EMPTY, joined_rollups, roll_up
from monitoring.store.packing import content, frame, pack_floats, pack_ints, unpack_floats, unpack_ints
from monitoring.store.shapes import SECOND_US, Floats, Ints, Microseconds, Rollups
from monitoring.store.sketches import Sketch, buckets_of

_LEVEL = 3
#: More than the number of buckets of the scale of a sketch.
_SCALE = 200_000


@dataclass(frozen=True, slots=True)
class Rolled:
    """Roll-ups and the sketch of each of their buckets: `sizes` says how many of `keys` and `counts` belong to each."""

    rollups: Rollups
    sizes: Ints
    keys: Ints
    counts: Ints

    def sketches(self) -> list[Sketch]:
        """Return the sketch of each bucket."""
        ends = np.cumsum(self.sizes).tolist()
        begins = [0, *ends][:-1]
        return [Sketch(self.keys[begin:end], self.counts[begin:end]) for begin, end in zip(begins, ends, strict=True)]

    def pick(self, which: npt.NDArray[np.intp]) -> "Rolled":
        """Return the buckets at these places."""
        if len(which) == len(self.sizes) and (which == np.arange(len(which))).all():
            return self
        sketches = self.sketches()
        return _with_sketches(self.rollups.pick(which), [sketches[place] for place in which])


NOT_ROLLED = Rolled(EMPTY, *(np.empty(0, np.int64) for _ in range(3)))


def rolled(times_us: Microseconds, values: Floats, step: int) -> Rolled:
    """Roll up one series' samples, in the order of time, in buckets of `step` seconds."""
    if not len(times_us):
        return NOT_ROLLED
    sums = roll_up(times_us / 1e6, values, step)
    places = np.repeat(np.arange(len(sums.count)), sums.count)
    found, counts = np.unique_counts(places * _SCALE + buckets_of(values) + _SCALE // 2)
    sizes = np.bincount(found // _SCALE, minlength=len(sums.count)).astype(np.int64)
    return Rolled(sums, sizes, found % _SCALE - _SCALE // 2, counts)


def with_late(known: Rolled, late: Rolled) -> Rolled:
    """Return `known` with those buckets of `late` that it has nothing of.

    Where samples are gone nobody can tell a late one from a repeat: a bucket that has something stays as it is.
    """
    new = late.pick(np.flatnonzero(~np.isin(late.rollups.starts, known.rollups.starts)))
    sums = joined_rollups([known.rollups, new.rollups])
    sketches = [*known.sketches(), *new.sketches()]
    order = np.argsort(sums.starts, kind="stable")
    return _with_sketches(sums.pick(order), [sketches[place] for place in order])


def _with_sketches(sums: Rollups, sketches: Sequence[Sketch]) -> Rolled:
    if not sketches:
        return NOT_ROLLED
    return Rolled(
        sums,
        np.array([len(one.buckets) for one in sketches], np.int64),
        np.concatenate([one.buckets for one in sketches]),
        np.concatenate([one.counts for one in sketches]),
    )


def pack_rolled(of: Rolled) -> bytes:
    """Return roll-ups as bytes, exactly."""
    sums = of.rollups
    numbers = [(sums.starts * SECOND_US).astype(np.int64), sums.count, of.sizes, of.keys, of.counts]
    floats = [sums.total, sums.least, sums.greatest, sums.first, sums.last]
    parts = [*map(pack_ints, numbers), *map(pack_floats, floats)]
    return frame(list(itertools.chain.from_iterable(parts)), _LEVEL)


def unpack_rolled(packed: bytes | memoryview) -> Rolled:
    """Return what `pack_rolled` was given. Raises Unreadable."""
    inside, at = content(packed), 0
    numbers: list[Ints] = []
    floats: list[Floats] = []
    for _ in range(5):
        column, at = unpack_ints(inside, at)
        numbers.append(column)
    for _ in range(5):
        values, at = unpack_floats(inside, at)
        floats.append(values)
    starts, count, sizes, keys, counts = numbers
    return Rolled(Rollups(starts / 1e6, count, *floats), sizes, keys, counts)
