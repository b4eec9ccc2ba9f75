"""pending → firing → resolved: what the values of one series make of a rule.

A value beyond the threshold makes it pending; it fires once every value seen for `hold` was beyond it; it resolves at
the first value that is well again. In between, and where nothing was measured, it stays what it is.
"""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from monitoring.rules.conditions import STEPS, Condition
from monitoring.rules.values import Floats

Places = npt.NDArray[np.int64]
LAST_PLACE = sys.maxsize

QUIET, PENDING, FIRING, RESOLVED = "QUIET", "PENDING", "FIRING", "RESOLVED"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one series of a rule stands. `since`: its first breach; `seen`: the latest moment that had a value."""

    state: str = QUIET
    since: float | None = None
    seen: float | None = None


@dataclass(frozen=True, slots=True)
class Transition:
    """One change: to PENDING, FIRING, RESOLVED, or QUIET (pending, but it did not last)."""

    at: float
    to: str
    value: float
    since: float


@dataclass(frozen=True, slots=True)
class Walk:
    """Where a walk over values ended, and what happened on the way."""

    standing: Standing
    transitions: tuple[Transition, ...]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of one state, for pictures: `end` is None while it lasts."""

    state: str
    start: float
    end: float | None


def walk(
    condition: Condition,
    moments: Sequence[float] | Floats,
    values: Sequence[float] | Floats,
    standing: Standing = Standing(),
) -> Walk:
    """Go through `values` at `moments` (sorted) from `standing`. Walking in parts is the same as walking at once.

    What changes nothing is leapt over: a week of looks is walked in a millisecond.
    """
    known = ~np.isnan(np.asarray(values, dtype=np.float64))
    times, seen = np.asarray(moments, dtype=np.float64)[known], np.asarray(values, dtype=np.float64)[known]
    found: list[Transition] = []
    leaps = {QUIET: np.flatnonzero(condition.breaches(seen)), FIRING: np.flatnonzero(condition.clears(seen))}
    place = 0
    while (place := _next_place(leaps.get(standing.state), place)) < len(seen):
        standing, happened = _next(condition, standing, float(times[place]), float(seen[place]))
        found.extend(happened)
        place += 1
    if len(seen):
        standing = replace(standing, seen=float(times[-1]))
    return Walk(standing, tuple(found))


def _next_place(stops: Places | None, place: int) -> int:
    """Return the first of `stops` from `place` on; `place` itself where every value counts."""
    if stops is None:
        return place
    at = int(np.searchsorted(stops, place))
    return int(stops[at]) if at < len(stops) else LAST_PLACE


def _next(condition: Condition, now: Standing, at: float, value: float) -> tuple[Standing, tuple[Transition, ...]]:
    if now.state == FIRING:
        return _fires(condition, now, at, value)
    if not condition.breaches(value):
        ended = (Transition(at, QUIET, value, now.since or at),) if now.state == PENDING else ()
        return Standing(QUIET, None, at), ended
    return _breaches(condition, now, at, value)


def _fires(condition: Condition, now: Standing, at: float, value: float) -> tuple[Standing, tuple[Transition, ...]]:
    if condition.clears(value):
        return Standing(QUIET, None, at), (Transition(at, RESOLVED, value, now.since or at),)
    return Standing(FIRING, now.since, at), ()


def _breaches(condition: Condition, now: Standing, at: float, value: float) -> tuple[Standing, tuple[Transition, ...]]:
    since = now.since if now.state == PENDING and _is_continued(condition, now, at) else None
    began = () if now.state == PENDING else (Transition(at, PENDING, value, at),)
    since = at if since is None else since
    if at - since >= condition.hold:
        return Standing(FIRING, since, at), (*began, Transition(at, FIRING, value, since))
    return Standing(PENDING, since, at), began


def _is_continued(condition: Condition, now: Standing, at: float) -> bool:
    """After a silence as long as it would have to last, what was seen before it proves nothing any more."""
    return now.seen is not None and at - now.seen <= max(condition.hold, STEPS[-1])


def stretches(transitions: Iterable[Transition], first: Standing = Standing(), start: float = 0.0) -> list[Stretch]:
    """Return the pending and firing stretches; `first` is where it stood at `start`."""
    found: list[Stretch] = []
    state, began = first.state, start
    for change in transitions:
        if state in (PENDING, FIRING) and change.at > began:
            found.append(Stretch(state, began, change.at))
        state, began = change.to, change.at
    if state in (PENDING, FIRING):
        found.append(Stretch(state, began, None))
    return found
