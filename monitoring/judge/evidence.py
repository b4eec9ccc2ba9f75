"""What a comparison says, in the metric's own units: the same shape for both ways of comparing."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from monitoring.judge.chances import heavy_tail
from monitoring.judge.grid import Grid, choose_scale
from monitoring.judge.placebo import Comparison, compare
from monitoring.judge.ranks import Z_90, RankComparison, compare_ranks

#: A change is taken for real when it happens at most this often at ordinary moments.
CHANCE_LIMIT = 0.03
#: The score that this chance asks for, and what a change needs above it to be found four times in five.
SCORE_LIMIT = 2.31
_POWER_80 = 0.84


@dataclass(frozen=True, slots=True)
class Evidence:
    """Before and after in units; ``low`` and ``high`` bound the change (90 %). Pairs are for (down, up).

    ``chances`` of going as far at an ordinary moment, ``rarities`` their counts, ``visible`` the smallest change that
    would mostly be found. ``late_share`` is how much of the change is left in the last quarter.
    """

    before: float
    after: float
    low: float
    high: float
    score: float
    chances: tuple[float, float]
    rarities: tuple[tuple[int, int], tuple[int, int]] | None
    visible: tuple[float, float]
    late_share: float
    ordinary: tuple[float, ...] = ()


def gather(grid: Grid) -> Evidence | None:
    """By ordinary moments where the history has them, else by ranks; ``None``: too little for either."""
    scale = choose_scale(grid.before)
    if comparison := compare(grid, scale):
        return _from_moments(grid, comparison, scale.back)
    if ranks := compare_ranks(grid):
        return _from_ranks(grid, ranks)
    return None


def _from_moments(grid: Grid, found: Comparison, back: Callable[[float], float]) -> Evidence:
    floor = 0.0 if np.nanmin(grid.before) >= 0 else -np.inf
    before = grid.size * max(floor, back(found.expected))

    def units(shift: float) -> float:
        return grid.size * max(floor, back(found.expected + shift)) - before

    low_error, high_error = (float(error) for error in np.quantile(found.errors, [0.05, 0.95]))
    # Moments of one history are alike, so their extremes are a little less than they ought to be.
    low_error, high_error = min(low_error, -Z_90 * found.spread), max(high_error, Z_90 * found.spread)
    counts = (int((found.errors <= found.shift).sum()), int((found.errors >= found.shift).sum()))
    moments = found.errors.size
    reach = (SCORE_LIMIT + _POWER_80) * found.spread
    return Evidence(
        before=before,
        after=before + units(found.shift),
        low=units(found.shift - high_error),
        high=units(found.shift - low_error),
        score=found.score,
        chances=(
            max(heavy_tail(-found.score), counts[0] / moments),
            max(heavy_tail(found.score), counts[1] / moments),
        ),
        rarities=((counts[0], moments), (counts[1], moments)),
        visible=(units(-reach), units(reach)),
        late_share=found.late_shift / found.shift if found.shift else 1.0,
        ordinary=tuple(float(f"{units(float(error)):.4g}") for error in found.errors),
    )


def _from_ranks(grid: Grid, found: RankComparison) -> Evidence:
    half = (found.high - found.low) / 2 * (SCORE_LIMIT + _POWER_80) / Z_90 * grid.size
    return Evidence(
        before=found.before * grid.size,
        after=(found.before + found.shift) * grid.size,
        low=found.low * grid.size,
        high=found.high * grid.size,
        score=found.score,
        chances=(heavy_tail(-found.score), heavy_tail(found.score)),
        rarities=None,
        visible=(-half, half),
        late_share=found.late_shift / found.shift if found.shift else 1.0,
    )
