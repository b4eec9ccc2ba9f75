"""Before against after by ranks: for histories too short to have ordinary moments of their own.

Mann and Whitney's test with Hodges and Lehmann's shift and interval. Both take values for independent, which successive
values of a metric are not, so their error is widened by the autocorrelation seen, and once more because a short history
does not show how a metric wanders.
"""

import math
from dataclasses import dataclass

import numpy as np

from monitoring.judge.facts import Floats
from monitoring.judge.grid import Grid

MIN_BEFORE = 6
MIN_AFTER = 3
#: Two-sided 90 % of the normal law.
Z_90 = 1.645
_CAUTION = 1.5
_MAX_BEFORE = 480


@dataclass(frozen=True, slots=True)
class RankComparison:
    """Medians of both sides, the shift with its 90 % interval, and a score that is normal where nothing changed."""

    before: float
    after: float
    shift: float
    low: float
    high: float
    late_shift: float
    score: float


def compare_ranks(grid: Grid) -> RankComparison | None:
    """``None`` when there are too few values on a side."""
    nearest = grid.before[-max(4 * grid.after.size, 48) :]
    before, after = nearest[np.isfinite(nearest)][-_MAX_BEFORE:], grid.judged[np.isfinite(grid.judged)]
    if before.size < MIN_BEFORE or after.size < MIN_AFTER:
        return None
    pairs = np.sort((after[:, None] - before[None, :]).ravel())
    wins = float((pairs > 0).sum() + (pairs == 0).sum() / 2)
    error = _error(before, after)
    reach = min(pairs.size // 2, math.ceil(Z_90 * error))
    middle = pairs.size // 2
    late = grid.judged[-max(1, grid.judged.size // 4) :]
    late = late[np.isfinite(late)]
    shift = float(np.median(pairs))
    return RankComparison(
        before=float(np.median(before)),
        after=float(np.median(after)),
        shift=shift,
        low=float(pairs[max(0, middle - reach)]),
        high=float(pairs[min(pairs.size - 1, middle + reach)]),
        late_shift=float(np.median(late) - np.median(before)) if late.size else shift,
        score=(wins - pairs.size / 2) / error if error else 0.0,
    )


def _error(before: Floats, after: Floats) -> float:
    """The standard deviation of the number of wins, ties and autocorrelation accounted for; 0: all values are equal."""
    n, m = before.size, after.size
    _, counts = np.unique(np.concatenate([before, after]), return_counts=True)
    total = n + m
    ties = float((counts.astype(float) ** 3 - counts).sum()) / (total * (total - 1))
    variance = n * m / 12 * (total + 1 - ties)
    together = _autocorrelation(before)
    return _CAUTION * math.sqrt(max(0.0, variance) * (1 + together) / (1 - together))


def _autocorrelation(values: Floats) -> float:
    """Between neighbours, 0 to 0.9, corrected for what a short series hides (Kendall 1954)."""
    centred = values - values.mean()
    power = float((centred**2).sum())
    found = float((centred[1:] * centred[:-1]).sum()) / power if power > 0 else 0.0
    return min(0.9, max(0.0, found + (1 + 4 * found) / values.size))
