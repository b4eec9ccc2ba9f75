"""How the store is doing."""

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
