"""When a period is looked at, and how sure an early look has to be.

One threshold at every look would cry wolf more often the more one looks. So the budget of false alarms is stated for
the whole period and spent look by look, in proportion to the time that has passed since the look before (Bonferroni
over looks; the looks share data, so less than the budget is really spent). A look beyond the planned ones spends a
``budget`` of 0: then only what needs no statistics counts, a check that is down or a hard limit that is broken.
"""

from collections.abc import Sequence
from dataclasses import dataclass

#: The share of ordinary periods that may be called worse by mistake, all metrics and looks together.
FALSE_ALARM_BUDGET = 0.015


@dataclass(frozen=True, slots=True)
class LookPlan:
    """One look: the ``number`` of ``count`` (from 1), and the ``budget`` of false alarms that it may spend."""

    number: int
    count: int
    budget: float
    next_look_at: float | None = None

    @property
    def is_last(self) -> bool:
        """Whether the period ends with it."""
        return self.number >= self.count


def look_times(opens_at: float, closes_at: float, count: int = 4) -> tuple[float, ...]:
    """When to look, each time after twice as long, the last time at the end: 15, 30, 60, 120 minutes of two hours."""
    if count < 1 or not closes_at > opens_at:
        return (max(opens_at, closes_at),)
    length = closes_at - opens_at
    return tuple(opens_at + length / 2 ** (count - 1 - index) for index in range(count))


def look_plan(
    times: Sequence[float], opens_at: float, looked_at: float, budget: float = FALSE_ALARM_BUDGET
) -> LookPlan:
    """The plan of the look that happens at ``looked_at``: the latest of ``times`` (in order) that has come.

    A look before the first one spends what the first may spend.
    """
    number = max(1, sum(1 for time in times if time <= looked_at))
    length = times[-1] - opens_at
    begin = opens_at if number == 1 else times[number - 2]
    share = (times[number - 1] - begin) / length if length > 0 else 1.0
    later = [time for time in times if time > looked_at]
    return LookPlan(number, len(times), budget * share, later[0] if later else None)
