"""The value a rule watches, at many moments at once. NaN is "nobody can tell"."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from monitoring.rules import conditions as c

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Spans = Sequence[tuple[float, float]]

#: Cells of the table that percentiles are sorted in at once.
CELLS = 2_000_000
P95_SHARE = 0.95


class Line(NamedTuple):
    """One series: times in seconds since 1970, sorted, and the values beside them."""

    times: Floats
    values: Floats


NOTHING = Line(np.empty(0), np.empty(0))


def moments_between(after: float, until: float, step: float) -> Floats:
    """Return the moments of the grid with `after` < moment <= `until`; the grid is the multiples of `step`."""
    first, last = np.floor(after / step) + 1, np.floor(until / step)
    return np.arange(first, last + 1) * step


def look_back(condition: c.Condition) -> float:
    """Return how much history before a moment its value needs, in seconds."""
    if condition.kind == c.RATE_OF_CHANGE:
        return condition.window + condition.shift
    if condition.kind == c.ABSENCE:
        return condition.threshold * 2
    return condition.window


def needed(condition: c.Condition, first: float, last: float) -> list[tuple[float, float]]:
    """Return the stretches of history that the values from moment `first` to `last` need, in the order of time.

    A comparison with last week needs two short ones, not the week between them.
    """
    now = (first - look_back(condition), last)
    if condition.kind != c.RATE_OF_CHANGE:
        return [now]
    then, now = (now[0], last - condition.shift), (first - condition.window, last)
    return [then, now] if then[1] < now[0] else [(then[0], last)]


def without(line: Line, spans: Spans) -> Line:
    """Return `line` without the samples that lie in `spans` (maintenance: they say nothing of the rule)."""
    if not spans or not len(line.times):
        return line
    kept = ~quiet_at(line.times, spans)
    return Line(line.times[kept], line.values[kept])


def quiet_at(moments: Floats, spans: Spans) -> npt.NDArray[np.bool_]:
    """Tell for each moment whether it lies in one of `spans` (start included, end not)."""
    inside = np.zeros(len(moments), dtype=bool)
    for start, end in spans:
        inside |= (moments >= start) & (moments < end)
    return inside


def values_at(
    condition: c.Condition, line: Line, moments: Floats, *, since: float = -np.inf, spans: Spans = ()
) -> Floats:
    """Return the value `condition` watches at each of `moments`, NaN where it cannot be told.

    `since` is where what is known of the series begins; `spans` are left out, samples and moments both.
    """
    line = without(line, spans)
    if condition.kind == c.ABSENCE:
        values = _silence(line, moments, since, spans)
    elif condition.kind == c.RATE_OF_CHANGE:
        values = _change(condition, line, moments)
    else:
        values = _aggregate(condition, line, moments)
    return np.where(quiet_at(moments, spans) | (moments < since), np.nan, values)


def _silence(line: Line, moments: Floats, since: float, spans: Spans) -> Floats:
    """Seconds since the last sample, or since something was known at all; maintenance is no silence."""
    ends = [end for _, end in spans]
    heard = np.sort(np.concatenate([line.times, [since], ends]))
    latest = heard[np.searchsorted(heard, moments, side="right") - 1]
    silence = moments - latest
    return np.where(np.isfinite(silence), np.maximum(silence, 0.0), np.nan)


def _change(condition: c.Condition, line: Line, moments: Floats) -> Floats:
    now, before = _aggregate(condition, line, moments), _aggregate(condition, line, moments - condition.shift)
    if not condition.is_relative:
        return now - before
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(before == 0, np.nan, 100 * (now - before) / np.abs(before))


def _aggregate(condition: c.Condition, line: Line, moments: Floats) -> Floats:
    """Return the aggregate of the samples with moment - window < time <= moment."""
    first = np.searchsorted(line.times, moments - condition.window, side="right")
    after = np.searchsorted(line.times, moments, side="right")
    count = (after - first).astype(np.float64)
    if condition.aggregate == c.COUNT:
        # no sample at all is too few, but never few enough
        is_told = (count > 0) | (condition.direction == c.BELOW)
        return np.where(is_told, count, np.nan)
    found = np.full(len(moments), np.nan)
    filled = np.flatnonzero(count)
    if filled.size:
        found[filled] = _reduced(condition.aggregate, line.values, first[filled], after[filled])
    return found


def _reduced(aggregate: str, values: Floats, first: Indices, after: Indices) -> Floats:
    if aggregate == c.LAST:
        return values[after - 1]
    if aggregate == c.P95:
        return _percentile(values, first, after)
    if aggregate == c.MAX:
        return _by_window(np.maximum, values, first, after)
    if aggregate == c.MIN:
        return _by_window(np.minimum, values, first, after)
    total = _by_window(np.add, values, first, after)
    return total if aggregate == c.SUM else total / (after - first)


def _by_window(reduce: np.ufunc, values: Floats, first: Indices, after: Indices) -> Floats:
    """Reduce values[first:after] of each pair; no pair is empty."""
    pairs = np.stack([first, after], axis=1).ravel()
    reduced: Floats = reduce.reduceat(np.append(values, 0.0), pairs)[::2]
    return reduced


def _percentile(values: Floats, first: Indices, after: Indices) -> Floats:
    """The 95th percentile of values[first:after] of each pair, interpolated as numpy.quantile does."""
    widest = int((after - first).max())
    rows = max(CELLS // widest, 1)
    parts = [
        _percentile_of_some(values, first[at : at + rows], after[at : at + rows]) for at in range(0, len(first), rows)
    ]
    return np.concatenate(parts)


def _percentile_of_some(values: Floats, first: Indices, after: Indices) -> Floats:
    counts = after - first
    places = first[:, None] + np.arange(counts.max())
    table = np.where(places < after[:, None], values[np.minimum(places, len(values) - 1)], np.inf)
    table.sort(axis=1)
    place = (counts - 1) * P95_SHARE
    low = np.floor(place).astype(np.int64)
    row = np.arange(len(counts))
    below, above = table[row, low], table[row, np.minimum(low + 1, counts - 1)]
    found: Floats = below + (above - below) * (place - low)
    return found
