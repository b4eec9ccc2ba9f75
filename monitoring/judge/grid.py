"""Samples laid out on a regular grid that begins at the deployment, and the scale on which their noise is even."""

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from monitoring.judge.facts import Floats, MetricFacts, Series, Window
from monitoring.judge.stretches import inside, merged, ordinary

#: More points in the judged window only cost time: it is averaged down to this many.
MAX_AFTER = 240
MAX_BEFORE = 40_000
DAY = 86_400.0


@dataclass(frozen=True, eq=False, slots=True)
class Grid:
    """Means of equal steps of ``step`` seconds, in shares of ``size`` (the largest value); NaN: nothing was measured.

    ``before`` ends at the deployment, ``after`` begins there; its first ``settle`` steps are not judged. ``day`` is the
    number of steps in a day, 0 where clock time means nothing. ``left_out`` marks the steps before of which nothing is
    known because they say nothing of what is normal.
    """

    step: float
    before: Floats
    after: Floats
    settle: int
    day: int
    size: float
    left_out: npt.NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, bool))

    @property
    def judged(self) -> Floats:
        """The steps after settling."""
        return self.after[self.settle :]

    @property
    def coverage_before(self) -> float:
        """Share of the steps before that have a value, of those that were not left out."""
        counted = self.before[~self.left_out] if self.left_out.any() else self.before
        return float(np.isfinite(counted).mean()) if counted.size else 0.0

    @property
    def coverage_after(self) -> float:
        """Share of the judged steps that have a value."""
        return float(np.isfinite(self.judged).mean()) if self.judged.size else 0.0


def lay_out(baseline: Series, after: Series, facts: MetricFacts, window: Window) -> Grid:
    """Both sides of the deployment on one grid. The step is the coarser one of the metric's and of its history's."""
    start = window.deployed_at
    whole, now = baseline.clean().between(-math.inf, start), after.clean().between(start, window.judged_until)
    past, is_without = ordinary(whole, window.left_out)
    size = float(max(np.max(np.abs(past.values), initial=0.0), np.max(np.abs(now.values), initial=0.0))) or 1.0
    length = max(0.0, window.judged_until - start)
    spacing = float(np.median(np.diff(past.times))) if len(past) > 2 else 0.0
    step = max(facts.step_seconds, 1e-3, length / MAX_AFTER)
    if spacing > 1.5 * step:
        step = spacing
    steps_after = math.floor(length / step + 1e-6)
    steps_before = min(MAX_BEFORE, math.ceil((start - whole.times[0]) / step - 1e-9)) if len(whole) else 0
    settle = min(steps_after, math.floor((window.judged_from - start) / step + 0.5))
    day = round(DAY / step) if facts.is_seasonal and step <= DAY / 2 else 0
    begins = start - steps_before * step
    before = _means(past, begins, step, steps_before) / size
    odd = inside(begins + (np.arange(steps_before) + 0.5) * step, merged(window.left_out if is_without else ()))
    if odd.any() and not (day and steps_before >= day + steps_after):
        # too short to be compared by the clock: what remains moves up to the deployment
        before, odd = before[~odd], odd[:0]
    return Grid(
        step=step,
        before=before,
        after=_means(now, start, step, steps_after) / size,
        settle=max(0, settle),
        day=day,
        size=size,
        left_out=odd,
    )


def _means(series: Series, start: float, step: float, steps: int) -> Floats:
    index = np.floor((series.times - start) / step + 1e-9)
    inside = (index >= 0) & (index < steps)
    where, values = index[inside].astype(int), series.values[inside]
    counts = np.bincount(where, minlength=steps)
    shares = np.bincount(where, weights=values / np.maximum(counts[where], 1), minlength=steps)
    return np.where(counts > 0, shares, np.nan)


@dataclass(frozen=True, slots=True)
class Scale:
    """The scale on which a metric's noise does not grow with its level: ``power`` 1 as is, 0.5 square root, 0 log."""

    power: float = 1.0
    offset: float = 0.0

    def forward(self, values: Floats) -> Floats:
        """Onto the scale."""
        if self.power == 1.0:
            return values
        floored = np.maximum(values, 0.0)
        scaled: Floats = np.sqrt(floored) if self.power == 0.5 else np.log(floored + self.offset)
        return scaled

    def back(self, value: float) -> float:
        """One number back into the metric's unit."""
        if self.power == 1.0:
            return value
        if self.power == 0.5:
            return max(value, 0.0) ** 2
        return max(0.0, math.exp(min(value, 700.0)) - self.offset)


def choose_scale(before: Floats) -> Scale:
    """By how the spread in short stretches of the history grows with their level (Box & Cox's powers, rounded)."""
    values = before[np.isfinite(before)]
    if values.size < 48 or values.min() < 0 or values.max() <= 0:
        return Scale()
    stretch = max(8, values.size // 40)
    pieces = values[: values.size // stretch * stretch].reshape(-1, stretch)
    levels, spreads = np.median(pieces, axis=1), np.median(np.abs(np.diff(pieces, axis=1)), axis=1)
    usable = (levels > 0) & (spreads > 0)
    if usable.sum() < 5:
        return Scale()
    x, y = np.log(levels[usable]), np.log(spreads[usable])
    if x.std() < 0.1:
        return Scale()
    slope = float(np.cov(x, y, bias=True)[0, 1] / x.var())
    if slope < 0.25:
        return Scale()
    if slope < 0.75:
        return Scale(0.5)
    return Scale(0.0, 0.5 * float(np.quantile(values[values > 0], 0.05)))
