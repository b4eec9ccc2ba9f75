"""Who reads what: each process holds some shards of its location under a lease that the database's clock decides.

A process that dies is forgotten when its lease has run out, and another goes on at `polled_until`. What it had read but
not kept is read again; what it had kept is not. A shard counts the checks that have left it for another location, so
that whoever holds it notices before it keeps what is no longer its own.
"""

import math
import os
import platform
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from monitoring.models import SHARDS
from monitoring.polling.clock import Clock

#: Longer than a restart of the database takes, short enough that a killed process is missed by nobody.
LEASE_SECONDS = 10
#: A process that did not speak for so long holds no claim to a fair share.
SILENT_SECONDS = 5
#: Rows of processes that are gone are kept so long, for whoever wonders what happened.
FORGOTTEN_SECONDS = 3600


@dataclass
class Figures:
    """How a process does, as its `Prober` row shows it."""

    checks: int = 0
    readings: int = 0
    probes_per_second: float = 0.0
    lateness_p50_ms: float | None = None
    lateness_p99_ms: float | None = None
    skipped: int = 0


@dataclass
class Identity:
    """Who we are: a name for people, a key that no other process ever has, and the location whose checks we read."""

    name: str = field(default_factory=lambda: f"{platform.node()[:80]}:{os.getpid()}")
    key: str = ""
    location: str = field(default_factory=lambda: settings.LOCATION)

    def __post_init__(self) -> None:
        self.key = self.key or f"{self.name}:{uuid.uuid4().hex[:12]}"


@dataclass(frozen=True)
class Taken:
    """A shard that was taken over: where to go on, whether the process before us ended without a word, what left it."""

    number: int
    polled_until_us: int | None
    is_orphan: bool
    departures: int


@dataclass(frozen=True)
class Reported:
    """How many processes read the checks of our location, and how many checks have left each of our shards."""

    probers: int
    departures: dict[int, int]


def report(me: Identity, clock: Clock, figures: Figures, shards: int) -> Reported:
    """Say that we are there and how we do, read the database's clock, and return what is so at our location."""
    asked_at = time.monotonic()
    with connection.cursor() as cursor:
        named = {"name": me.name, "key": me.key, "location": me.location}
        cursor.execute(_REPORT, {**named, "shards": shards, **vars(figures)})
        cursor.execute(
            "SELECT count(*), (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,"
            " (SELECT json_object_agg(number, departures) FROM monitoring_pollshard WHERE owner = %s)"
            " FROM monitoring_prober WHERE location = %s AND seen_at > clock_timestamp() - make_interval(secs => %s)",
            [me.key, me.location, SILENT_SECONDS],
        )
        probers, database_us, departures = cursor.fetchone()
    clock.set(database_us, asked_at=asked_at, answered_at=time.monotonic())
    return Reported(int(probers), {int(number): count for number, count in (departures or {}).items()})


_REPORT = """
INSERT INTO monitoring_prober AS row
    (name, key, location, shards, checks, readings, probes_per_second, lateness_p50_ms, lateness_p99_ms, skipped)
VALUES (%(name)s, %(key)s, %(location)s, %(shards)s, %(checks)s, %(readings)s, %(probes_per_second)s,
    %(lateness_p50_ms)s, %(lateness_p99_ms)s, %(skipped)s)
ON CONFLICT (key) DO UPDATE SET seen_at = clock_timestamp(), shards = excluded.shards, checks = excluded.checks,
    readings = excluded.readings, probes_per_second = excluded.probes_per_second,
    lateness_p50_ms = excluded.lateness_p50_ms, lateness_p99_ms = excluded.lateness_p99_ms, skipped = excluded.skipped
"""


def fair_share(probers: int) -> int:
    """Return how many shards one of so many processes should hold."""
    return math.ceil(SHARDS / max(probers, 1))


def take(me: Identity, wanted: int) -> list[Taken]:
    """Take up to so many shards of our location that nobody holds, or whose holder let its lease run out."""
    if wanted <= 0:
        return []
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO monitoring_pollshard (location, number, owner)"
            " SELECT %s, number, '' FROM generate_series(0, %s) AS number"
            " WHERE (SELECT count(*) FROM monitoring_pollshard WHERE location = %s) < %s ON CONFLICT DO NOTHING",
            [me.location, SHARDS - 1, me.location, SHARDS],
        )
        cursor.execute(_TAKE, {**vars(me), "wanted": wanted, "lease": LEASE_SECONDS})
        return [Taken(*row) for row in cursor.fetchall()]


_TAKE = """
WITH free AS (
    SELECT id, owner FROM monitoring_pollshard
    WHERE location = %(location)s AND (owner = '' OR lease_until < clock_timestamp() OR lease_until IS NULL)
    ORDER BY number LIMIT %(wanted)s FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE monitoring_pollshard AS shard
SET owner = %(key)s, lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
FROM free WHERE shard.id = free.id
RETURNING shard.number, (extract(epoch FROM shard.polled_until) * 1000000)::bigint,
    free.owner <> '' AND free.owner <> %(key)s, shard.departures
"""


def renew(me: Identity, polled_until_us: Mapping[int, int]) -> dict[int, int]:
    """Renew the leases of shards and note how far each was read; return the departures of those that are still ours.

    In the transaction that keeps readings: the rows stay locked until it ends, so that nobody takes over in between.
    A lease that ran out while nobody took the shard is still ours.
    """
    return _write(me, polled_until_us, owner=me.key)


def release(me: Identity, polled_until_us: Mapping[int, int]) -> set[int]:
    """Give shards back at once; whoever takes them goes on at `polled_until_us`."""
    return set(_write(me, polled_until_us, owner=""))


def _write(me: Identity, polled_until_us: Mapping[int, int], *, owner: str) -> dict[int, int]:
    numbers = sorted(polled_until_us)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE monitoring_pollshard AS shard SET owner = %s,"
            " lease_until = CASE WHEN %s = '' THEN NULL ELSE clock_timestamp() + make_interval(secs => %s) END,"
            " polled_until = to_timestamp(new.until / 1000000.0)"
            " FROM unnest(%s::int[], %s::bigint[]) AS new(number, until)"
            " WHERE shard.location = %s AND shard.number = new.number AND shard.owner = %s"
            " RETURNING shard.number, shard.departures",
            [owner, owner, LEASE_SECONDS, numbers, [polled_until_us[n] for n in numbers], me.location, me.key],
        )
        return dict(cursor.fetchall())


def held(me: Identity) -> set[int]:
    """Return the shards that are ours by the database."""
    return set(_column("SELECT number FROM monitoring_pollshard WHERE owner = %s", [me.key]))


def leave(me: Identity) -> None:
    """Say that we are gone, and forget those that went without a word long ago."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM monitoring_prober WHERE key = %s OR seen_at < clock_timestamp() - make_interval(secs => %s)",
            [me.key, FORGOTTEN_SECONDS],
        )


def _column(query: str, parameters: Iterable[Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query, list(parameters))
        return [row[0] for row in cursor.fetchall()]
