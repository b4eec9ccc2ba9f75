"""What was expected of the time since a deployment, hour by hour: the band that a page draws behind what came.

The forecasts are those of the judge with the weights it gave them, made for short pieces of the window instead of the
whole. What single values did around the same forecasts at ordinary moments is the width of the band.
"""

from dataclasses import dataclass, replace

import numpy as np

from monitoring.judge.facts import Floats
from monitoring.judge.moments import Moments, blended, forecasts, quantile, trimmed_mean

#: So many values are enough to draw a curve.
MOST_DRAWN = 120
_PIECES = 24
#: Ordinary moments enough for the width of a band.
_MOMENTS = 40
_LOW, _HIGH = 0.05, 0.95


@dataclass(frozen=True, eq=False, slots=True)
class Course:
    """On the even scale, one value for each of ``expected.size`` equal parts of the time since the deployment.

    ``low`` and ``high`` are how far below and above it nine of ten single values are expected.
    """

    expected: Floats
    low: float
    high: float


def course_of(moments: Moments, weights: Floats, steps: int) -> Course | None:
    """For so many steps since the deployment; ``None`` where no forecast reaches."""
    every = max(1, (moments.at.size - 1) // _MOMENTS)
    few = replace(moments, at=np.append(moments.at[:-1:every], moments.at[-1]), levels={})
    length = -(-steps // _PIECES)
    pieces = _pieces(few, weights, steps, length)
    known = np.isfinite(pieces[-1])
    if not known.any():
        return None
    missed = few.gather(0, steps)[:-1] - np.repeat(pieces[:-1], length, axis=1)[:, :steps]
    errors = missed[np.isfinite(missed)]
    if not errors.size:
        return None
    count = min(steps, MOST_DRAWN)
    places, middles = (np.arange(count) + 0.5) * steps / count, (np.arange(known.size) + 0.5) * length
    expected = np.interp(places, middles[known], pieces[-1][known])
    return Course(expected, quantile(errors, _LOW), quantile(errors, _HIGH))


def _pieces(moments: Moments, weights: Floats, steps: int, length: int) -> Floats:
    """The forecasts of the means of pieces of this length, from each instant on: a row for each."""
    count = -(-steps // length)

    def means(days_ago: int) -> Floats:
        rows = np.full((moments.at.size, count * length), np.nan)
        rows[:, :steps] = moments.gather(-days_ago * moments.day, steps)
        return trimmed_mean(rows.reshape(-1, length), moments.trim)

    same = np.array([means(day) for day in range(1, moments.days + 1)])
    near = [np.repeat(reference, count) for reference in moments.references]
    then = [np.repeat(reference, count, axis=1) for reference in moments.day_references] if moments.days else []
    return blended(forecasts(near, then, same), weights).reshape(-1, count)
