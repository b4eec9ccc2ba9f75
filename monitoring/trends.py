"""PURE: where a line is heading, when it reaches its limit, and which part of a whole grew."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

HOUR, DAY = 3600.0, 86_400.0
#: Pairs grow with the square of the points; more points than this do not make the slope any surer.
MOST_POINTS = 600
#: A line through less than this says nothing of the weeks to come.
LEAST_DAYS, LEAST_POINTS = 3.0, 12
#: From here on days are compared instead of hours, so that day and night do not count as a trend.
WHOLE_DAYS = 7.0
#: Nobody can see further than this, nor further than so many times the history.
HORIZON_DAYS, HORIZON_RATIO = 730.0, 5.0
#: Two-sided 95 %.
_Z = 1.959964


class Slope(NamedTuple):
    """A line's rise per second, the interval it lies in 95 times of 100, and its value at time 0."""

    rise: float
    low: float
    high: float
    intercept: float

    def at(self, time: float) -> float:
        """Return the value of the line at `time`."""
        return self.intercept + self.rise * time


def theil_sen(times: Floats, values: Floats) -> Slope:
    """Return the median of the slopes between all pairs of points: a third of them may be wild and it stays.

    The interval is Sen's (Journal of the American Statistical Association 63, 1968, 1379–1389), from the variance of
    Kendall's statistic. Needs two points at different times; more than MOST_POINTS are thinned evenly.
    """
    if len(times) > MOST_POINTS:
        kept = np.linspace(0, len(times) - 1, MOST_POINTS).astype(int)
        times, values = times[kept], values[kept]
    left, right = np.triu_indices(len(times), 1)
    apart = times[right] - times[left]
    differs = apart != 0
    slopes = np.sort((values[right] - values[left])[differs] / apart[differs])
    count, points = len(slopes), len(times)
    spread = _Z * np.sqrt(points * (points - 1) * (2 * points + 5) / 18)
    low = slopes[max(int((count - spread) / 2), 0)]
    high = slopes[min(int(np.ceil((count + spread) / 2)), count - 1)]
    rise = float(np.median(slopes))
    return Slope(rise, float(low), float(high), float(np.median(values - rise * times)))


# --- capacity ---------------------------------------------------------------------------------------------------------


class Outlook(StrEnum):
    """What can be said about a limit."""

    REACHES = "REACHES"
    OVER = "OVER"
    STEADY = "STEADY"
    AWAY = "AWAY"
    FAR = "FAR"
    TOO_LITTLE = "TOO_LITTLE"


@dataclass(frozen=True)
class Capacity:
    """When a line reaches its limit; times in seconds since 1970, None where there is no telling.

    `latest` is None when the slowest growth that fits may never reach it. `level` is the line's value now.
    """

    outlook: Outlook
    limit: float
    history_days: float
    level: float | None = None
    per_day: float | None = None
    reaches_at: float | None = None
    earliest: float | None = None
    latest: float | None = None


def capacity(times: Floats, values: Floats, *, limit: float, now: float, falling: bool = False) -> Capacity:
    """Say when the line through the samples reaches `limit` from below, or with `falling` from above.

    Medians of hours, from a week on of days, stand for the samples, so that one burst is one point.
    """
    history = float(times[-1] - times[0]) / DAY if len(times) else 0.0
    points = _medians(times, values, DAY if history >= WHOLE_DAYS else HOUR)
    least = LEAST_POINTS if history < WHOLE_DAYS else int(WHOLE_DAYS) - 1
    if history < LEAST_DAYS or len(points[0]) < least:
        return Capacity(Outlook.TOO_LITTLE, limit, history)
    sign = -1.0 if falling else 1.0
    # Seconds since 1970 are large: the line is laid through what is near now.
    slope = theil_sen(points[0] - now, sign * points[1])
    return _outlook(slope, sign, limit, history, now)


def _outlook(slope: Slope, sign: float, limit: float, history: float, now: float) -> Capacity:
    level, room = slope.intercept, sign * limit - slope.intercept

    def told(outlook: Outlook, **times: float | None) -> Capacity:
        return Capacity(outlook, limit, history, sign * level, sign * slope.rise * DAY, **times)

    if room <= 0:
        return told(Outlook.OVER)
    if slope.low <= 0 <= slope.high or slope.rise == 0:
        return told(Outlook.STEADY)
    if slope.rise < 0:
        return told(Outlook.AWAY)
    wait = room / slope.rise
    if wait > min(HORIZON_DAYS, HORIZON_RATIO * history) * DAY:
        return told(Outlook.FAR)
    return told(Outlook.REACHES, reaches_at=now + wait, earliest=now + room / slope.high, latest=now + room / slope.low)


def _medians(times: Floats, values: Floats, step: float) -> tuple[Floats, Floats]:
    """The median of each stretch of `step` seconds that holds samples, at the middle of the stretch."""
    if not len(times):
        return times, values
    numbers = np.floor(times / step)
    cuts = np.flatnonzero(np.diff(numbers)) + 1
    starts = numbers[np.concatenate([[0], cuts])] * step
    return starts + step / 2, np.array([np.median(part) for part in np.split(values, cuts)])


# --- what grew --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Part:
    """One part of a whole (a phase, a component): its usual value before and after."""

    name: str
    before: float
    after: float

    @property
    def growth(self) -> float:
        """How much more it is, in units."""
        return self.after - self.before


@dataclass(frozen=True)
class Bottleneck:
    """The part that grew most, its share of all growth, and the parts that did not change."""

    part: Part
    share: float
    unchanged: tuple[str, ...]


def part_of(name: str, before: Floats, after: Floats, *, least: int = 5) -> Part | None:
    """Return the medians of a part before and after; None where either has fewer than `least` values."""
    if len(before) < least or len(after) < least:
        return None
    return Part(name, float(np.median(before)), float(np.median(after)))


def matters(part: Part, *, least_share: float = 0.1, least: float = 0.0) -> bool:
    """Tell whether a part changed by more than `least_share` of what it was, and by more than `least` units."""
    return abs(part.growth) > max(least_share * abs(part.before), least)


def bottleneck(parts: Iterable[Part], *, least_share: float = 0.1, least: float = 0.0) -> Bottleneck | None:
    """Return the part that grew most of those whose growth matters; None when none grew so much."""
    known = list(parts)
    grown = [part for part in known if part.growth > 0 and matters(part, least_share=least_share, least=least)]
    if not grown:
        return None
    most = max(grown, key=lambda part: part.growth)
    whole = sum(part.growth for part in grown)
    still = tuple(p.name for p in known if not matters(p, least_share=least_share, least=least))
    return Bottleneck(most, most.growth / whole, still)


def ranked(parts: Sequence[Part], *, least_share: float = 0.1) -> list[Part]:
    """Return the parts that grew by a share that matters, the largest relative growth first."""
    grown = [part for part in parts if part.before > 0 and part.growth > 0 and matters(part, least_share=least_share)]
    return sorted(grown, key=lambda part: -part.growth / part.before)
