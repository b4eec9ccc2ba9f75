"""Samples of several series, summed up on one grid of time: what a chart of many lines and a table need."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from monitoring.selectors.charts import GAP_STEPS, ordinary_step
from monitoring.store import Floats, Rollups, Samples

Numbers = npt.NDArray[Any]

#: Ways to sum up: the word in the address and what people call it.
WAYS = {
    "mean": "Mean",
    "sum": "Sum over series",
    "p50": "Median",
    "p90": "90th percentile",
    "p95": "95th percentile",
    "p99": "99th percentile",
    "min": "Lowest",
    "max": "Highest",
}
QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
#: Widths that a bucket may have, in seconds: people think in them.
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 604_800)
#: A line needs so many pixels a point to be read.
PIXELS = 3


class Grid(NamedTuple):
    """Buckets of `step` seconds from `start` on, in seconds since 1970 (or since a release)."""

    start: float
    step: float
    size: int

    @property
    def times(self) -> Floats:
        """Return where each bucket begins."""
        return self.start + self.step * np.arange(self.size, dtype=np.float64)


def grid_of(start: float, end: float, *, columns: int, sample_step: float) -> Grid:
    """Return the finest grid that `columns` pixels show and that samples `sample_step` seconds apart fill."""
    wanted = max((end - start) * PIXELS / max(columns, 1), sample_step * 0.999)
    step = float(next((step for step in STEPS if step >= wanted), STEPS[-1]))
    first = math.floor(start / step) * step
    return Grid(first, step, max(math.ceil((end - first) / step), 1))


def usual_step(lines: Sequence[Samples]) -> float:
    """Return the seconds between two samples of most of these lines; a minute where there is no telling."""
    steps = sorted(ordinary_step(samples.times) for samples in lines if len(samples.times) > 1)
    return steps[len(steps) // 2] if steps else 60.0


class Summed(NamedTuple):
    """A line on a grid: its value, and the least and greatest sample in each bucket; NaN where there is none."""

    values: Floats
    least: Floats
    greatest: Floats


def sum_up(lines: Sequence[Samples], grid: Grid, how: str) -> Summed:
    """Return several series as one line on `grid`, by one of WAYS."""
    times = np.concatenate([samples.times for samples in lines]) if lines else np.empty(0)
    values = np.concatenate([samples.values for samples in lines]) if lines else np.empty(0)
    owner = np.repeat(np.arange(len(lines)), [len(samples.times) for samples in lines])
    places = np.floor((times - grid.start) / grid.step).astype(np.int64)
    inside = (places >= 0) & (places < grid.size)
    places, values, owner = places[inside], values[inside], owner[inside]
    least, greatest = _spread(places, values, grid.size)
    if how in QUANTILES:
        found = _quantile(places, values, grid.size, QUANTILES[how])
    elif how == "sum":
        found = _sum_of_means(places, values, owner, len(lines), grid.size)
    else:
        found = {"min": least, "max": greatest}.get(how, _mean(places, values, grid.size))
    step = usual_step(lines)
    return Summed(*(_bridged(column, grid, step) for column in (found, least, greatest)))


def sum_up_rollups(lines: Sequence[Rollups], grid: Grid, how: str) -> Summed:
    """Return the same from roll-ups whose buckets are no wider than the grid's; percentiles are not to be had."""
    places = np.concatenate([np.floor((line.starts - grid.start) / grid.step).astype(np.int64) for line in lines])
    owner = np.repeat(np.arange(len(lines)), [len(line.starts) for line in lines])
    inside = (places >= 0) & (places < grid.size)
    count, total, least, greatest = (
        np.concatenate([getattr(line, name) for line in lines])[inside].astype(np.float64)
        for name in ("count", "total", "least", "greatest")
    )
    places, owner = places[inside], owner[inside]
    low, high = np.full(grid.size, np.inf), np.full(grid.size, -np.inf)
    np.minimum.at(low, places, least)
    np.maximum.at(high, places, greatest)
    low, high = np.where(np.isinf(low), np.nan, low), np.where(np.isinf(high), np.nan, high)
    if how == "sum":
        found = _sum_of_means(places, total, owner, len(lines), grid.size, counts=count)
    else:
        sums, counts = (np.bincount(places, column, grid.size) for column in (total, count))
        found = {"min": low, "max": high}.get(how, _divided(sums, counts))
    return Summed(found, low, high)


def _divided(sums: Numbers, counts: Numbers) -> Floats:
    found: Floats = np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0)
    return found


def _mean(places: Numbers, values: Numbers, count: int) -> Floats:
    return _divided(np.bincount(places, values, count), np.bincount(places, minlength=count).astype(np.float64))


def _spread(places: Numbers, values: Numbers, count: int) -> tuple[Floats, Floats]:
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(low, places, values)
    np.maximum.at(high, places, values)
    return np.where(np.isinf(low), np.nan, low), np.where(np.isinf(high), np.nan, high)


def _sum_of_means(
    places: Numbers, values: Numbers, owner: Numbers, owners: int, count: int, counts: Numbers | None = None
) -> Floats:
    """The mean of each series in a bucket, added up over the series; one that is silent there adds nothing."""
    cells = places * max(owners, 1) + owner
    size = count * max(owners, 1)
    weights = np.bincount(cells, counts, size) if counts is not None else np.bincount(cells, minlength=size)
    means = _divided(np.bincount(cells, values, size), weights.astype(np.float64)).reshape(count, max(owners, 1))
    silent = np.isnan(means).all(axis=1)
    return np.where(silent, np.nan, np.nansum(means, axis=1))


def _quantile(places: Numbers, values: Numbers, count: int, share: float) -> Floats:
    """The quantile of each bucket, between two samples linearly (numpy's way)."""
    found = np.full(count, np.nan)
    if not len(values):
        return found
    order = np.lexsort((values, places))
    places, values = places[order], values[order]
    begins = np.flatnonzero(np.diff(places, prepend=-1))
    rank = share * (np.diff(begins, append=len(values)) - 1)
    low = np.floor(rank).astype(np.int64)
    below, above = values[begins + low], values[begins + np.ceil(rank).astype(np.int64)]
    found[places[begins]] = below + (above - below) * (rank - low)
    return found


def _bridged(values: Numbers, grid: Grid, sample_step: float) -> Floats:
    """Fill buckets that are empty only because samples come a little late; longer pauses stay."""
    known = np.flatnonzero(~np.isnan(values))
    if len(known) < 2:
        return values
    most = max(int(GAP_STEPS * sample_step / grid.step), 0)
    holes = np.flatnonzero(np.isnan(values))
    holes = holes[(holes > known[0]) & (holes < known[-1])]
    right = np.searchsorted(known, holes)
    short = known[right] - known[right - 1] - 1 <= most
    filled = values.copy()
    filled[holes[short]] = np.interp(holes[short], known, values[known])
    return filled
