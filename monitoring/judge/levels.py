"""The history of a metric whose level an earlier deployment changed for good, brought to its level of now.

Without that everything from before would be forecast at a level that is gone: what falls back by half of what was won
would still look better than usual.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
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
    """Those that have lasted, in the order of time: which bring what was before them nearer to what is now.

    Looked at one after the other, the latest first, each together with the lasting ones after it. So what healed, was
    rolled back, or comes again with each restart moves nothing. A level is the median of the latest quarter of the
    values between two changes, of six at least; with fewer nobody knows.
    """
    ordered, known = sorted(changes, key=lambda change: change.at), history.clean()
    bounds = [-np.inf, *(change.at for change in ordered), np.inf]
    stretches = [known.between(start, end) for start, end in pairwise(bounds)]
    now, found = _level(stretches[-1]), list[LevelChange]()
    for change, before in zip(reversed(ordered), reversed(stretches[:-1]), strict=True):
        as_it_is, moved = _level(at_new_level(before, found)), _level(at_new_level(before, [change, *found]))
        if _distance(moved, now) < _distance(as_it_is, now):  # not so where one is unknown
            found.insert(0, change)
    return tuple(found)


def _level(stretch: Series) -> float:
    values = stretch.values[-max(_LEAST_VALUES, len(stretch) // 4) :]
    return float(np.median(values)) if values.size >= _LEAST_VALUES else np.nan


def _distance(level: float, now: float) -> float:
    """In proportion where both are above zero."""
    return abs(math.log(level) - math.log(now)) if level > 0 and now > 0 else abs(level - now)


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
