"""PURE: the installation's figures as Prometheus' metrics: base units, counts that end in `_total`."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from monitoring.selectors.locations import Location
from monitoring.selectors.operations import Operations, Polling, Sampling
from postdeploy.lib.exposition import Family, gauge
from postdeploy.queues import Broker

_MS = 1000.0


def families(figures: Operations, *, version: str) -> Iterator[Family]:
    """Yield every metric of `/metrics`; what is not known has no sample."""
    labels = {"version": version, "database": figures.database.version}
    labels |= {"broker": figures.broker.version} if figures.broker else {}
    yield gauge("postdeploy_info", "Versions of Postdeploy, its database and its broker.", 1, **labels)
    yield gauge("postdeploy_tick_age_seconds", "How long ago the latest tick was.", figures.tick_seconds)
    yield from _polling(figures.polling)
    yield gauge("postdeploy_prober_outages", "Workers that have lost their own view.", len(figures.open_outages))
    yield from _sampling(figures.sampling)
    yield from _database(figures)
    yield from _broker(figures.broker)


def _polling(polling: Polling) -> Iterable[Family]:
    yield gauge("postdeploy_checks", "Checks that are not paused.", polling.checks)
    yield gauge("postdeploy_probers", "Workers that poll and speak.", len(polling.present))
    yield gauge(
        "postdeploy_poll_lag_seconds", "How far behind readings are at home, where it is worst.", polling.lag_seconds
    )
    p50, p99 = _seconds(polling.lateness_p50_ms), _seconds(polling.lateness_p99_ms)
    yield gauge("postdeploy_poll_lateness_p50_seconds", "Half of the probes start less late than this.", p50)
    yield gauge("postdeploy_poll_lateness_p99_seconds", "99 of 100 probes start less late than this.", p99)
    yield gauge("postdeploy_probes_per_second", "Probes a second, of all workers.", polling.probes_per_second)
    workers = polling.present
    readings = tuple(({"prober": worker.row.key}, float(worker.row.readings)) for worker in workers)
    skipped = tuple(({"prober": worker.row.key}, float(worker.row.skipped)) for worker in workers)
    yield Family("postdeploy_readings_total", "counter", "Readings that a worker took since it began.", readings)
    text = "Readings that a worker left out because the one before still ran."
    yield Family("postdeploy_readings_skipped_total", "counter", text, skipped)
    yield from _locations(polling.locations)


def _locations(found: Sequence[Location]) -> Iterable[Family]:
    def family(name: str, text: str, figure: Callable[[Location], float]) -> Family:
        samples = tuple(({"location": location.name}, float(figure(location))) for location in found)
        return Family(name, "gauge", text, samples)

    yield family(
        "postdeploy_location_checks", "Checks that are not paused, by the location they name.", lambda one: one.checks
    )
    yield family("postdeploy_location_workers", "Workers of a location that poll and speak.", lambda one: one.workers)
    text = "How long ago a worker of a location was heard of, or its first check came if none ever was."
    yield family("postdeploy_location_silent_seconds", text, lambda one: max(one.silent_seconds, 0.0))
    yield family(
        "postdeploy_location_poll_lag_seconds",
        "How far behind readings are at a location.",
        lambda one: one.lag_seconds,
    )


def _sampling(sampling: Sampling) -> Iterable[Family]:
    log = sampling.log
    yield gauge("postdeploy_samples_per_second", "Samples a second since the log was folded.", sampling.per_second)
    yield gauge("postdeploy_log_rows_waiting", "Rows of the log that wait to be folded.", log.rows_waiting)
    yield gauge("postdeploy_log_samples_waiting", "Samples in these rows.", log.samples_waiting)
    yield gauge("postdeploy_log_oldest_seconds", "How long the oldest of them waits.", log.oldest_waiting_seconds)
    tiers = tuple(({"tier": tier}, float(size)) for tier, size in log.bytes_by_tier.items())
    yield Family("postdeploy_store_bytes", "gauge", "What the store takes on disk, by tier.", tiers)
    refused = tuple(({"reason": one.reason.lower()}, float(one.count)) for one in sampling.refused)
    yield Family("postdeploy_samples_refused_total", "counter", "Samples that were not stored, by reason.", refused)
    yield gauge("postdeploy_sources", "Sources of samples, pushed and fetched.", sampling.sources)
    yield gauge("postdeploy_sources_failing", "Sources that cannot be fetched.", sampling.failing)
    yield gauge(
        "postdeploy_pull_lag_seconds",
        "How long the longest overdue source waits to be fetched.",
        sampling.pull_lag_seconds,
    )


def _database(figures: Operations) -> Iterable[Family]:
    database = figures.database
    yield gauge("postdeploy_database_bytes", "What the database takes on disk.", database.size_bytes)
    yield gauge("postdeploy_database_sessions", "Sessions that PostgreSQL has.", database.sessions)
    yield gauge("postdeploy_database_sessions_limit", "Sessions that PostgreSQL allows.", database.most_sessions)


def _broker(broker: Broker | None) -> Iterable[Family]:
    yield gauge("postdeploy_broker_up", "1 when the broker answers.", float(broker is not None))
    if broker is None:
        return
    yield gauge("postdeploy_broker_memory_bytes", "Memory that the broker uses.", broker.used_bytes)
    lengths = tuple(({"queue": queue.name}, float(queue.length)) for queue in broker.queues)
    ages = tuple(({"queue": queue.name}, queue.oldest_seconds) for queue in broker.queues)
    yield Family("postdeploy_queue_length", "gauge", "Messages that wait, by queue.", lengths)
    yield Family("postdeploy_queue_oldest_seconds", "gauge", "How long the oldest message waits, by queue.", ages)


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / _MS
