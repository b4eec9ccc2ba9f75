"""Many readings at once: claim what is due with a lease, probe it together, keep what came of it in one transaction.

A worker that is killed leaves nothing behind but a lease that runs out; one that wakes up late finds that its lease
key is no longer in the rows and keeps nothing. So there is exactly one reading for each check and slot.
"""

import logging
import resource
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache

from django.conf import settings
from django.db import connection, transaction

from monitoring import store
from monitoring.models import Failure, HealthCheck, MonitoringPeriod, Outage, Series
from monitoring.probes import NOBODY_LOOKED, Check, FailureKind, HttpCheck, Reading, compile_check, probe_many, run
from monitoring.signals import outage_began, outage_ended
from monitoring.transitions import Slot, Standing, Transition, next_state, slot
from postdeploy.lib.bells import ring
from postdeploy.lib.claims import claim

logger = logging.getLogger(__name__)

CONCURRENCY = 250
MANY_FILES = 65_536
#: How long a check rests whose evaluation raised.
PARKED = timedelta(minutes=10)
#: An endless outage needs no thousand copies of one error page.
EXCERPTS_IN_A_ROW = 10


@dataclass(frozen=True)
class Batch:
    """Checks that are read together, by their time limit: quick ones must not wait for slow ones.

    The lease outlasts `limit / CONCURRENCY` rounds of the longest time limit.
    """

    above_ms: int
    to_ms: int
    limit: int
    lease: timedelta


BATCHES = (
    Batch(0, 5_000, limit=500, lease=timedelta(seconds=15)),
    Batch(5_000, 60_000, limit=250, lease=timedelta(seconds=90)),
)


def poll_due(*, now: datetime) -> int:
    """Read the checks that are due and return how many readings were kept.

    At most one batch of each speed: many ticks share a long queue.
    """
    _allow_many_sockets()
    return sum(_poll(batch, now) for batch in BATCHES)


@cache
def _allow_many_sockets() -> None:
    """Raise the limit of open files as far as the system lets us: 1024 is soon reached by connections that are kept."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MANY_FILES if hard == resource.RLIM_INFINITY else min(hard, MANY_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _poll(batch: Batch, now: datetime) -> int:
    due = HealthCheck.objects.due(at=now).filter(timeout_ms__gt=batch.above_ms, timeout_ms__lte=batch.to_ms)
    checks = claim(due, limit=batch.limit, lease=batch.lease)
    if not checks:
        return 0
    readings = _read(checks)
    with transaction.atomic():
        kept, count = _keep(checks, readings, now)
    _hasten_looks(kept, now)
    return count


# --- reading ----------------------------------------------------------------------------------------------------------


def _read(checks: Sequence[HealthCheck]) -> dict[int, Reading | str]:
    """Return each check's reading by its id, or in words why it could not be evaluated."""
    found: dict[int, Reading | str] = {}
    asked: dict[int, Check] = {}
    for check in checks:
        try:
            asked[check.pk] = compile_check(check)
        except Exception as error:  # one bad row must not stop the others
            found[check.pk] = _fault(check.pk, error)
    return found | _probe(asked)


def _probe(asked: Mapping[int, Check]) -> dict[int, Reading | str]:
    try:
        sent = {key: check for key, check in asked.items() if isinstance(check, HttpCheck)}
        readings = probe_many(list(sent.values()), settings.PROBE_NETWORKS, CONCURRENCY)
        others = {key: run(check, settings.PROBE_NETWORKS) for key, check in asked.items() if key not in sent}
        return dict(zip(sent, readings, strict=True)) | others
    except Exception as error:
        if len(asked) == 1:
            return {key: _fault(key, error) for key in asked}
        logger.warning("a batch of %s checks could not be read together, each is read alone: %s", len(asked), error)
    found: dict[int, Reading | str] = {}
    for key, check in asked.items():
        found |= _probe({key: check})
    return found


def _fault(pk: int, error: Exception) -> str:
    logger.error("check %s could not be read and is parked", pk, exc_info=error)
    return f"could not be read: {error or type(error).__name__}"[:300]


# --- keeping ----------------------------------------------------------------------------------------------------------


@dataclass
class Kept:
    """What one batch of readings changes, in columns."""

    series: list[int] = field(default_factory=list)
    times: list[datetime] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    began: list[Outage] = field(default_factory=list)
    ended: list[tuple[HealthCheck, datetime]] = field(default_factory=list)


def _keep(claimed: Sequence[HealthCheck], readings: Mapping[int, Reading | str], now: datetime) -> tuple["Kept", int]:
    """Store what was read of the checks whose lease we still hold; return what changed, and how many they were."""
    held = HealthCheck.objects.filter(pk__in=[check.pk for check in claimed], lease_key=claimed[0].lease_key)
    checks = list(held.select_for_update(no_key=True).order_by("pk"))
    if len(checks) < len(claimed):
        logger.warning("%s of %s leases ran out while reading", len(claimed) - len(checks), len(claimed))
    series = _series(checks)
    pace = MonitoringPeriod.objects.paces({check.environment_id for check in checks}, at=now)
    kept = Kept()
    for check in checks:
        seconds = min(check.interval_seconds, pace.get(check.environment_id, check.interval_seconds))
        place = slot(check.next_poll_at, interval=timedelta(seconds=seconds), now=now)
        _take(check, readings[check.pk], place, series, kept, now=now)
    store.append(kept.series, [store.microseconds(at) for at in kept.times], kept.values)
    Failure.objects.bulk_create(kept.failures, ignore_conflicts=True)
    _write(checks)
    _change_outages(kept)
    return kept, len(checks)


def _take(
    check: HealthCheck,
    reading: Reading | str,
    place: Slot,
    series: Mapping[tuple[int, str], int],
    kept: Kept,
    *,
    now: datetime,
) -> None:
    """Note in `check` and `kept` what one reading changes.

    Samples stand at their slot, changes of state at the time of the reading: a slot lies a little before it, and what
    broke after a deployment began must not look as if it had been broken before.
    """
    if isinstance(reading, str):
        ok, detail, check.next_poll_at = None, reading, place.at + PARKED
    else:
        ok = None if reading.kind in NOBODY_LOOKED else reading.ok
        detail, check.next_poll_at = reading.detail, place.next_at
    step = next_state(_standing(check), ok=ok, at=now, threshold=check.failure_threshold)
    _stand(check, step)
    check.latest_detail = detail
    if ok is not None:
        check.latest_reading_at = place.at
    if step.outage_begins:
        kept.began.append(_outage(check, detail, now))
    if step.outage_ends:
        kept.ended.append((check, now))
    if isinstance(reading, Reading):
        _note_samples(check, reading, ok, place, series, kept)


def _note_samples(
    check: HealthCheck,
    reading: Reading,
    ok: bool | None,
    place: Slot,
    series: Mapping[tuple[int, str], int],
    kept: Kept,
) -> None:
    if ok is not None:
        _add(kept, series[check.pk, Series.UP], place.at, float(ok))
    if reading.ok or reading.kind == FailureKind.SLOW:  # how fast an error page comes says nothing of speed
        _add(kept, series[check.pk, Series.RESPONSE_TIME], place.at, reading.total_ms)
    if not reading.ok:
        kept.failures.append(_failure(check, reading, place))


def _add(kept: Kept, series: int, at: datetime, value: float) -> None:
    kept.series.append(series)
    kept.times.append(at)
    kept.values.append(value)


def _failure(check: HealthCheck, reading: Reading, place: Slot) -> Failure:
    return Failure(
        health_check=check,
        scheduled_at=place.at,
        kind=reading.kind or "",
        detail=reading.detail,
        status_code=reading.status_code,
        total_ms=reading.total_ms,
        excerpt=reading.excerpt if check.failures_in_a_row <= EXCERPTS_IN_A_ROW else "",
    )


def _outage(check: HealthCheck, cause: str, now: datetime) -> Outage:
    return Outage(health_check=check, began_at=check.state_since or now, confirmed_at=now, cause=cause)


def _standing(check: HealthCheck) -> Standing:
    return Standing(check.state, check.state_since, check.failures_in_a_row, check.failing_since)


def _stand(check: HealthCheck, step: Transition) -> None:
    check.state, check.state_since = step.to.state, step.to.since
    check.failures_in_a_row, check.failing_since = step.to.failures_in_a_row, step.to.failing_since


def _series(checks: Sequence[HealthCheck]) -> dict[tuple[int, str], int]:
    """The ids of the two series of each check, by check and aspect; made where they are missing."""
    ids = [check.pk for check in checks]
    found = _series_of(ids)
    missing = [
        Series(environment_id=check.environment_id, health_check=check, aspect=aspect)
        for check in checks
        for aspect in (Series.UP, Series.RESPONSE_TIME)
        if (check.pk, aspect) not in found
    ]
    if not missing:
        return found
    Series.objects.bulk_create(missing, ignore_conflicts=True)
    return _series_of(ids)


def _series_of(check_ids: Sequence[int]) -> dict[tuple[int, str], int]:
    rows = Series.objects.filter(health_check__in=check_ids).values_list("health_check_id", "aspect", "pk")
    return {(check, aspect): pk for check, aspect, pk in rows if check is not None}


_COLUMNS = {
    "state": "text",
    "state_since": "timestamptz",
    "failures_in_a_row": "int",
    "failing_since": "timestamptz",
    "latest_reading_at": "timestamptz",
    "latest_detail": "text",
    "next_poll_at": "timestamptz",
}


def _write(checks: Sequence[HealthCheck]) -> None:
    """Write back what the poller owns of each row and give the leases back, in one statement."""
    changes = ", ".join(f"{name} = new.{name}" for name in _COLUMNS)
    arrays = ", ".join(["%s::bigint[]", *(f"%s::{kind}[]" for kind in _COLUMNS.values())])
    columns = [[check.pk for check in checks], *([getattr(check, name) for check in checks] for name in _COLUMNS)]
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE monitoring_healthcheck AS old SET {changes}, lease_until = NULL, lease_key = NULL"  # noqa: S608
            f" FROM unnest({arrays}) AS new(id, {', '.join(_COLUMNS)}) WHERE old.id = new.id",
            columns,
        )


def _change_outages(kept: Kept) -> None:
    Outage.objects.bulk_create(kept.began, ignore_conflicts=True)
    for check, at in kept.ended:
        Outage.objects.open().filter(health_check=check).update(ended_at=at)
        ring(outage_ended, check_id=check.pk)


def _hasten_looks(kept: Kept, now: datetime) -> None:
    """Have the deployment judged at the next sweep, not at its next planned look.

    Outside the readings' transaction: with checks locked one must not wait for periods, since whoever judges a period
    has that locked. A crash in between delays the verdict to the next look and loses nothing.
    """
    if not kept.began:
        return
    environments = {outage.health_check.environment_id for outage in kept.began}
    under_way = MonitoringPeriod.objects.under_way(at=now).filter(environment__in=environments)
    with transaction.atomic():
        periods = under_way.select_for_update(no_key=True).order_by("pk")
        MonitoringPeriod.objects.filter(pk__in=[period.pk for period in periods]).update(next_look_at=now)
        for outage in kept.began:
            ring(outage_began, check_id=outage.health_check.pk)
