"""How this installation is doing: the figures of the operations page and of `/metrics`. They name no project."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, DurationField, ExpressionWrapper, F, Max, Q, Sum
from django.db.models.functions import Now

from monitoring import store
from monitoring.models import HealthCheck, Prober, ProberOutage, Refusal, RefusalReason, Source
from monitoring.selectors.locations import Location, locations
from postdeploy import health, queues, wiring
from postdeploy.lib.locations import queue_of

#: A prober that has not spoken for so long is gone; it says something every second or two.
SILENT_SECONDS = 10.0
#: Outages of our own that are shown after they ended.
RECENT = timedelta(days=7)
#: The log must have stood open for so long before a rate can be read from it.
_SHORTEST_WINDOW_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Worker:
    """A process that polls, and how it does."""

    row: Prober
    silent_seconds: float

    @property
    def is_there(self) -> bool:
        """False for a process that went without a word, or cannot reach the database."""
        return self.silent_seconds <= SILENT_SECONDS


@dataclass(frozen=True, slots=True)
class Polling:
    """What is polled, how late (at home), and by whom; `locations` are those that checks name."""

    checks: int
    lag_seconds: float
    workers: tuple[Worker, ...]
    locations: tuple[Location, ...] = ()

    @property
    def checks_at_home(self) -> int:
        """Checks that name no location."""
        return self.checks - sum(location.checks for location in self.locations)

    @property
    def present_at_home(self) -> tuple[Worker, ...]:
        """Workers that speak and read the checks that name no location."""
        return tuple(worker for worker in self.present if not worker.row.location)

    @property
    def present(self) -> tuple[Worker, ...]:
        """Workers that speak."""
        return tuple(worker for worker in self.workers if worker.is_there)

    @property
    def probes_per_second(self) -> float:
        """Readings a second, of all workers together."""
        return sum(worker.row.probes_per_second for worker in self.present)

    @property
    def readings(self) -> int:
        """Readings taken by the workers that are there, since each began."""
        return sum(worker.row.readings for worker in self.present)

    @property
    def skipped(self) -> int:
        """Readings left out because the one before still ran."""
        return sum(worker.row.skipped for worker in self.present)

    @property
    def lateness_p50_ms(self) -> float | None:
        """The lateness that half of the probes stay below, at the latest worker."""
        return _worst(worker.row.lateness_p50_ms for worker in self.present)

    @property
    def lateness_p99_ms(self) -> float | None:
        """The lateness that 99 of 100 probes stay below, at the latest worker."""
        return _worst(worker.row.lateness_p99_ms for worker in self.present)


@dataclass(frozen=True, slots=True)
class Sampling:
    """What comes in, what waits to be folded, what is refused, and what it all takes."""

    log: store.StoreFigures
    refused: tuple["Refused", ...]
    sources: int
    failing: int
    pull_lag_seconds: float

    @property
    def per_second(self) -> float | None:
        """Samples a second over the time that the log stands open; None just after it was folded."""
        window = self.log.oldest_waiting_seconds
        if not self.log.rows_waiting:
            return 0.0
        return self.log.samples_waiting / window if window >= _SHORTEST_WINDOW_SECONDS else None

    @property
    def stored_bytes(self) -> int:
        """All tiers together."""
        return sum(self.log.bytes_by_tier.values())


@dataclass(frozen=True, slots=True)
class Refused:
    """Samples that were not stored, of all sources, by one reason."""

    reason: str
    label: str
    count: int
    sources: int
    latest_at: datetime


@dataclass(frozen=True, slots=True)
class Database:
    """PostgreSQL: which, how large, and how many sessions of how many it has."""

    version: str
    size_bytes: int
    sessions: int
    most_sessions: int


@dataclass(frozen=True, slots=True)
class Operations:
    """Everything that is known of the installation. `tick_seconds` is None before the first tick."""

    tick_seconds: float | None
    polling: Polling
    sampling: Sampling
    outages: tuple[ProberOutage, ...]
    database: Database
    broker: queues.Broker | None

    @property
    def open_outages(self) -> tuple[ProberOutage, ...]:
        """Stretches, not over yet, in which a prober sees nothing."""
        return tuple(outage for outage in self.outages if outage.ended_at is None)


def _worst(figures: Iterable[float | None]) -> float | None:
    return max((figure for figure in figures if figure is not None), default=None)


def operations(*, now: datetime) -> Operations:
    """Read all figures; a broker that does not answer is None, a database that does not is an error."""
    polling = _polling()
    return Operations(
        tick_seconds=health.tick_seconds(),
        polling=polling,
        sampling=_sampling(),
        outages=tuple(
            ProberOutage.objects.filter(Q(ended_at__isnull=True) | Q(ended_at__gte=now - RECENT)).order_by("-began_at")
        ),
        database=_database(),
        broker=queues.broker(*(queue_at(location) for location in polling.locations)),
    )


def queue_at(location: Location) -> str:
    """Return the queue that the workers of a location read."""
    return queue_of(location.name, wiring.ROUTES["monitoring.tasks.poll_due"])


def _since(field: str) -> "ExpressionWrapper[Any]":
    """How long ago a time was, by the database's clock."""
    return ExpressionWrapper(Now() - F(field), output_field=DurationField())


def _polling() -> Polling:
    rows = Prober.objects.annotate(silence=_since("seen_at")).order_by("name", "key")
    return Polling(
        checks=HealthCheck.objects.active().count(),
        lag_seconds=health.part("polls").value or 0.0,
        workers=tuple(Worker(row, max(0.0, row.silence.total_seconds())) for row in rows),
        locations=locations(),
    )


def _sampling() -> Sampling:
    pulled = Source.objects.pulled().filter(paused_at__isnull=True)
    counts = pulled.aggregate(
        failing=Count("pk", filter=Q(failing_since__isnull=False)),
        longest=Max(_since("next_pull_at")),
    )
    longest: timedelta = counts["longest"] or timedelta()
    return Sampling(
        log=store.figures(),
        refused=tuple(_refused()),
        sources=Source.objects.count(),
        failing=counts["failing"],
        pull_lag_seconds=max(0.0, longest.total_seconds()),
    )


def _refused() -> list[Refused]:
    rows = Refusal.objects.values("reason").annotate(
        total=Sum("count"), of=Count("source", distinct=True), latest=Max("latest_at")
    )
    found = [
        Refused(row["reason"], _label(row["reason"]), row["total"], row["of"], row["latest"]) for row in rows.order_by()
    ]
    return sorted(found, key=lambda refused: refused.latest_at, reverse=True)


def _label(reason: str) -> str:
    return str(dict(RefusalReason.choices).get(reason, reason))


def _database() -> Database:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('server_version'), pg_database_size(current_database()),"
            " (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),"
            " current_setting('max_connections')::int"
        )
        version, size, sessions, most = cursor.fetchone()
    return Database(f"PostgreSQL {version.split()[0]}", int(size), int(sessions), int(most))
