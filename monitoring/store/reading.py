"""Reading samples: chunks of what is over merged with what waits in the log, in one statement and so at one moment."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from enum import IntEnum
from typing import Any

import numpy as np

from monitoring.store import postgres
from monitoring.store.codec import unpack_chunk, unpack_table
from monitoring.store.columns import NO_LINE, Line, Table, joined, lines, tidy_line, tidy_table
from monitoring.store.shapes import DAY_US, HOUR_US, NOTHING, SHELF, Sample, Samples, microseconds, moment


class Tier(IntEnum):
    """Where a row comes from; of two samples with one time that of the lower tier came first."""

    DAY = 0
    HELD = 1
    HOUR = 2
    RUN = 3
    BATCH = 4


#: Tiers of which a row says that its day is kept, and by what to divide its place for the day.
_PLACES: dict[int, int] = {Tier.DAY: DAY_US, Tier.HOUR: 24}

_OWN = "series_id = ANY(%(series)s::bigint[])"
_READ = f"""
SELECT {Tier.DAY:d}::bigint, series_id, first_us, body FROM monitoring_daychunk
WHERE {_OWN} AND day BETWEEN %(first_day)s AND %(last_day)s AND last_us >= %(start)s AND first_us < %(end)s
UNION ALL SELECT {Tier.HELD:d}::bigint, series_id, day::bigint, body FROM monitoring_heldchunk
WHERE {_OWN} AND day BETWEEN %(first_day)s AND %(last_day)s
UNION ALL SELECT {Tier.HOUR:d}::bigint, series_id, hour::bigint, body FROM monitoring_hourchunk
WHERE {_OWN} AND hour BETWEEN %(first_hour)s AND %(last_hour)s
UNION ALL SELECT {Tier.RUN:d}::bigint, 0::bigint, id, body FROM monitoring_samplerun
WHERE shelf = ANY(%(shelves)s::int[]) AND day BETWEEN %(first_day)s AND %(last_day)s
AND last_us >= %(start)s AND first_us < %(end)s
UNION ALL SELECT {Tier.BATCH:d}::bigint, 0::bigint, id, body FROM monitoring_samplebatch
WHERE last_us >= %(start)s AND first_us < %(end)s
"""  # noqa: S608

# Of each tier the newest rows that hold as many samples as are wanted: what is newest of all is among them.
_NEWEST = """
SELECT {tier:d}::bigint, series_id, place, body FROM unnest(%(series)s::bigint[]) AS wanted(id) CROSS JOIN LATERAL (
  SELECT series_id, {place}::bigint AS place, body, sum(count) OVER (ORDER BY {place} DESC) - count AS later
  FROM {table} WHERE series_id = wanted.id
) AS chunk WHERE later < %(count)s
"""
# What was not folded into days yet.
_OPEN_TAIL = " UNION ALL ".join(
    [
        _NEWEST.format(tier=Tier.HOUR, place="hour", table="monitoring_hourchunk"),
        f"SELECT {Tier.RUN:d}::bigint, 0::bigint, id, body FROM monitoring_samplerun"  # noqa: S608
        " WHERE shelf = ANY(%(shelves)s::int[])",
        f"SELECT {Tier.BATCH:d}::bigint, 0::bigint, id, body FROM monitoring_samplebatch",  # noqa: S608
    ]
)
_TAIL = " UNION ALL ".join(
    [
        _OPEN_TAIL,
        _NEWEST.format(tier=Tier.DAY, place="first_us", table="monitoring_daychunk"),
        f"SELECT {Tier.HELD:d}::bigint, series_id, day::bigint, body FROM monitoring_heldchunk WHERE {_OWN}",  # noqa: S608
    ]
)
# The time of the newest sample of each series that was folded into days; its tier is none.
_FOLDED = -1
_FOLDED_UNTIL = f"""
SELECT {_FOLDED}::bigint, wanted.id, chunk.last_us, ''::bytea FROM unnest(%(series)s::bigint[]) AS wanted(id)
CROSS JOIN LATERAL (
  SELECT last_us FROM monitoring_daychunk WHERE series_id = wanted.id ORDER BY day DESC, first_us DESC LIMIT 1
) AS chunk
"""  # noqa: S608


def read(series_ids: Collection[int], start: datetime, end: datetime) -> dict[int, Samples]:
    """Return the samples with start <= time < end of each series, empty where there are none, in one query."""
    found = read_lines(series_ids, microseconds(start), microseconds(end))
    return {series: _samples(found[series]) if series in found else NOTHING for series in series_ids}


def tail(series_ids: Collection[int], count: int) -> dict[int, Samples]:
    """Return the latest `count` samples of each series, oldest first, in two queries at most."""
    found = _tails(series_ids, count)
    return {series: _samples(found[series]) if series in found else NOTHING for series in series_ids}


def latest(series_ids: Collection[int]) -> dict[int, Sample]:
    """Return the newest sample of each series that has one, in two queries at most."""
    found = _tails(series_ids, 1)
    return {series: Sample(moment(int(line.times[-1])), float(line.values[-1])) for series, line in found.items()}


def _tails(series_ids: Collection[int], count: int) -> dict[int, Line]:
    """The latest samples of each series that has some; days are unpacked only of those that need it."""
    if not series_ids or count < 1:
        return {}
    rows = _rows(f"{_OPEN_TAIL} UNION ALL {_FOLDED_UNTIL}", series_ids, {"count": count})
    folded_until = {series: until for tier, series, until, _ in rows if tier == _FOLDED}
    found = _merged(series_ids, [row for row in rows if row[0] != _FOLDED])
    short = [series for series in folded_until if _is_short(found.get(series, NO_LINE), count, folded_until[series])]
    found |= _merged(short, _rows(_TAIL, short, {"count": count})) if short else {}
    return {series: Line(line.times[-count:], line.values[-count:]) for series, line in found.items()}


def _is_short(line: Line, count: int, folded_until: int) -> bool:
    """Whether some of the latest samples may be among those that were folded into days."""
    return len(line.times) < count or int(line.times[-count]) <= folded_until


def read_lines(
    series_ids: Collection[int], start_us: int, end_us: int, *, whole: set[tuple[int, int]] | None = None
) -> dict[int, Line]:
    """Return the samples of each series that has some, with start <= time < end in microseconds.

    To `whole` are added the (series, day) whose samples are surely not gone.
    """
    if not series_ids or start_us >= end_us:
        return {}
    window = {
        "start": start_us,
        "end": end_us,
        "first_day": start_us // DAY_US,
        "last_day": (end_us - 1) // DAY_US,
        "first_hour": start_us // HOUR_US,
        "last_hour": (end_us - 1) // HOUR_US,
    }
    rows = _rows(_READ, series_ids, window)
    if whole is not None:
        whole |= {(series, place // _PLACES[tier]) for tier, series, place, _ in rows if tier in _PLACES}
    found = _merged(series_ids, rows)
    cut = {series: _cut(line, start_us, end_us) for series, line in found.items()}
    return {series: line for series, line in cut.items() if len(line.times)}


def _rows(query: str, series_ids: Collection[int], parameters: dict[str, Any]) -> list[postgres.Row]:
    """The rows of a query, those that came first first."""
    shelves = list({series // SHELF for series in series_ids})
    return sorted(postgres.rows(query, parameters | {"series": list(series_ids), "shelves": shelves}), key=_rank)


def _merged(series_ids: Collection[int], rows: Iterable[postgres.Row]) -> dict[int, Line]:
    """The samples of each series out of the rows of all tiers."""
    parts: dict[int, list[Line]] = defaultdict(list)
    shared: list[Table] = []
    for tier, owner, _, body in rows:
        if tier >= Tier.RUN:
            shared.append(Table(*unpack_table(body)))
        else:
            parts[owner].append(Line(*unpack_chunk(body)))
    for owner, line in lines(_wanted(shared, list(series_ids))).items():
        parts[owner].append(line)
    return {owner: tidy_line(some) for owner, some in parts.items()}


def _rank(row: postgres.Row) -> tuple[int, int]:
    return row[0], row[2]


def _wanted(shared: Sequence[Table], series: Sequence[int]) -> Table:
    """The rows of `series`, tidy."""
    if len(series) == 1:
        return tidy_table(joined([table.pick(table.series == series[0]) for table in shared]))
    table = joined(shared)
    return tidy_table(table.pick(np.isin(table.series, np.asarray(series, np.int64))))


def _cut(line: Line, start_us: int, end_us: int) -> Line:
    begin, end = np.searchsorted(line.times, [start_us, end_us])
    return Line(line.times[begin:end], line.values[begin:end])


def _samples(line: Line) -> Samples:
    return Samples(line.times / 1e6, line.values)
