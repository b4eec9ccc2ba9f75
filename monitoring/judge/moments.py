"""The same question at ordinary moments: how far from the forecast does this metric go when nothing happened?

The part after a deployment is forecast in several simple ways from what came before, and so is the part after up to
160 earlier *placebo* instants of the same history. The forecasts are weighed by how well they did there, and the spread
of their errors is the noise: season, autocorrelation and the number of points come in by themselves.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from monitoring.judge.facts import Floats
from monitoring.judge.grid import Grid

Ints = npt.NDArray[np.int64]

MAX_MOMENTS = 160
#: With fewer the windows at ordinary moments are shorter than the one that is judged.
MIN_MOMENTS = 30
MAX_SCORE = 40.0
_MIN_ERRORS = 5
_DAYS = 7
_TRIM = 0.2
#: Steps before an instant that say what its level was: short, usual, long.
_BRIEF, _LEAST_NEAR, _FAR = 6, 12, 4

#: Parts of a window: without its first steps (what is still restarting), the second half, the last quarter.
SETTLED, HALF, LATE = "settled", "half", "late"


def part_of(name: str, length: int) -> tuple[int, int]:
    """(offset, steps) of a part of a window of this length."""
    if name == LATE:
        late = max(1, length // 4) if length >= 6 else min(2, length)
        return length - late, late
    if length < 6:
        return 0, length
    skipped = min(4, length // 6) if name == SETTLED else length // 2
    return skipped, length - skipped


@dataclass(frozen=True, eq=False)
class Moments:
    """The instants that are looked at; the last one is the deployment.

    ``values`` are on the even scale, before and after one after the other. ``length`` is that of the windows at
    ordinary moments, ``judged`` that of the one that is judged (they differ only when the history is short); both begin
    ``settle`` steps after the instant. ``levels`` keeps what was asked for.
    """

    values: Floats
    at: Ints
    length: int
    judged: int
    near_steps: int
    far_steps: int
    settle: int
    day: int
    days: int
    is_sparse: bool
    levels: dict[tuple[int, ...], Floats] = field(default_factory=dict, repr=False)

    @property
    def trim(self) -> float:
        """The share of values at either end that a level leaves out; of mostly zeros it would leave nothing else."""
        return 0.0 if self.is_sparse else _TRIM

    def gather(self, offset: int, length: int, at: Ints | None = None) -> Floats:
        """A row for each instant: ``length`` steps from the instant + ``offset``; NaN outside."""
        index = (self.at if at is None else at)[:, None] + offset + np.arange(length)[None, :]
        inside = (index >= 0) & (index < self.values.size)
        return np.where(inside, self.values[np.clip(index, 0, self.values.size - 1)], np.nan)

    def before(self, steps: int, days_ago: int = 0) -> Floats:
        """The level of so many steps before each instant, or before the same clock time some days earlier."""
        return trimmed_mean(self.gather(-steps - days_ago * self.day, steps), self.trim)

    def level(self, part: str, days_ago: int = 0) -> Floats:
        """The level of a part of the window after each instant, or of the same hours some days earlier."""
        key = (*part_of(part, self.length), *part_of(part, self.judged), days_ago)
        if key not in self.levels:
            self.levels[key] = self.of_window(lambda rows: trimmed_mean(rows, self.trim), part, days_ago)
        return self.levels[key]

    def of_window(self, measure: Callable[[Floats], Floats], part: str | None = None, days_ago: int = 0) -> Floats:
        """Something measured on rows, at the ordinary moments and at the deployment, each on its own length."""
        shift = self.settle - days_ago * self.day
        if self.length == self.judged:
            offset, steps = part_of(part, self.length) if part else (0, self.length)
            return measure(self.gather(offset + shift, steps))
        found = []
        for at, length in ((self.at[:-1], self.length), (self.at[-1:], self.judged)):
            offset, steps = part_of(part, length) if part else (0, length)
            found.append(measure(self.gather(offset + shift, steps, at)))
        return np.concatenate(found)

    @cached_property
    def references(self) -> tuple[Floats, Floats, Floats]:
        """The levels right before: usual, long, brief."""
        brief = min(_BRIEF, self.near_steps)
        return self.before(self.near_steps), self.before(self.far_steps), self.before(brief)

    @cached_property
    def day_references(self) -> tuple[Floats, Floats]:
        """The usual and the brief level right before, one to seven days earlier: a row a day."""
        days, brief = range(1, self.days + 1), min(_BRIEF, self.near_steps)
        return (
            np.array([self.before(self.near_steps, day) for day in days]),
            np.array([self.before(brief, day) for day in days]),
        )


def moments_of(grid: Grid, values: Floats) -> Moments | None:
    """The instants of a history; ``None`` when it has too few values for any."""
    before, judged = grid.before.size, grid.after.size - grid.settle
    known = grid.before[np.isfinite(grid.before)]
    if judged < 1 or known.size < _MIN_ERRORS:
        return None
    near = max(judged, _LEAST_NEAR)
    at, length = _instants(min(near, before // 3), before - grid.after.size, 2 * judged), judged
    if at.size < MIN_MOMENTS:
        length, near = max(3, min(judged, before // 5)), max(5, min(near, before // 4))
        at = _instants(near, before - length - grid.settle, 0)
    at = at[_is_ordinary(grid, at + grid.settle, length)]
    far = max(near, min(_FAR * near, before // 2))
    days = min(_DAYS, before // grid.day) if grid.day and before >= grid.day + grid.after.size else 0
    return Moments(
        values=values,
        at=np.append(at, before),
        length=length,
        judged=judged,
        near_steps=near,
        far_steps=far,
        settle=grid.settle,
        day=grid.day,
        days=days,
        is_sparse=bool((known == known.min()).mean() > 0.4),
    )


def _instants(first: int, last: int, least: int) -> Ints:
    if last < first or last - first < least:
        return np.empty(0, int)
    return np.unique(np.linspace(first, last, min(MAX_MOMENTS, last - first + 1)).round().astype(int))


def _is_ordinary(grid: Grid, starts: Ints, length: int) -> npt.NDArray[np.bool_]:
    """Which of these windows lie mostly outside of what was left out of the history."""
    if not grid.left_out.any():
        return np.ones(starts.shape, bool)
    so_far = np.append(0, np.cumsum(grid.left_out))
    ends = np.minimum(starts + length, grid.before.size)
    found: npt.NDArray[np.bool_] = 2 * (so_far[ends] - so_far[np.minimum(starts, ends)]) < np.maximum(length, 1)
    return found


def misses(moments: Moments, part: str) -> tuple[Floats, Floats]:
    """By how much each forecast missed a part at each instant, and the levels of the part."""
    level = moments.level(part)
    same = np.array([moments.level(part, day) for day in range(1, moments.days + 1)])
    return level - forecasts(moments.references, moments.day_references, same), level


def forecasts(references: Sequence[Floats], day_references: Sequence[Floats], same: Floats) -> Floats:
    """A row for each simple forecast, for each instant: from the references of ``Moments`` and what came at the same
    hours of earlier days, a row a day.

    Local level long, short and very short; the same hours of earlier days, of yesterday, of last week; local level and
    the change that the same hours of earlier days brought.
    """
    near, far, brief = references
    found = [near, far, brief]
    if len(same):
        near_then, brief_then = day_references
        rise = same - near_then
        found += [median(same), near + median(rise), brief + median(same - brief_then), same[0], near + rise[0]]
        if len(same) == _DAYS:
            found += [same[-1], near + rise[-1]]
    return np.array(found)


def weighed(missed: Floats) -> Floats:
    """One error for each instant: the forecasts weighed by how small their ordinary errors are."""
    return blended(missed, trust(missed))


def trust(missed: Floats) -> Floats:
    """The weight of each forecast, by its ordinary errors; all 0: none is of use now."""
    sizes = np.array([_usual_miss(row) for row in missed])
    if not np.isfinite(sizes).any():
        return np.zeros(len(missed))
    floored = np.maximum(sizes, 1e-9 * np.nanmax(sizes) or 1.0)
    weights: Floats = np.nan_to_num((np.nanmin(floored) / floored) ** 2)
    return weights


def blended(rows: Floats, weights: Floats) -> Floats:
    """The weighed mean of each column, of the rows that are known there; NaN where none with a weight is."""
    usable = np.isfinite(rows)
    shares = np.where(usable, weights[:, None], 0.0)
    total = shares.sum(axis=0)
    sums = (np.where(usable, rows, 0.0) * shares).sum(axis=0)
    found: Floats = np.divide(sums, total, out=np.full(total.shape, np.nan), where=total > 0)
    return found


def _usual_miss(missed: Floats) -> float:
    """The root mean square of a forecast's ordinary errors, the largest tenth cut down; NaN: of no use now."""
    errors = missed[:-1][np.isfinite(missed[:-1])]
    if errors.size < _MIN_ERRORS or not np.isfinite(missed[-1]):
        return np.nan
    sizes = np.abs(errors - quantile(errors, 0.5))
    return root_mean_square(np.minimum(sizes, quantile(sizes, 0.9)))


@dataclass(frozen=True, slots=True)
class Standing:
    """Where now stands among ordinary moments: in usual errors, and in errors that count the rare large ones."""

    usual: float = 0.0
    wide: float = 0.0


def standing(found: Floats) -> Standing:
    """Of the last value among the others."""
    errors, now = found[:-1][np.isfinite(found[:-1])], float(found[-1])
    if errors.size < _MIN_ERRORS or not np.isfinite(now):
        return Standing()
    middle = quantile(errors, 0.5)
    usual, wide = spreads(errors - middle)
    return Standing(ratio(now - middle, usual), ratio(now - middle, wide))


def spreads(errors: Floats) -> tuple[float, float]:
    """The size that two thirds of the errors keep within, and a root mean square that is at least that."""
    sizes = np.sort(np.abs(errors))
    usual = _at(sizes, 0.6827)
    return usual, max(usual, root_mean_square(np.minimum(sizes, _at(sizes, 0.97))))


def ratio(shift: float, spread: float) -> float:
    """``shift`` in spreads, at most 40."""
    if shift == 0:
        return 0.0
    if abs(shift) >= MAX_SCORE * spread:
        return MAX_SCORE if shift > 0 else -MAX_SCORE
    return shift / spread


def quantile(values: Floats, share: float) -> float:
    """Of finite values, between neighbours in proportion; many times faster than numpy's on short rows."""
    return _at(np.sort(values), share)


def _at(ordered: Floats, share: float) -> float:
    place = share * (ordered.size - 1)
    low = int(place)
    high = min(low + 1, ordered.size - 1)
    return float(ordered[low] + (ordered[high] - ordered[low]) * (place - low))


def root_mean_square(sizes: Floats) -> float:
    """Without overflow."""
    largest = float(sizes.max()) if sizes.size else 0.0
    if not largest:
        return 0.0
    shares = sizes / largest
    return largest * math.sqrt(float(shares @ shares) / shares.size)


def trimmed_mean(rows: Floats, trim: float = _TRIM) -> Floats:
    """The mean of each row without this share of its values at either end; NaN for a row without values."""
    ordered = np.sort(rows, axis=-1)  # NaN goes last
    counts = np.isfinite(ordered).sum(axis=-1, keepdims=True)
    cut = np.floor(counts * trim)
    place = np.arange(rows.shape[-1])
    kept = (place >= cut) & (place < counts - cut)
    sums = np.where(kept, ordered, 0.0).sum(axis=-1)
    total = kept.sum(axis=-1)
    means: Floats = np.divide(sums, total, out=np.full(sums.shape, np.nan), where=total > 0)
    return means


def median(rows: Floats) -> Floats:
    """The median of each column of the values there are."""
    ordered = np.sort(rows, axis=0)
    counts = np.isfinite(ordered).sum(axis=0)
    columns = np.arange(rows.shape[1])
    low, high = ordered[np.maximum(counts - 1, 0) // 2, columns], ordered[counts // 2 % rows.shape[0], columns]
    return np.where(counts > 0, (low + np.where(counts % 2 == 0, high, low)) / 2, np.nan)
