"""PURE: what one more reading makes of a check's state."""

import zlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

UNKNOWN, UP, DOWN = "UNKNOWN", "UP", "DOWN"
#: A check that goes down so often within this time flaps: its outage then lasts until it has been good this long.
FLAPS, FLAPS_WITHIN, STEADY_AFTER = 3, timedelta(minutes=15), timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a check: its state, since when, and the failures that have not yet changed it.

    `went_down_at` are the latest few times it went down, `steady_since` the first of the good readings that have not
    yet ended its flapping.
    """

    state: str = UNKNOWN
    since: datetime | None = None
    failures_in_a_row: int = 0
    failing_since: datetime | None = None
    went_down_at: tuple[datetime, ...] = ()
    flapping_since: datetime | None = None
    steady_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Transition:
    """Where one reading leads; an outage begins or ends only here."""

    to: Standing
    outage_begins: bool = False
    outage_ends: bool = False


def next_state(standing: Standing, *, ok: bool | None, at: datetime, threshold: int) -> Transition:
    """Return what the reading of `at` makes of `standing`.

    `ok` is None when nobody could look (a blocked address, a definition that cannot be read, our own network away):
    that says nothing of the target, so an outage goes on and anything else becomes unknown. DOWN needs `threshold`
    failures in a row and then dates from the first of them; one good reading ends it, but for a check that flaps: its
    outage goes on until it has been good for a while, so that one outage is told and not a hundred.
    """
    if ok is None:
        return _nobody_looked(standing, at)
    return _answered(standing, at) if ok else _failed(standing, at, threshold)


def is_settled(standing: Standing) -> bool:
    """Whether one more good reading changes nothing; what is true of nearly all readings."""
    return standing.state == UP and standing.failing_since is None


def _nobody_looked(standing: Standing, at: datetime) -> Transition:
    if standing.state in (DOWN, UNKNOWN):
        return Transition(standing)
    return Transition(Standing(UNKNOWN, at, went_down_at=standing.went_down_at))


def _answered(standing: Standing, at: datetime) -> Transition:
    if standing.state == DOWN and standing.flapping_since:
        steady_since = standing.steady_since or at
        if at - steady_since < STEADY_AFTER:
            return Transition(replace(standing, failures_in_a_row=0, failing_since=None, steady_since=steady_since))
    since = standing.since if standing.state == UP else at
    well = Standing(UP, since, went_down_at=standing.went_down_at)
    return Transition(well, outage_ends=standing.state == DOWN)


def _failed(standing: Standing, at: datetime, threshold: int) -> Transition:
    began = standing.failing_since or at
    failing = replace(
        standing, failures_in_a_row=standing.failures_in_a_row + 1, failing_since=began, steady_since=None
    )
    if standing.state == DOWN or failing.failures_in_a_row < threshold:
        return Transition(failing)
    recent = [time for time in standing.went_down_at if at - time <= FLAPS_WITHIN]
    went_down_at = (*recent, at)[-FLAPS:]
    down = replace(
        failing,
        state=DOWN,
        since=began,
        went_down_at=went_down_at,
        flapping_since=at if len(went_down_at) == FLAPS else None,
    )
    return Transition(down, outage_begins=True)


def jitter(key: int | str, within: timedelta) -> timedelta:
    """Return a delay below `within` that is always the same for `key`, so that checks do not all start at once."""
    return within * (zlib.crc32(str(key).encode()) / 2**32)
