"""When does an alert rule fire? Numbers in, transitions out. PURE: no database, no clock; times are seconds since 1970.

Silence may begin an alert, it never ends one: what could not be measured (NaN) is neither a breach nor a clearance.
"""

from monitoring.rules.budget import (
    FAST,
    SLOW,
    Burn,
    Tally,
    budget_left,
    burn_down,
    burn_rate,
    burn_values,
    by_time,
    cut,
    increments,
)
from monitoring.rules.conditions import Condition, step_of
from monitoring.rules.machine import FIRING, PENDING, QUIET, RESOLVED, Standing, Stretch, Transition, stretches, walk
from monitoring.rules.values import NOTHING, Line, look_back, moments_between, needed, quiet_at, values_at, without

__all__ = [
    "FAST",
    "FIRING",
    "NOTHING",
    "PENDING",
    "QUIET",
    "RESOLVED",
    "SLOW",
    "Burn",
    "Condition",
    "Line",
    "Standing",
    "Stretch",
    "Tally",
    "Transition",
    "budget_left",
    "burn_down",
    "burn_rate",
    "burn_values",
    "by_time",
    "cut",
    "increments",
    "look_back",
    "moments_between",
    "needed",
    "quiet_at",
    "step_of",
    "stretches",
    "values_at",
    "walk",
    "without",
]
