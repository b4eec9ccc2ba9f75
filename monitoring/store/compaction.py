"""Folding the log: batches into runs, runs into chunks of an hour, those into chunks of a day with roll-ups.

Each step is one transaction that writes the new rows and deletes the old ones: whoever is killed in the middle has
done nothing, and a reader sees a sample once, before or after. One lock lets one step run at a time; who does not get
it leaves the work to who has it.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import transaction

from monitoring.store import postgres, tiers
from monitoring.store.codec import pack_chunk, pack_table, unpack_chunk, unpack_table
from monitoring.store.columns import Line, Table, joined, lines, pieces, tidy_line, tidy_table
from monitoring.store.partitions import ensure
from monitoring.store.shapes import DAY_US, HOUR_US, SECOND_US, SHELF

Folded = Callable[[Mapping[int, int]], None]

LOCK = 0x706F7374_73746F72
#: The log is folded when it is as long as one of these; readers have to look through all of it.
MANY_BATCHES, MANY_SAMPLES, OLD_SECONDS = 128, 100_000, 600
#: So much of the log is folded at once.
MOST_BATCHES, MOST_SAMPLES = 1024, 400_000
#: Samples are expected so long after their hour or day is over.
HOUR_GRACE_US, DAY_GRACE_US = 2 * 60 * SECOND_US, 15 * 60 * SECOND_US
#: Samples of a day that is over are waited for until none came for so long, at most: each time the day is packed anew.
QUIET_SECONDS, WAITED_SECONDS = 60, 600
#: Samples in one row of a day; a reader of a minute unpacks all of them.
LONGEST_CHUNK = 16_384

_RUN = [("shelf", "int4"), ("day", "int4"), ("count", "int4"), ("first_us", "int8"), ("last_us", "int8")]
_HOUR = [("series_id", "int8"), ("hour", "int4"), ("count", "int4")]
_DAY = [("series_id", "int8"), ("day", "int4"), ("first_us", "int8"), ("last_us", "int8"), ("count", "int4")]


def compact(*, limit: int = 256, folded: Folded | None = None) -> int:
    """Fold what is due, at most about `limit` rows of each kind, and return how many samples left the log.

    `folded` is told how many samples of which source they were, in the same transaction.
    """
    samples = 0
    for _ in range(max(limit // 64, 1)):
        if not (done := fold_log(folded)):
            break
        samples += done
    _repeat(fold_hours, limit)
    _repeat(seal_day, limit)
    return samples


def _repeat(step: Callable[[], bool], limit: int) -> None:
    for _ in range(limit):
        if not step():
            return


# --- batches to runs --------------------------------------------------------------------------------------------------


@transaction.atomic
def fold_log(folded: Folded | None = None, *, at_once: bool = False) -> int:
    """Fold the oldest batches into runs if the log is long or old enough; return how many samples they were."""
    if not (at_once or _is_due()) or not postgres.has_lock(LOCK):
        return 0
    batches = _oldest_batches()
    if not batches:
        return 0
    table = tidy_table(joined([Table(*unpack_table(body)) for _, _, _, body in batches]))
    postgres.put("monitoring_samplerun", _RUN, _runs(table, open_day()))
    postgres.run(
        "DELETE FROM monitoring_samplebatch WHERE id = ANY(%s::bigint[])", [[place for _, _, place, _ in batches]]
    )
    counts: Counter[int] = Counter()
    for count, source, _, _ in batches:
        counts[source] += count
    if folded:
        folded({source: count for source, count in counts.items() if source})
    return counts.total()


def _is_due() -> bool:
    rows, samples, age = postgres.run(
        "SELECT count(*), coalesce(sum(count), 0), coalesce(extract(epoch FROM now() - min(created_at)), 0)"
        " FROM (SELECT count, created_at FROM monitoring_samplebatch ORDER BY id LIMIT %s) AS oldest",
        [MANY_BATCHES],
    )[0]
    return bool(rows >= MANY_BATCHES or samples >= MANY_SAMPLES or age >= OLD_SECONDS)


def _oldest_batches() -> list[postgres.Row]:
    return list(
        postgres.rows(
            "SELECT count::bigint, coalesce(source_id, 0), id, body FROM ("
            "  SELECT *, sum(count) OVER (ORDER BY id) - count AS before FROM ("
            "    SELECT id, source_id, count, body FROM monitoring_samplebatch ORDER BY id LIMIT %(rows)s) AS oldest"
            ") AS batch WHERE before < %(samples)s ORDER BY id",
            {"rows": MOST_BATCHES, "samples": MOST_SAMPLES},
        )
    )


def _runs(table: Table, first_open_day: int) -> Iterator[tuple[Any, ...]]:
    """Rows of runs: a shelf and an hour each, or a shelf and a day if that is over."""
    hours = table.times // HOUR_US
    periods = np.where(hours < first_open_day * 24, hours // 24 * 24, hours)
    is_one = len(periods) and periods.min() == periods.max()
    for period in periods[:1] if is_one else np.unique(periods):
        some = table if is_one else table.pick(periods == period)
        for run in pieces(some, some.series // SHELF):
            first, last = int(run.times.min()), int(run.times.max())
            yield int(run.series[0]) // SHELF, first // DAY_US, len(run.times), first, last, pack_table(*run)


def now_us() -> int:
    """The database's clock in microseconds since 1970."""
    return int(postgres.run("SELECT (extract(epoch FROM now()) * 1000000)::bigint")[0][0])


def open_day() -> int:
    """The first day that is not over; late samples of one that just ended are still waited for."""
    return (now_us() - DAY_GRACE_US) // DAY_US


# --- runs to hours ----------------------------------------------------------------------------------------------------


@transaction.atomic
def fold_hours() -> bool:
    """Fold the runs of one shelf whose hours are over into chunks of an hour; False when there were none."""
    hour = (now_us() - HOUR_GRACE_US) // HOUR_US
    due = postgres.run(
        "SELECT shelf, day FROM monitoring_samplerun WHERE day >= %s AND last_us < %s LIMIT 1",
        [open_day(), hour * HOUR_US],
    )
    if not due or not postgres.has_lock(LOCK):
        return False
    shelf, day = due[0]
    ids, table = _take_runs(shelf, day, before_us=hour * HOUR_US)
    _put_hours(shelf, tidy_table(table))
    _delete_runs(ids)
    return bool(ids)


def _put_hours(shelf: int, table: Table) -> None:
    new = {
        (int(piece.series[0]), int(piece.times[0]) // HOUR_US): Line(piece.times, piece.values)
        for piece in pieces(table, table.series, table.times // HOUR_US)
    }
    for key, line in _hours(shelf, {hour for _, hour in new}).items():
        if key in new:
            new[key] = tidy_line([line, new[key]])
    postgres.run(
        "DELETE FROM monitoring_hourchunk USING unnest(%s::bigint[], %s::int[]) AS new(series, at)"
        " WHERE series_id = new.series AND hour = new.at",
        [[series for series, _ in new], [hour for _, hour in new]],
    )
    rows = ((*key, len(line.times), pack_chunk(*line, quickly=True)) for key, line in new.items())
    postgres.put("monitoring_hourchunk", _HOUR, rows)


def _hours(shelf: int, hours: Iterable[int]) -> dict[tuple[int, int], Line]:
    """The chunks of some hours of a shelf, in the order of time, by series and hour."""
    rows = postgres.rows(
        "SELECT 0::bigint, series_id, hour::bigint, body FROM monitoring_hourchunk"
        " WHERE series_id >= %(first)s AND series_id < %(end)s AND hour = ANY(%(hours)s::int[]) ORDER BY hour",
        {"first": shelf * SHELF, "end": (shelf + 1) * SHELF, "hours": list(hours)},
    )
    return {(series, hour): Line(*unpack_chunk(body)) for _, series, hour, body in rows}


def _take_runs(shelf: int, day: int, *, before_us: int) -> tuple[list[int], Table]:
    """The runs of a shelf and day that end before some time, and their samples in the order they came."""
    rows = list(
        postgres.rows(
            "SELECT 0::bigint, 0::bigint, id, body FROM monitoring_samplerun"
            " WHERE shelf = %(shelf)s AND day = %(day)s AND last_us < %(before)s ORDER BY id",
            {"shelf": shelf, "day": day, "before": before_us},
        )
    )
    return [place for _, _, place, _ in rows], joined([Table(*unpack_table(body)) for *_, body in rows])


def _delete_runs(ids: Sequence[int]) -> None:
    postgres.run("DELETE FROM monitoring_samplerun WHERE id = ANY(%s::bigint[])", [list(ids)])


# --- hours to days ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Days:
    """One shelf's samples of a day that is over, by series, and which rows they come from."""

    shelf: int
    day: int
    run_ids: Sequence[int]
    parts: Mapping[int, Sequence[Line]]

    @property
    def series(self) -> list[int]:
        return list(self.parts)


@transaction.atomic
def seal_day() -> bool:
    """Fold one shelf's hours and runs of a day that is over into chunks of the day; False when there were none."""
    first_open = open_day()
    due = postgres.run(
        "(SELECT shelf, day FROM monitoring_samplerun WHERE day < %s GROUP BY shelf, day"
        " HAVING max(created_at) <= clock_timestamp() - %s * interval '1 second'"
        " OR min(created_at) <= clock_timestamp() - %s * interval '1 second' LIMIT 1) UNION ALL"
        " (SELECT (series_id / %s)::int, hour / 24 FROM monitoring_hourchunk WHERE hour < %s LIMIT 1) LIMIT 1",
        [first_open, QUIET_SECONDS, WAITED_SECONDS, SHELF, first_open * 24],
    )
    if not due or not postgres.has_lock(LOCK):
        return False
    days = _gather(*due[0])
    ensure(days.day)
    _put_days(days)
    _delete_runs(days.run_ids)
    postgres.run(
        "DELETE FROM monitoring_hourchunk WHERE series_id >= %s AND series_id < %s AND hour >= %s AND hour < %s",
        [days.shelf * SHELF, (days.shelf + 1) * SHELF, days.day * 24, (days.day + 1) * 24],
    )
    return True


def _gather(shelf: int, day: int) -> _Days:
    parts: dict[int, list[Line]] = defaultdict(list)
    for (series, _), line in _hours(shelf, range(day * 24, (day + 1) * 24)).items():
        parts[series].append(line)
    run_ids, table = _take_runs(shelf, day, before_us=(day + 1) * DAY_US)
    for series, line in lines(tidy_table(table)).items():
        parts[series].append(line)
    alive = postgres.run("SELECT id FROM monitoring_series WHERE id = ANY(%s::bigint[])", [list(parts)])
    return _Days(shelf, day, run_ids, {series: parts[series] for (series,) in alive})


def _put_days(days: _Days) -> None:
    known = _known_days(days)
    thinned = tiers.days_without_samples(days.series, days.day) - set(known)
    whole = {
        series: tidy_line([*known.get(series, ()), *parts])
        for series, parts in days.parts.items()
        if series not in thinned
    }
    if known:  # samples came late; the minutes of a day that is about to go are made again
        for table in ("monitoring_daychunk", tiers.MINUTES):
            postgres.run(
                f"DELETE FROM {table} WHERE series_id = ANY(%s::bigint[]) AND day = %s",  # noqa: S608
                [list(known), days.day],
            )
    rows = (row for series, line in whole.items() for row in _day_rows(series, days.day, line))
    postgres.put("monitoring_daychunk", _DAY, rows)
    tiers.replace_hours(days.day, whole)
    tiers.add_late(days.day, {series: tidy_line(days.parts[series]) for series in thinned})


def _known_days(days: _Days) -> dict[int, list[Line]]:
    """What the day's chunks of these series hold already: samples that came late are added to it."""
    found: dict[int, list[Line]] = defaultdict(list)
    rows = postgres.rows(
        "SELECT 0::bigint, series_id, first_us, body FROM monitoring_daychunk"
        " WHERE series_id = ANY(%(series)s::bigint[]) AND day = %(day)s ORDER BY first_us",
        {"series": days.series, "day": days.day},
    )
    for _, series, _, body in rows:
        found[series].append(Line(*unpack_chunk(body)))
    return found


def _day_rows(series: int, day: int, line: Line) -> Iterator[tuple[Any, ...]]:
    for begin in range(0, len(line.times), LONGEST_CHUNK):
        times, values = line.times[begin : begin + LONGEST_CHUNK], line.values[begin : begin + LONGEST_CHUNK]
        yield series, day, int(times[0]), int(times[-1]), len(times), pack_chunk(times, values)
