"""How the store is doing."""

from collections.abc import Collection
from datetime import datetime

from monitoring.store import postgres
from monitoring.store.shapes import DAY_US, DaySizes, StoreFigures, microseconds

_TABLES = {
    "log": ("monitoring_samplebatch", "monitoring_samplereceipt", "monitoring_samplerun"),
    "hours": ("monitoring_hourchunk",),
    "days": ("monitoring_daychunk",),
    "minute roll-ups": ("monitoring_minuterollup",),
    "hour roll-ups": ("monitoring_hourrollup",),
    "held": ("monitoring_heldchunk", "monitoring_hold"),
}


def figures() -> StoreFigures:
    """Return what waits in the log, and how large the tiers are."""
    rows, samples, age = postgres.run(
        "SELECT count(*), coalesce(sum(count), 0),"
        " coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0) FROM monitoring_samplebatch"
    )[0]
    return StoreFigures(int(rows), int(samples), float(age), {name: _size(tables) for name, tables in _TABLES.items()})


def waiting(source_ids: Collection[int]) -> dict[int, tuple[int, datetime]]:
    """Return how many samples of each source wait in the log, and when the latest came; not those that have none."""
    found = postgres.run(
        "SELECT source_id, sum(count), max(created_at) FROM monitoring_samplebatch"
        " WHERE source_id = ANY(%s::bigint[]) GROUP BY source_id",
        [list(source_ids)],
    )
    return {int(source): (int(count), latest) for source, count, latest in found}


def day_sizes(series_ids: Collection[int], *, raw_days: int, now: datetime) -> DaySizes:
    """Return what these series took on their latest whole day, by tier; minutes begin where samples end."""
    today = microseconds(now) // DAY_US
    samples, raw = _day_of("monitoring_daychunk", "sum(count)", series_ids, today - 3, today - 1)
    _, hours = _day_of("monitoring_hourrollup", "count(*)", series_ids, today - 3, today - 1)
    _, minutes = _day_of("monitoring_minuterollup", "count(*)", series_ids, today - raw_days - 5, today - raw_days)
    return DaySizes(samples, raw, minutes, hours)


def _day_of(table: str, counted: str, series_ids: Collection[int], first: int, last: int) -> tuple[int, int]:
    """Return what is counted, and the bytes, of the latest day of a table between two days; 0, 0 when there is none."""
    found = postgres.run(
        f"SELECT {counted}, sum(octet_length(body)) FROM {table}"  # noqa: S608
        " WHERE series_id = ANY(%s::bigint[]) AND day BETWEEN %s AND %s GROUP BY day ORDER BY day DESC LIMIT 1",
        [list(series_ids), first, last],
    )
    return (int(found[0][0]), int(found[0][1])) if found else (0, 0)


def _size(tables: tuple[str, ...]) -> int:
    """Bytes on disk, with indexes, long values and partitions."""
    return int(
        postgres.run(
            "SELECT coalesce(sum(pg_total_relation_size(relid)), 0) FROM unnest(%s::text[]) AS wanted(name)"
            " CROSS JOIN LATERAL ("
            "  SELECT relid FROM pg_partition_tree(name::regclass) UNION SELECT name::regclass"
            ") AS part",
            [list(tables)],
        )[0][0]
    )
