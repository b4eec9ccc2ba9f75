"""Partitions by day: made when they are needed and a little ahead, dropped as a whole."""

from typing import Final, NamedTuple

from monitoring.store import postgres
from monitoring.store.shapes import DAY_US, moment


class Partition(NamedTuple):
    """A table that holds the days from `first` to before `end`."""

    name: str
    first: int
    end: int


#: Days in a partition of each table: few files, and little that is kept too long.
WIDTHS: Final = {"monitoring_daychunk": 7, "monitoring_minuterollup": 28, "monitoring_hourrollup": 84}


def partition_of(table: str, day: int) -> Partition:
    """Return the partition of `table` that holds `day`, whether it exists or not."""
    width = WIDTHS[table]
    first = day // width * width
    return Partition(f"{table}_{moment(first * DAY_US):%Y%m%d}", first, first + width)


def ensure(day: int) -> None:
    """Make the partitions that hold `day` where they are missing.

    Made beside the table and then attached: that waits for no reader or writer.
    """
    wanted = {partition_of(table, day): table for table in WIDTHS}
    names = [partition.name for partition in wanted]
    known = {name for (name,) in postgres.run("SELECT relname FROM pg_class WHERE relname = ANY(%s)", [names])}
    for partition, table in wanted.items():
        if partition.name not in known:
            postgres.run(f"CREATE TABLE {partition.name} (LIKE {table} INCLUDING ALL)")
            postgres.run(
                f"ALTER TABLE {table} ATTACH PARTITION {partition.name}"
                f" FOR VALUES FROM ({partition.first}) TO ({partition.end})"
            )


def existing(table: str) -> list[Partition]:
    """Return the partitions of `table` that exist, the oldest first."""
    rows = postgres.run(
        "SELECT inhrelid::regclass::text, pg_get_expr(relpartbound, inhrelid) FROM pg_inherits"
        " JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = %s::regclass",
        [table],
    )
    found = []
    for name, bounds in rows:
        first, end = (int(word.strip("()'")) for word in bounds.split() if word.strip("()'").lstrip("-").isdigit())
        found.append(Partition(name, first, end))
    return sorted(found, key=lambda partition: partition.first)
