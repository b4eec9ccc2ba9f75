"""PURE: numbers made of samples: the rate of a counter, the ratio of two counters, how available a check was."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
#: (times in seconds since 1970, values beside them), in the order of time.
Line = tuple[Floats, Floats]
#: From and to, in seconds since 1970.
Span = tuple[float, float]
_GREATEST = np.finfo(np.float64).max


def increases(values: Floats) -> Floats:
    """Return how much a counter grew from each value to the next.

    A counter that falls was set back to nought in between and has grown since to what it shows, as Prometheus counts.
    """
    with np.errstate(over="ignore"):
        grown = np.clip(np.diff(values), -_GREATEST, _GREATEST)
    return np.where(grown < 0, values[1:], grown)


def rate(times: Floats, values: Floats) -> Line:
    """Return a counter's growth per second, at the later of each two samples; nothing of fewer than two."""
    if len(times) < 2:
        return np.empty(0), np.empty(0)
    with np.errstate(over="ignore"):
        return times[1:], np.clip(increases(values) / np.diff(times), -_GREATEST, _GREATEST)


def ratio(part: Line, whole: Line, step: float) -> Line:
    """Return the share of one counter's growth in another's, by buckets of `step` seconds, at their starts.

    Such as failed of all requests. Buckets in which the whole did not grow are left out: nothing has no shares.
    """
    starts, grown = _growth(*whole, step)
    part_starts, part_grown = _growth(*part, step)
    parts = np.zeros(len(starts))
    is_shared = np.isin(part_starts, starts)
    parts[np.searchsorted(starts, part_starts[is_shared])] = part_grown[is_shared]
    has_grown = grown > 0
    return starts[has_grown], parts[has_grown] / grown[has_grown]


def availability(times: Floats, is_up: Floats, *, left_out: Sequence[Span] = ()) -> float | None:
    """Return the share of readings that were good (above 0), without those of the spans left out; None without any.

    Spans are those of maintenance, from their start to before their end.
    """
    counts = np.ones(len(times), bool)
    for start, end in left_out:
        counts &= (times < start) | (times >= end)
    return float((is_up[counts] > 0).mean()) if counts.any() else None


def _growth(times: Floats, values: Floats, step: float) -> Line:
    """How much a counter grew in each bucket, by the time of the later sample; starts of buckets and sums."""
    if len(times) < 2:
        return np.empty(0), np.empty(0)
    buckets = np.floor(times[1:] / step)
    begins = np.flatnonzero(np.diff(buckets, prepend=buckets[0] - 1))
    with np.errstate(over="ignore"):
        return buckets[begins] * step, np.clip(np.add.reduceat(increases(values), begins), -_GREATEST, _GREATEST)
