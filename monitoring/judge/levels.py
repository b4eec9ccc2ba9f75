"""The history of a metric whose level an earlier deployment changed for good, brought to its level of now.

Without that everything from before would be forecast at a level that is gone: what falls back by half of what was won
would still look better than usual.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from monitoring.judge.facts import Series

_LEAST_VALUES = 6


@dataclass(frozen=True, slots=True)
class LevelChange:
    """At ``at`` (seconds since 1970) the deployment ``version`` moved a metric from ``before`` to ``after``."""

    at: float
    before: float
    after: float
    version: str

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {"at": self.at, "before": self.before, "after": self.after, "version": self.version}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The inverse of ``to_dict``."""
        return cls(**data)


def lasting(changes: Sequence[LevelChange], history: Series) -> tuple[LevelChange, ...]:
    """Those that held until the next one, or until now, in the order of time.

    Held means: of what was measured under it the latest quarter, six values at least, lies nearer to where the metric
    went than to where it came from.
    """
    ordered = sorted(changes, key=lambda change: change.at)
    ends = [*(change.at for change in ordered[1:]), np.inf]
    known = history.clean()
    return tuple(
        change
        for change, end in zip(ordered, ends, strict=False)  # of no changes there is one end
        if _has_held(change, known.between(change.at, end).values)
    )


def _has_held(change: LevelChange, values: np.ndarray) -> bool:
    if values.size < _LEAST_VALUES:
        return False
    latest = float(np.median(values[-max(_LEAST_VALUES, values.size // 4) :]))
    return abs(latest - change.after) < abs(latest - change.before)


def at_new_level(samples: Series, changes: Sequence[LevelChange]) -> Series:
    """What was measured before each change, moved as the change moved the metric.

    In proportion where all is above zero, as noise and season grow with the level of most metrics; by the difference
    elsewhere.
    """
    values = samples.values.astype(float)
    is_share = not (samples.values < 0).any()
    with np.errstate(over="ignore"):  # what is beyond all numbers is no sample
        for change in changes:
            is_before = samples.times < change.at
            if is_share and change.before > 0 and change.after > 0:
                values[is_before] *= change.after / change.before
            else:
                values[is_before] += change.after - change.before
    return replace(samples, values=values)
