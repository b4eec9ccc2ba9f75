"""The same question at ordinary moments: how far from the forecast does this metric go when nothing happened?

The part after a deployment is forecast in several simple ways from what came before, and so is the part after up to
160 earlier *placebo* instants of the same history. The forecasts are weighed by how well they did there, and the spread
of their errors is the noise: season, autocorrelation and the number of points come in by themselves.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monitoring.judge.facts import Floats
from monitoring.judge.grid import Grid, Scale

Ints = npt.NDArray[np.int64]

MAX_MOMENTS = 160
MIN_MOMENTS = 20
#: Windows of this length that the history must hold, or its moments are too much alike.
MIN_WINDOWS = 2
MAX_SCORE = 30.0
_DAYS = 7
_TRIM = 0.2


@dataclass(frozen=True, eq=False, slots=True)
class Comparison:
    """Now against ordinary moments, on the scale. ``errors`` are theirs with the median taken out, ``shift`` ours.

    ``spread`` is the size of an ordinary error, ``expected`` the forecast, ``late_shift`` that of the last quarter.
    """

    expected: float
    shift: float
    late_shift: float
    errors: Floats
    spread: float

    @property
    def score(self) -> float:
        """The shift in ordinary errors."""
        return _ratio(self.shift, self.spread)


def compare(grid: Grid, scale: Scale) -> Comparison | None:
    """``None`` when the history is too short for ordinary moments of its own."""
    moments = _moments(grid)
    if moments.size < MIN_MOMENTS:
        return None
    values = scale.forward(np.concatenate([grid.before, grid.after]))
    at = np.append(moments, grid.before.size)
    windows = _Windows(values, at, is_sparse=_is_sparse(grid.before))
    judged = grid.after.size - grid.settle
    levels, errors = _forecast_errors(windows, grid, grid.settle, judged)
    if errors is None or not np.isfinite(errors[-1]):
        return None
    ordinary = errors[:-1][np.isfinite(errors[:-1])]
    if ordinary.size < MIN_MOMENTS:
        return None
    middle = float(np.median(ordinary))
    late = max(1, judged // 4)
    _, late_errors = _forecast_errors(windows, grid, grid.after.size - late, late)
    shift = float(errors[-1]) - middle
    has_late = late_errors is not None and np.isfinite(late_errors[-1])
    return Comparison(
        expected=float(levels[-1]) - shift,
        shift=shift,
        late_shift=float(late_errors[-1]) if late_errors is not None and has_late else shift,
        errors=ordinary - middle,
        spread=_spread(ordinary - middle),
    )


def reference_length(grid: Grid) -> int:
    """Steps before an instant that say what its level was."""
    return max(grid.after.size, 12)


def _moments(grid: Grid) -> Ints:
    first = min(reference_length(grid), grid.before.size // 3)
    last = grid.before.size - grid.after.size
    judged = grid.after.size - grid.settle
    if judged < 1 or last - first < MIN_WINDOWS * grid.after.size:
        return np.empty(0, int)
    count = min(MAX_MOMENTS, last - first + 1)
    return np.unique(np.linspace(first, last, count).round().astype(int))


def _is_sparse(before: Floats) -> bool:
    """Mostly zero: a mean without its extremes would see nothing."""
    values = before[np.isfinite(before)]
    return bool(values.size) and bool((values == 0).mean() > 0.4)


class _Windows:
    """Robust levels of windows at offsets from many instants at once."""

    def __init__(self, values: Floats, at: Ints, *, is_sparse: bool) -> None:
        self.values, self.at, self.trim = values, at, 0.0 if is_sparse else _TRIM

    def level(self, offset: int, length: int) -> Floats:
        """The mean without the outer fifths of ``length`` steps from each instant + ``offset``; NaN without values."""
        index = self.at[:, None] + offset + np.arange(length)[None, :]
        inside = (index >= 0) & (index < self.values.size)
        found = np.where(inside, self.values[np.clip(index, 0, self.values.size - 1)], np.nan)
        return trimmed_mean(found, self.trim)


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


def _forecast_errors(windows: _Windows, grid: Grid, offset: int, length: int) -> tuple[Floats, Floats | None]:
    """The levels of the windows, and by how much the weighed forecasts missed them; the last one is now."""
    levels = windows.level(offset, length)
    missed = levels - np.array(_forecasts(windows, grid, offset, length))
    sizes = np.array([_usual_miss(row) for row in missed])
    if not np.isfinite(sizes).any():
        return levels, None
    floored = np.maximum(sizes, 1e-9 * np.nanmax(sizes) or 1.0)
    weights = np.nan_to_num((np.nanmin(floored) / floored) ** 2)
    usable = np.isfinite(missed)
    shares = np.where(usable, weights[:, None], 0.0)
    total = shares.sum(axis=0)
    sums = (np.where(usable, missed, 0.0) * shares).sum(axis=0)
    return levels, np.divide(sums, total, out=np.full(total.shape, np.nan), where=total > 0)


def _forecasts(windows: _Windows, grid: Grid, offset: int, length: int) -> list[Floats]:
    """Local level short and long; the same hours of earlier days, of last week; these plus the change of level."""
    near = reference_length(grid)
    far = max(near, min(4 * near, grid.before.size // 2))
    local = windows.level(-near, near)
    forecasts = [local, windows.level(-far, far)]
    if not grid.day or grid.before.size < grid.day + grid.after.size:
        return forecasts
    days = min(_DAYS, grid.before.size // grid.day)
    same = np.array([windows.level(offset - day * grid.day, length) for day in range(1, days + 1)])
    rise = same - np.array([windows.level(-near - day * grid.day, near) for day in range(1, days + 1)])
    forecasts += [_median(same), local + _median(rise)]
    if days == _DAYS:
        forecasts += [same[-1], local + rise[-1]]
    return forecasts


def _median(rows: Floats) -> Floats:
    """The median of each column of the values there are."""
    ordered = np.sort(rows, axis=0)
    counts = np.isfinite(ordered).sum(axis=0)
    columns = np.arange(rows.shape[1])
    low, high = ordered[np.maximum(counts - 1, 0) // 2, columns], ordered[counts // 2 % rows.shape[0], columns]
    return np.where(counts > 0, (low + np.where(counts % 2 == 0, high, low)) / 2, np.nan)


def _usual_miss(missed: Floats) -> float:
    """The root mean square of a forecast's ordinary errors, the largest tenth cut down; NaN: of no use now."""
    errors = np.abs(missed[:-1][np.isfinite(missed[:-1])])
    if errors.size < MIN_MOMENTS // 2 or not np.isfinite(missed[-1]):
        return np.nan
    return _root_mean_square(np.minimum(errors, np.quantile(errors, 0.9)))


def _root_mean_square(sizes: Floats) -> float:
    largest = float(np.max(sizes))
    return largest * float(np.sqrt(np.mean((sizes / largest) ** 2))) if largest else 0.0


def _spread(errors: Floats) -> float:
    """The larger of a robust and of a moderately robust standard deviation."""
    sizes = np.abs(errors)
    clipped = np.minimum(sizes, np.quantile(sizes, 0.95))
    return max(1.4826 * float(np.median(sizes)), 1.15 * _root_mean_square(clipped))


def _ratio(shift: float, spread: float) -> float:
    if shift == 0:
        return 0.0
    if abs(shift) >= MAX_SCORE * spread:
        return MAX_SCORE if shift > 0 else -MAX_SCORE
    return shift / spread
