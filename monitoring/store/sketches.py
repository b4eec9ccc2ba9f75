"""PURE: what samples look like, small enough to keep for years: how many fell into each bucket of a logarithmic scale.

After DDSketch (Masson, Rim, Lee: "DDSketch: a fast and fully-mergeable quantile sketch", VLDB 2019): the bounds of a
bucket differ by 2 %, so that its middle is within 1 % of every value in it. Sketches add up without loss.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from monitoring.store.shapes import Floats, Ints

ACCURACY = 0.01
_GAMMA = (1 + ACCURACY) / (1 - ACCURACY)
_LOG_GAMMA = float(np.log(_GAMMA))
#: Makes the number of every bucket of positive values positive; negative values have the mirrored numbers, zero has 0.
_OFFSET = 40_000


@dataclass(frozen=True, slots=True)
class Sketch:
    """Numbers of buckets, ascending, and how many values each holds; the order of buckets is the order of values."""

    buckets: Ints
    counts: Ints


NO_SKETCH = Sketch(np.empty(0, np.int64), np.empty(0, np.int64))


def buckets_of(values: Floats) -> Ints:
    """Return the number of the bucket of each value; values must be finite."""
    sizes = np.abs(values)
    is_zero = sizes == 0
    logs = np.log(np.where(is_zero, 1.0, sizes)) / _LOG_GAMMA
    numbers = np.ceil(logs).astype(np.int64) + _OFFSET
    return np.where(is_zero, 0, np.where(values < 0, -numbers, numbers))


def sketch(values: Floats) -> Sketch:
    """Return the sketch of finite values."""
    return Sketch(*np.unique_counts(buckets_of(values)))


def merge(sketches: Iterable[Sketch]) -> Sketch:
    """Return the sketch of all values of `sketches`."""
    all_of_them = list(sketches)
    if not all_of_them:
        return NO_SKETCH
    buckets, places = np.unique(np.concatenate([one.buckets for one in all_of_them]), return_inverse=True)
    counts = np.zeros(len(buckets), np.int64)
    np.add.at(counts, places, np.concatenate([one.counts for one in all_of_them]))
    return Sketch(buckets, counts)


def quantiles(of: Sketch, at: Sequence[float]) -> Floats:
    """Return the values at quantiles `at` (0 to 1) to within 1 %: those of rank floor(q (n - 1)). NaN if empty."""
    total = int(of.counts.sum())
    if not total:
        return np.full(len(at), np.nan)
    ranks = np.floor(np.asarray(at, np.float64) * (total - 1))
    places = np.searchsorted(np.cumsum(of.counts), ranks, side="right")
    return _middles(of.buckets[places])


def _middles(buckets: Ints) -> Floats:
    # half of a bucket's upper bound and back: the bound of the greatest floats is none itself
    sizes = 2 * np.exp((np.abs(buckets) - _OFFSET) * _LOG_GAMMA - np.log(_GAMMA + 1))
    return np.asarray(np.where(buckets == 0, 0.0, np.copysign(sizes, buckets)), np.float64)
