"""PURE: what one more reading makes of a check's state, and when the next one is due."""

import zlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

UNKNOWN, UP, DOWN = "UNKNOWN", "UP", "DOWN"


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a check: its state, since when, and the failures that have not yet changed it."""

    state: str = UNKNOWN
    since: datetime | None = None
    failures_in_a_row: int = 0
    failing_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Transition:
    """Where one reading leads; an outage begins or ends only here."""

    to: Standing
    outage_begins: bool = False
    outage_ends: bool = False


def next_state(standing: Standing, *, ok: bool | None, at: datetime, threshold: int) -> Transition:
    """Return what the reading of `at` makes of `standing`.

    `ok` is None when nobody could look (a blocked address, a definition that cannot be read): that says nothing of
    the target, so an outage goes on and anything else becomes unknown. DOWN needs `threshold` failures in a row and
    then dates from the first of them; one good reading ends it.
    """
    if ok is None:
        return _nobody_looked(standing, at)
    return _answered(standing, at) if ok else _failed(standing, at, threshold)


def _nobody_looked(standing: Standing, at: datetime) -> Transition:
    if standing.state in (DOWN, UNKNOWN):
        return Transition(standing)
    return Transition(Standing(UNKNOWN, at))


def _answered(standing: Standing, at: datetime) -> Transition:
    since = standing.since if standing.state == UP else at
    return Transition(Standing(UP, since), outage_ends=standing.state == DOWN)


def _failed(standing: Standing, at: datetime, threshold: int) -> Transition:
    began = standing.failing_since or at
    failing = replace(standing, failures_in_a_row=standing.failures_in_a_row + 1, failing_since=began)
    if standing.state == DOWN or failing.failures_in_a_row < threshold:
        return Transition(failing)
    return Transition(replace(failing, state=DOWN, since=began), outage_begins=True)


@dataclass(frozen=True, slots=True)
class Slot:
    """One place on a check's schedule grid, and the next one."""

    at: datetime
    next_at: datetime


def slot(due_at: datetime, *, interval: timedelta, now: datetime) -> Slot:
    """Return the latest grid slot that has come; slots nobody took are skipped, and the grid does not drift."""
    missed = max((now - due_at) // interval, 0)
    at = due_at + missed * interval
    return Slot(at, at + interval)


def jitter(key: int | str, within: timedelta) -> timedelta:
    """Return a delay below `within` that is always the same for `key`, so that checks do not all start at once."""
    return within * (zlib.crc32(str(key).encode()) / 2**32)
