"""How long samples are kept: as they came, then as roll-ups of a minute, then of an hour; what a verdict used stays.

A partition goes as a whole once every project's time is over; a project with a shorter time loses its rows before.
"""

import logging
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np
from django.db import OperationalError, transaction

from monitoring.models import Hold, Retention
from monitoring.store import partitions, postgres, tiers
from monitoring.store.codec import pack_chunk, unpack_chunk
from monitoring.store.columns import Line, tidy_line
from monitoring.store.compaction import LOCK
from monitoring.store.partitions import Partition
from monitoring.store.rollcodec import rolled
from monitoring.store.shapes import DAY_US, microseconds

logger = logging.getLogger(__name__)

DAYS = "monitoring_daychunk"
_HELD = [("series_id", "int8"), ("day", "int4")]
#: Series whose day is rolled up in one transaction, and such transactions of one run; the next run goes on.
BATCH, BATCHES = 100, 50
#: Readers wait behind whoever waits to drop a table: no longer than this.
LONGEST_WAIT_MS = 200
#: Partitions are made so many days before they are needed.
AHEAD = 7


class Kept(NamedTuple):
    """For how many days each tier is kept."""

    raw: int
    minutes: int
    hours: int


def hold(series_ids: Collection[int], start: datetime, end: datetime, *, verdict_id: int) -> None:
    """Keep the samples with start <= time < end for as long as the verdict, whatever the retention says."""
    if series_ids and start < end:
        Hold.objects.create(
            verdict_id=verdict_id,
            series_ids=sorted(series_ids),
            start_us=microseconds(start),
            end_us=microseconds(end),
        )


def drop_expired(*, now: datetime) -> int:
    """Forget what is older than its project keeps it; return how many partitions and rows went. Safe to repeat."""
    today = microseconds(now) // DAY_US
    for day in (today, today + AHEAD):
        _make(day)
    longest, shorter = _kept()
    gone = sum(_forget_early(project, kept, longest, today) for project, kept in shorter.items())
    gone += sum(_drop_days(partition) for partition in _expired(DAYS, today - longest.raw))
    gone += sum(_drop(partition) for partition in _expired(tiers.MINUTES, today - longest.minutes))
    gone += sum(_drop(partition) for partition in _expired(tiers.HOURS, today - longest.hours))
    return gone + _forget_remains()


@transaction.atomic
def _make(day: int) -> None:
    postgres.wait_for_lock(LOCK)
    partitions.ensure(day)


def _expired(table: str, before: int) -> list[Partition]:
    """Partitions of which every day is before `before`."""
    return [partition for partition in partitions.existing(table) if partition.end <= before]


def _kept() -> tuple[Kept, dict[int, Kept]]:
    """The longest time that any project keeps each tier, and the projects that have a shorter one for some."""
    usual = Retention()
    rows = postgres.run(
        "SELECT project.id, coalesce(raw_days, %s), coalesce(minute_days, %s), coalesce(hour_days, %s)"
        " FROM deployments_project AS project LEFT JOIN monitoring_retention AS kept ON kept.project_id = project.id",
        [usual.raw_days, usual.minute_days, usual.hour_days],
    )
    by_project = {project: Kept(*days) for project, *days in rows}
    everybody = by_project.values() or [Kept(usual.raw_days, usual.minute_days, usual.hour_days)]
    longest = Kept(*(max(days) for days in zip(*everybody, strict=True)))
    return longest, {project: kept for project, kept in by_project.items() if kept != longest}


# --- partitions -------------------------------------------------------------------------------------------------------


def _drop_days(partition: Partition) -> int:
    """Roll up what is in a partition of samples, and drop it when that is done."""
    old = f"SELECT series_id, day FROM {partition.name} WHERE true"  # noqa: S608
    for _ in range(BATCHES):
        if not _roll_some(old, []):
            break
    return _drop(partition, unless=_waiting(old))


def _drop(partition: Partition, unless: str = "") -> int:
    """Drop a partition, unless a query finds something; 0 if readers are in the way, the next run tries again."""
    try:
        with transaction.atomic():
            postgres.run(f"SET LOCAL lock_timeout = {LONGEST_WAIT_MS}")
            postgres.wait_for_lock(LOCK)
            if unless and postgres.run(f"{unless} LIMIT 1"):
                return 0
            postgres.run(f"DROP TABLE {partition.name}")
    except OperationalError as error:
        logger.info("%s is dropped later: %s", partition.name, error)
        return 0
    return 1


# --- rows -------------------------------------------------------------------------------------------------------------


def _forget_early(project: int, kept: Kept, longest: Kept, today: int) -> int:
    """Delete what this project keeps for a shorter time than others."""
    gone = 0
    if kept.raw < longest.raw:
        old = f"SELECT series_id, day FROM {DAYS} WHERE day < %s AND {_OF_PROJECT}"  # noqa: S608
        for _ in range(BATCHES):
            if not (forgotten := _forget_some(old, [today - kept.raw, project])):
                break
            gone += forgotten
    for table, days, most in (
        (tiers.MINUTES, kept.minutes, longest.minutes),
        (tiers.HOURS, kept.hours, longest.hours),
    ):
        if days < most:
            old = f"DELETE FROM {table} WHERE day < %s AND {_OF_PROJECT}"  # noqa: S608
            gone += postgres.change(old, [today - days, project])
    return gone


_OF_PROJECT = (
    "series_id IN (SELECT series.id FROM monitoring_series AS series"
    " JOIN deployments_environment AS place ON place.id = series.environment_id WHERE place.project_id = %s)"
)


@transaction.atomic
def _forget_some(old: str, parameters: Sequence[int]) -> int:
    """Roll up and delete some rows of samples; return how many."""
    postgres.wait_for_lock(LOCK)
    rows = postgres.run(f"{old} GROUP BY series_id, day LIMIT {BATCH}", parameters)
    _roll_up(rows)
    return postgres.change(
        f"DELETE FROM {DAYS} USING unnest(%s::bigint[], %s::int[]) AS old(series, at)"  # noqa: S608
        " WHERE series_id = old.series AND day = old.at",
        [[series for series, _ in rows], [day for _, day in rows]],
    )


@transaction.atomic
def _roll_some(old: str, parameters: Sequence[int]) -> bool:
    """Roll up some days of samples that have no roll-ups by the minute yet; False when there were none."""
    postgres.wait_for_lock(LOCK)
    rows = postgres.run(f"{_waiting(old)} GROUP BY series_id, day LIMIT {BATCH}", parameters)
    _roll_up(rows)
    return bool(rows)


def _waiting(old: str) -> str:
    return (
        f"SELECT series_id, day FROM ({old}) AS old WHERE EXISTS ("  # noqa: S608
        " SELECT FROM monitoring_series WHERE monitoring_series.id = old.series_id) AND NOT EXISTS ("
        f" SELECT FROM {tiers.MINUTES} AS done WHERE done.series_id = old.series_id AND done.day = old.day)"
    )


def _roll_up(rows: Sequence[tuple[int, int]]) -> None:
    """Write the roll-ups by the minute of some series' days, and keep what verdicts hold."""
    by_day: dict[int, list[int]] = defaultdict(list)
    for series, day in rows:
        by_day[day].append(series)
    for day, series_ids in by_day.items():
        partitions.ensure(day)
        lines = _day(series_ids, day)
        tiers.replace(tiers.MINUTES, day, {series: rolled(*line, 60) for series, line in lines.items()})
        _keep_held(day, lines)


def _day(series_ids: Sequence[int], day: int) -> dict[int, Line]:
    parts: dict[int, list[Line]] = defaultdict(list)
    rows = postgres.rows(
        f"SELECT 0::bigint, series_id, first_us, body FROM {DAYS}"  # noqa: S608
        " WHERE series_id = ANY(%(series)s::bigint[]) AND day = %(day)s ORDER BY first_us",
        {"series": list(series_ids), "day": day},
    )
    for _, series, _, body in rows:
        parts[series].append(Line(*unpack_chunk(body)))
    return {series: tidy_line(some) for series, some in parts.items()}


# --- held -------------------------------------------------------------------------------------------------------------


def _keep_held(day: int, lines: Mapping[int, Line]) -> None:
    """Copy what verdicts used out of a day that is about to go."""
    holds = postgres.run(
        "SELECT series_ids, start_us, end_us FROM monitoring_hold"
        " WHERE end_us > %s AND start_us < %s AND series_ids && %s::bigint[]",
        [day * DAY_US, (day + 1) * DAY_US, list(lines)],
    )
    spans: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for series_ids, start, end in holds:
        for series in lines.keys() & set(series_ids):
            spans[series].append((start, end))
    held = {series: _within(lines[series], some) for series, some in spans.items()}
    postgres.run("DELETE FROM monitoring_heldchunk WHERE day = %s AND series_id = ANY(%s::bigint[])", [day, list(held)])
    rows = ((series, day, pack_chunk(*line)) for series, line in held.items() if len(line.times))
    postgres.put("monitoring_heldchunk", _HELD, rows)


def _within(line: Line, spans: Sequence[tuple[int, int]]) -> Line:
    inside = np.zeros(len(line.times), bool)
    for start, end in spans:
        inside |= (line.times >= start) & (line.times < end)
    return Line(line.times[inside], line.values[inside])


_REMAINS = (
    # receipts: senders repeat within a day
    "DELETE FROM monitoring_samplereceipt WHERE created_at < now() - interval '2 days'",
    # what was held for verdicts that are gone
    f"DELETE FROM monitoring_heldchunk AS held WHERE NOT EXISTS (SELECT FROM monitoring_hold"  # noqa: S608
    f" WHERE end_us > held.day::bigint * {DAY_US} AND start_us < (held.day::bigint + 1) * {DAY_US}"
    " AND held.series_id = ANY(series_ids))",
    # series that were deleted
    *(
        f"DELETE FROM {table} AS old WHERE NOT EXISTS ("  # noqa: S608
        " SELECT FROM monitoring_series WHERE monitoring_series.id = old.series_id)"
        for table in (DAYS, tiers.MINUTES, tiers.HOURS, "monitoring_heldchunk")
    ),
)


def _forget_remains() -> int:
    return sum(postgres.change(delete) for delete in _REMAINS)
