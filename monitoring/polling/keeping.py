"""What a batch of readings changes, kept in one transaction that also renews the leases.

Readings of shards that are no longer ours are dropped, and those of checks that went to another location: another
process reads those slots. Nothing is written for a good reading of a healthy check but its samples, and these are one
row of the log for the whole batch.
"""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

from django.db import InterfaceError, OperationalError, connection, transaction

from monitoring import store
from monitoring.models import Failure, HealthCheck, MonitoringPeriod, Outage, Series
from monitoring.polling import opinions, shards
from monitoring.polling.plan import Planned
from monitoring.probes import Reading
from monitoring.signals import outage_began, outage_ended
from postdeploy.lib.bells import ring

logger = logging.getLogger(__name__)

#: An endless outage needs no thousand copies of one error page.
EXCERPTS_IN_A_ROW = 10


@dataclass
class Batch:
    """Readings that wait to be kept: samples in columns, and what changes rows beside them."""

    checks: list[Planned] = field(default_factory=list)
    aspects: list[str] = field(default_factory=list)
    times_us: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    changed: dict[int, Planned] = field(default_factory=dict)
    failures: list[tuple[Planned, Failure]] = field(default_factory=list)
    doubtful: set[int] = field(default_factory=set)  # checks that another process is asked to look at
    outages: list[tuple[Planned, Outage | datetime]] = field(default_factory=list)  # began, or when it ended

    def add(self, planned: Planned, aspect: str, at_us: int, value: float) -> None:
        """Add one sample."""
        self.checks.append(planned)
        self.aspects.append(aspect)
        self.times_us.append(at_us)
        self.values.append(value)

    def only(self, wanted: Callable[[Planned], bool]) -> "Batch":
        """Return the part of the batch that is about some checks."""
        kept = Batch()
        for column in zip(self.checks, self.aspects, self.times_us, self.values, strict=True):
            if wanted(column[0]):
                kept.add(*column)
        kept.changed = {pk: planned for pk, planned in self.changed.items() if wanted(planned)}
        kept.doubtful = self.doubtful & kept.all_checks().keys()
        kept.failures = [pair for pair in self.failures if wanted(pair[0])]
        kept.outages = [pair for pair in self.outages if wanted(pair[0])]
        return kept

    def all_checks(self) -> dict[int, Planned]:
        """Every check that the batch is about."""
        return {planned.pk: planned for planned in self.checks} | self.changed

    def __bool__(self) -> bool:
        return bool(self.checks or self.changed)


def failure(planned: Planned, reading: Reading, at: datetime) -> Failure:
    """Return the row that says why the reading of slot `at` failed."""
    return Failure(
        health_check_id=planned.pk,
        scheduled_at=at,
        kind=reading.kind or "",
        detail=reading.detail,
        status_code=reading.status_code,
        total_ms=reading.total_ms,
        excerpt=reading.excerpt if planned.standing.failures_in_a_row <= EXCERPTS_IN_A_ROW else "",
    )


def keep(
    me: shards.Identity,
    batch: Batch,
    polled_until_us: Mapping[int, int],
    departures: Mapping[int, int],
    now: datetime,
    on_bad: Callable[[Planned, Exception], None],
) -> set[int]:
    """Keep what `batch` holds and renew our shards; return those that are ours. What belongs to others is dropped.

    `departures` are how many checks had left each shard when our plan was last compared with the checks that there are.

    One check whose readings cannot be kept stops no other: the batch is halved until it stands alone, and goes to
    `on_bad`. Raises OperationalError and InterfaceError when the database is away.
    """
    try:
        return _keep(me, batch, polled_until_us, departures, now)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        checks = list(batch.all_checks().values())
        if len(checks) < 2:
            for planned in checks:
                on_bad(planned, error)
            return _keep(me, Batch(), polled_until_us, departures, now)
        first = {planned.pk for planned in checks[: len(checks) // 2]}
        halves = batch.only(lambda planned: planned.pk in first), batch.only(lambda planned: planned.pk not in first)
        return set.intersection(*(keep(me, half, polled_until_us, departures, now, on_bad) for half in halves))


def _keep(
    me: shards.Identity, batch: Batch, polled_until_us: Mapping[int, int], departures: Mapping[int, int], now: datetime
) -> set[int]:
    made: list[tuple[Planned, str]] = []
    try:
        with transaction.atomic():
            batch = _locked(batch)  # before the shards, in the order of whoever moves a check to another location
            held = shards.renew(me, polled_until_us)
            ours = set(held)
            if ours != polled_until_us.keys():
                logger.warning("shards %s were taken over by another process", sorted(polled_until_us.keys() - ours))
                batch = batch.only(lambda planned: planned.shard in ours)
            batch = _without_departed(me, batch, {n for n, count in held.items() if count != departures.get(n)})
            if batch:
                _write(batch, made)
                opinions.ask(me, batch.doubtful & batch.changed.keys())
    except BaseException:
        for planned, aspect in made:  # what was rolled back is not there
            planned.series.pop(aspect, None)
        raise
    _hasten_looks(batch, now)
    return ours


def _without_departed(me: shards.Identity, batch: Batch, numbers: Collection[int]) -> Batch:
    """Return the batch without checks that have left these shards, which are locked: nobody leaves them just now.

    Who was away and came back counts as one that has left: somebody else may have read it.
    """
    if not batch or not numbers:
        return batch
    asked = [pk for pk, planned in batch.all_checks().items() if planned.shard in numbers]
    here = HealthCheck.objects.filter(pk__in=asked, location=me.location).order_by()
    there = set(here.values_list("pk", "moved_at"))
    return batch.only(lambda planned: planned.shard not in numbers or (planned.pk, planned.came_at) in there)


def _locked(batch: Batch) -> Batch:
    """Lock the rows that are to change or to be referred to; return the batch without those that were deleted."""
    new = {p.pk: p for p, aspect in zip(batch.checks, batch.aspects, strict=True) if aspect not in p.series}
    told = batch.changed | new
    there = _lock(told) if told else set()
    if len(there) == len(told):
        return batch
    return batch.only(lambda planned: planned.pk not in told or planned.pk in there)


def _write(batch: Batch, made: list[tuple[Planned, str]]) -> None:
    _make_series(batch, made)
    if batch.checks:
        series = [planned.series[aspect] for planned, aspect in zip(batch.checks, batch.aspects, strict=True)]
        store.append(series, batch.times_us, batch.values)
    Failure.objects.bulk_create([failure for _, failure in batch.failures], ignore_conflicts=True)
    _write_checks(list(batch.changed.values()))
    _change_outages(batch)


def _lock(checks: Mapping[int, Planned]) -> set[int]:
    """Lock the rows that are to change or to be referred to, in one order; return those that are still there."""
    rows = HealthCheck.objects.filter(pk__in=checks).select_for_update(no_key=True).order_by("pk")
    return set(rows.values_list("pk", flat=True))


def _make_series(batch: Batch, made: list[tuple[Planned, str]]) -> None:
    wanted = {
        (planned.pk, aspect): planned
        for planned, aspect in zip(batch.checks, batch.aspects, strict=True)
        if aspect not in planned.series
    }
    if not wanted:
        return
    columns = [planned.environment_id for planned in wanted.values()], *zip(*wanted, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(_MAKE_SERIES, [list(column) for column in columns])
    rows = Series.objects.filter(health_check__in={pk for pk, _ in wanted})
    for pk, aspect, series in rows.values_list("health_check_id", "aspect", "pk"):
        if pk is not None and (pk, aspect) in wanted:
            wanted[pk, aspect].series[aspect] = series
            made.append((wanted[pk, aspect], aspect))


_MAKE_SERIES = """
INSERT INTO monitoring_series (environment_id, health_check_id, aspect, labels, labels_digest, created_at)
SELECT *, '{}', '', clock_timestamp() FROM unnest(%s::bigint[], %s::bigint[], %s::text[]) ON CONFLICT DO NOTHING
"""


_COLUMNS = {
    "state": "text",
    "state_since": "timestamptz",
    "failures_in_a_row": "int",
    "failing_since": "timestamptz",
    "first_reading_at": "timestamptz",
    "latest_detail": "text",
    "parked_until": "timestamptz",
    "flapping_since": "timestamptz",
    "steady_since": "timestamptz",
}


def _write_checks(checks: Sequence[Planned]) -> None:
    """Write what the poller knows into the rows, in one statement."""
    if not checks:
        return
    names = ", ".join(_COLUMNS)
    changes = ", ".join(f"{name} = new.{name}" for name in _COLUMNS)
    arrays = ", ".join(["%s::bigint[]", *(f"%s::{kind}[]" for kind in _COLUMNS.values()), "%s::text[]", "%s::bigint[]"])
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE monitoring_healthcheck AS old SET {changes}, went_down_at = new.went_down::timestamptz[],"  # noqa: S608
            " extra_at = CASE WHEN old.extra_at <= to_timestamp(new.extra / 1000000.0) + interval '1 millisecond'"
            " THEN NULL ELSE old.extra_at END"
            f" FROM unnest({arrays}) AS new(id, {names}, went_down, extra) WHERE old.id = new.id",
            [list(column) for column in zip(*map(_row, checks), strict=True)],
        )
    for planned in checks:
        planned.extra_done_us = None


def _row(planned: Planned) -> tuple[object, ...]:
    standing = planned.standing
    # as text: arrays of arrays would have to be of one length
    went_down = ",".join(at.isoformat() for at in standing.went_down_at)
    return (
        planned.pk,
        standing.state,
        standing.since,
        standing.failures_in_a_row,
        standing.failing_since,
        planned.first_reading_at,
        planned.detail,
        planned.parked_until,
        standing.flapping_since,
        standing.steady_since,
        f"{{{went_down}}}",
        planned.extra_done_us,
    )


def _change_outages(batch: Batch) -> None:
    """Open and end outages in the order in which that happened: one check may do both in one batch."""
    for begins, group in groupby(batch.outages, key=lambda pair: isinstance(pair[1], Outage)):
        pairs = list(group)
        if begins:
            Outage.objects.bulk_create([o for _, o in pairs if isinstance(o, Outage)], ignore_conflicts=True)
            continue
        for planned, at in pairs:
            Outage.objects.open().filter(health_check=planned.pk).update(ended_at=at)
            ring(outage_ended, check_id=planned.pk)


def _hasten_looks(batch: Batch, now: datetime) -> None:
    """Have the deployment judged at the next sweep, not at its next planned look.

    Outside the readings' transaction: with checks locked one must not wait for periods, since whoever judges a period
    has that locked. A crash in between delays the verdict to the next look and loses nothing.
    """
    began = [planned for planned, outage in batch.outages if isinstance(outage, Outage)]
    if not began:
        return
    environments = {planned.environment_id for planned in began}
    under_way = MonitoringPeriod.objects.under_way(at=now).filter(environment__in=environments)
    with transaction.atomic():
        periods = under_way.select_for_update(no_key=True).order_by("pk")
        MonitoringPeriod.objects.filter(pk__in=[period.pk for period in periods]).update(next_look_at=now)
        for planned in began:
            ring(outage_began, check_id=planned.pk)
