"""What the signs and the ordinary moments say, in the metric's own units."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from monitoring.judge.course import MOST_DRAWN, course_of
from monitoring.judge.facts import Floats
from monitoring.judge.grid import Grid, choose_scale
from monitoring.judge.moments import quantile
from monitoring.judge.ranks import Z_90, RankComparison, compare_ranks
from monitoring.judge.signs import Ordinary, Signs, signs_of
from monitoring.judge.weighing import Side, weigh

#: So many ordinary errors a change needs to be found about every second time, and four times in five.
REACH_50, REACH_80 = 3.0, 4.2


Forecast = tuple[Floats, Floats, Floats]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Before and after in units; ``low`` and ``high`` bound the change (90 %). Pairs are for (down, up).

    ``rarities`` count the ordinary moments that went as far, ``visible`` is the smallest change that would mostly be
    found, ``strength`` the change in ordinary errors. ``late_share`` is how much of the change is left in the last
    quarter, ``scatter`` how far values lie apart against before. ``forecast`` is what single values were expected to be
    since the deployment, low, middle and high, at even times.
    """

    before: float
    after: float
    low: float
    high: float
    fall: Side
    rise: Side
    rarities: tuple[tuple[int, int], tuple[int, int]] | None
    visible: tuple[float, float]
    strength: float
    late_share: float
    scatter: float
    forecast: Forecast
    ordinary: tuple[float, ...] = ()

    def side(self, sign: int) -> Side:
        """What speaks for a change of this sign."""
        return self.rise if sign > 0 else self.fall


def gather(grid: Grid) -> Evidence | None:
    """In units by ordinary moments where the history has them, else by ranks; ``None``: too little for either."""
    scale = choose_scale(grid.before)
    signs = signs_of(grid, scale)
    if signs.ordinary is not None:
        return _from_moments(grid, signs, signs.ordinary, scale.back)
    ranks = compare_ranks(grid)
    return None if ranks is None else _from_ranks(grid, signs, ranks)


def _from_moments(grid: Grid, signs: Signs, found: Ordinary, back: Callable[[float], float]) -> Evidence:
    floor = _floor(grid)
    before = grid.size * max(floor, back(found.expected))

    def units(shift: float) -> float:
        return grid.size * max(floor, back(found.expected + shift)) - before

    low_error, high_error = (quantile(found.errors, share) for share in (0.05, 0.95))
    # Moments of one history are alike, so their extremes are a little less than they ought to be.
    least = Z_90 * 1.1 * found.wide
    low_error, high_error = min(low_error, -least), max(high_error, least)
    counts = (int((found.errors <= found.shift).sum()), int((found.errors >= found.shift).sum()))
    reach = REACH_80 * found.spread
    return Evidence(
        before=before,
        after=before + units(found.shift),
        low=units(found.shift - high_error),
        high=units(found.shift - low_error),
        fall=weigh(signs, is_rise=False),
        rise=weigh(signs, is_rise=True),
        rarities=((counts[0], found.errors.size), (counts[1], found.errors.size)),
        visible=(units(-reach), units(reach)),
        strength=found.shift / found.spread if found.spread else 0.0,
        late_share=found.late_shift / found.shift if found.shift else 1.0,
        scatter=_scatter(grid),
        forecast=_forecast(grid, found, back) or _flat(grid, before),
        ordinary=tuple(float(f"{units(float(error)):.4g}") for error in found.errors),
    )


def _from_ranks(grid: Grid, signs: Signs, found: RankComparison) -> Evidence:
    half = (found.high - found.low) / 2 * REACH_80 / Z_90 * grid.size
    return Evidence(
        before=found.before * grid.size,
        after=(found.before + found.shift) * grid.size,
        low=found.low * grid.size,
        high=found.high * grid.size,
        fall=weigh(signs, is_rise=False),
        rise=weigh(signs, is_rise=True),
        rarities=None,
        visible=(-half, half),
        strength=found.score,
        late_share=found.late_shift / found.shift if found.shift else 1.0,
        scatter=_scatter(grid),
        forecast=_flat(grid, found.before * grid.size),
    )


def _forecast(grid: Grid, found: Ordinary, back: Callable[[float], float]) -> Forecast | None:
    course = course_of(found.moments, found.weights, grid.after.size)
    if course is None:
        return None
    floor = _floor(grid)

    def units(values: Floats) -> Floats:
        return grid.size * np.maximum(floor, [back(float(value)) for value in values])

    return units(course.expected + course.low), units(course.expected), units(course.expected + course.high)


def _flat(grid: Grid, level: float) -> Forecast:
    """Without a forecast: the level before, and how far single values lay from it."""
    near = grid.before[-max(4 * grid.after.size, 48) :]
    near = near[np.isfinite(near)] if np.isfinite(near).any() else grid.before[np.isfinite(grid.before)]
    middle, count = quantile(near, 0.5), min(MOST_DRAWN, max(1, grid.after.size))
    low, high = ((quantile(near, share) - middle) * grid.size for share in (0.05, 0.95))
    sides = (max(grid.size * _floor(grid), level + low), level, level + high)
    return np.full(count, sides[0]), np.full(count, sides[1]), np.full(count, sides[2])


def _floor(grid: Grid) -> float:
    """What was never below zero is not expected there."""
    return 0.0 if np.nanmin(grid.before) >= 0 else -np.inf


def _scatter(grid: Grid) -> float:
    """How far the judged values lie from their middle, against those of the hours before."""
    near, now = _deviation(grid.before[-max(4 * grid.judged.size, 48) :]), _deviation(grid.judged)
    return now / near if near > 0 else 1.0


def _deviation(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(np.abs(known - quantile(known, 0.5)).mean()) if known.size else 0.0
