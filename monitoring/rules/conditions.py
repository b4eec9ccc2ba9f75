"""What a rule asks: a value, a bound it must not cross, a bound behind which it is well again, and for how long."""

import math
from dataclasses import dataclass
from typing import NamedTuple, overload

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

THRESHOLD, ABSENCE, RATE_OF_CHANGE, BURN_RATE = "THRESHOLD", "ABSENCE", "RATE_OF_CHANGE", "BURN_RATE"
ABOVE, BELOW = "ABOVE", "BELOW"
MEAN, MAX, MIN, LAST, P95, SUM, COUNT = "MEAN", "MAX", "MIN", "LAST", "P95", "SUM", "COUNT"
BEFORE, DAY, WEEK = "BEFORE", "DAY", "WEEK"

#: A rule is judged this often, in seconds: the largest that still looks many times into its window.
STEPS = (10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
LOOKS_PER_WINDOW = 10
DAY_SECONDS, WEEK_SECONDS = 86_400.0, 604_800.0


class Fault(NamedTuple):
    """What is wrong with a condition: the field to mend, and a sentence."""

    field: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Condition:
    """When something is wrong. Times in seconds; `threshold` and `clear` in the unit of the value.

    `hold` is the rule's *for*: the value must be beyond `threshold` all that time. `clear` is the bound behind which a
    firing alert ends; between the two nothing changes. For ABSENCE the value is the silence in seconds, for a relative
    RATE_OF_CHANGE it is per cent of the value before, for BURN_RATE the share of the burn that counts as too fast.
    """

    kind: str
    threshold: float
    direction: str = ABOVE
    clear: float | None = None
    hold: float = 0.0
    aggregate: str = MEAN
    window: float = 300.0
    versus: str = BEFORE
    is_relative: bool = True

    @property
    def clear_at(self) -> float:
        """The bound behind which all is well again."""
        return self.threshold if self.clear is None else self.clear

    @overload
    def breaches(self, value: float) -> bool: ...
    @overload
    def breaches(self, value: Floats) -> Flags: ...
    def breaches(self, value: float | Floats) -> bool | Flags:
        """Tell whether `value`, or each of them, is beyond the threshold; NaN is not."""
        return value > self.threshold if self.direction == ABOVE else value < self.threshold

    @overload
    def clears(self, value: float) -> bool: ...
    @overload
    def clears(self, value: Floats) -> Flags: ...
    def clears(self, value: float | Floats) -> bool | Flags:
        """Tell whether `value`, or each of them, is well again; NaN is not."""
        return value <= self.clear_at if self.direction == ABOVE else value >= self.clear_at

    @property
    def shift(self) -> float:
        """How far back the value is compared with: the window before, yesterday, a week ago."""
        return {DAY: DAY_SECONDS, WEEK: WEEK_SECONDS}.get(self.versus, self.window)

    def fault(self) -> Fault | None:
        """Return what is wrong with it, or None."""
        if not math.isfinite(self.threshold) or not math.isfinite(self.clear_at):
            return Fault("threshold", "The thresholds must be numbers.")
        if self.window <= 0:
            return Fault("window_seconds", "It must be longer than nothing.")
        if self.hold < 0:
            return Fault("hold_seconds", "It cannot be negative.")
        is_wrong_side = self.clear_at > self.threshold if self.direction == ABOVE else self.clear_at < self.threshold
        sentence = "It would be well again while it is still beyond the threshold."
        return Fault("clear_threshold", sentence) if is_wrong_side else None


def step_of(window: float) -> float:
    """Return how often a rule with this window is judged, in seconds."""
    return max((step for step in STEPS if step <= window / LOOKS_PER_WINDOW), default=STEPS[0])
