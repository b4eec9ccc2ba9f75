"""How the store is doing."""

from collections.abc import Collection
from datetime import datetime

from monitoring.store import postgres
from monitoring.store.shapes import StoreFigures

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
