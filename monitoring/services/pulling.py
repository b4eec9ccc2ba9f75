"""Fetching samples from the sources that are due: many at once, each stored with its next time in one transaction."""

import logging
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings

from monitoring import store
from monitoring.models import Source, SourceKind
from monitoring.pulls import (
    MAX_BACKFILL,
    MAX_STEPS,
    ConfigRefused,
    PromqlQueries,
    Pulled,
    Scrape,
    Stretch,
    promql_requests,
    read_answers,
    read_scrape,
    scrape_request,
)
from monitoring.services.metrics import Taken, ingest
from monitoring.services.sources import note_refusals, sender_of
from postdeploy.lib.claims import claim, move
from postdeploy.lib.http import Outcome, Request, RequestRefused, fetch_many
from postdeploy.lib.secrets import SecretUnreadable
from postdeploy.lib.sweeps import each
from postdeploy.lib.words import plural

logger = logging.getLogger(__name__)

#: Sources of one sweep. Another sweep begins two seconds later, so that a slow target holds up few others.
AT_ONCE = 64
#: Longer than the slowest fetch and its storing may take; so long a source waits when its worker is killed.
LEASE = timedelta(seconds=90)
_NEVER_SHOWN = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


class _LeaseLost(Exception):
    """Somebody else fetches this source by now, or it was changed: what we brought is not stored."""


@dataclass(repr=False)
class _Job:
    """One source: what it is asked, how its answers are read, and when it is next asked."""

    source: Source
    next_at: datetime
    requests: Sequence[Request] = ()
    read: Callable[[Sequence[Outcome]], Pulled] = lambda outcomes: Pulled()
    pulled_until: datetime | None = None
    outcomes: dict[int, Outcome] = field(default_factory=dict)

    def __repr__(self) -> str:  # its requests carry secrets, and logs show this
        return f"source {self.source.pk}"


def pull_sources(*, now: datetime) -> int:
    """Fetch the sources that are due and return how many brought something."""
    due = Source.objects.due(at=now).select_related("environment")
    jobs: list[_Job] = []
    done = 0
    for source in claim(due, limit=AT_ONCE, lease=LEASE):
        try:
            jobs.append(_job(source, now))
        except (ConfigRefused, RequestRefused, SecretUnreadable) as error:
            job = _Job(source, next_slot(source, now))
            done += each([job], partial(_keep, pulled=Pulled(problem=_sentence(error)), now=now), name="pull_sources")
    return done + _fetch(jobs, now)


def latest_slot(source: Source, now: datetime) -> datetime:
    """Return the latest time that a source was to be fetched: a grid by its interval, shifted by its number."""
    interval = source.interval_seconds
    shift = source.pk % interval
    return datetime.fromtimestamp(math.floor((now.timestamp() - shift) / interval) * interval + shift, UTC)


def next_slot(source: Source, now: datetime) -> datetime:
    """Return when a source is next to be fetched after `now`."""
    return latest_slot(source, now) + timedelta(seconds=source.interval_seconds)


def stretch_due(source: Source, now: datetime) -> Stretch:
    """Return the steps that an existing Prometheus has not been asked for yet, at most MAX_STEPS of them, oldest first.

    A source that was never asked, and one that has nothing to make good, is asked for its latest slot.
    """
    until, step = latest_slot(source, now), timedelta(seconds=source.interval_seconds)
    if source.pulled_until is None:
        return Stretch(until.timestamp(), until.timestamp(), source.interval_seconds)
    since = max(source.pulled_until, now - MAX_BACKFILL)
    missed = max(0, math.floor((until - since) / step))
    start = until - max(missed - 1, 0) * step
    end = min(until, start + (MAX_STEPS - 1) * step)
    return Stretch(start.timestamp(), end.timestamp(), source.interval_seconds)


# --- asking -----------------------------------------------------------------------------------------------------------


def _job(source: Source, now: datetime) -> _Job:
    if source.kind == SourceKind.SCRAPE:
        scrape = Scrape.of(source.config, source.secrets)
        read = partial(_read_scrape, scrape, store.microseconds(now))
        return _Job(source, next_slot(source, now), [scrape_request(scrape, max_body=settings.PULL_MAX_BYTES)], read)
    asked = PromqlQueries.of(source.config, source.secrets)
    stretch = stretch_due(source, now)
    until = datetime.fromtimestamp(stretch.end, UTC)
    return _Job(
        source,
        next_slot(source, now) if until >= latest_slot(source, now) else now,
        promql_requests(asked, stretch, max_body=settings.PULL_MAX_BYTES),
        partial(read_answers, asked),
        pulled_until=until,
    )


def _read_scrape(scrape: Scrape, now_us: int, outcomes: Sequence[Outcome]) -> Pulled:
    return read_scrape(scrape, outcomes[0], now_us=now_us)


def _fetch(jobs: Sequence[_Job], now: datetime) -> int:
    """Send everything at once; each source is stored as soon as its last answer is there."""
    places = [(job, place) for job in jobs for place in range(len(job.requests))]
    done = 0

    def answered(index: int, outcome: Outcome) -> None:
        nonlocal done
        job, place = places[index]
        job.outcomes[place] = outcome
        if len(job.outcomes) == len(job.requests):
            done += each([job], partial(_read_and_keep, now=now), name="pull_sources")

    fetch_many([job.requests[place] for job, place in places], settings.PROBE_NETWORKS, on_done=answered)
    return done


# --- keeping ----------------------------------------------------------------------------------------------------------


def _read_and_keep(job: _Job, *, now: datetime) -> bool:
    outcomes = [job.outcomes.pop(place) for place in range(len(job.requests))]
    try:
        return _keep(job, pulled=job.read(outcomes), now=now)
    except Exception:
        _give_up(job, now)
        raise


def _give_up(job: _Job, now: datetime) -> None:
    """Say that what came could not be stored, and let the source be fetched again at its next time."""
    source = job.source
    Source.objects.filter(pk=source.pk, lease_key=source.lease_key).update(
        lease_until=None,
        lease_key=None,
        next_pull_at=job.next_at,
        failing_since=source.failing_since or now,
        latest_detail="What came could not be stored. The fault is on our side and in the log.",
    )


def _keep(job: _Job, *, pulled: Pulled, now: datetime) -> bool:
    """Store what a source brought and when it is next due, together; then say how it went."""
    source = job.source
    try:
        if pulled.batch is None:
            _release(job, pulled, 0)
            taken = Taken(0)
        else:
            taken = ingest(
                sender=sender_of(source),
                batch=pulled.batch,
                is_partial=True,
                now=now,
                guard=partial(_release, job, pulled),
            )
    except _LeaseLost:
        logger.info("source %s: fetched by somebody else, or changed meanwhile", source.pk)
        return False
    note_refusals(source_id=source.pk, left_out=taken.left_out, now=now)
    _say(source, pulled, taken, now)
    return not pulled.problem


def _release(job: _Job, pulled: Pulled, count: int) -> None:
    """Give the lease back; in the transaction that stores the samples, so that both happen or neither."""
    mine = Source.objects.filter(pk=job.source.pk, lease_key=job.source.lease_key)
    changes: dict[str, Any] = {"lease_until": None, "lease_key": None, "next_pull_at": job.next_at}
    if job.pulled_until is not None and pulled.is_answered:
        changes["pulled_until"] = job.pulled_until
    if not move(mine, **changes):
        raise _LeaseLost


def _say(source: Source, pulled: Pulled, taken: Taken, now: datetime) -> None:
    words = _NEVER_SHOWN.sub("\ufffd", pulled.problem or in_words(pulled, taken.accepted))
    changes: dict[str, Any] = {"latest_detail": words[:300]}
    if taken.accepted:
        changes["latest_at"] = now
    changes["failing_since"] = (source.failing_since or now) if pulled.problem else None
    Source.objects.filter(pk=source.pk).update(**changes)


def in_words(pulled: Pulled, accepted: int) -> str:
    """Return what a good fetch brought, as a sentence."""
    if not pulled.offered:
        return "It answers, but has no samples."
    refused = pulled.offered - pulled.dropped - accepted
    parts = [f"{pulled.dropped:,} left out by the rules"] if pulled.dropped else []
    parts += [f"{refused:,} refused"] if refused else []
    return f"Took {accepted:,} of {plural(pulled.offered, 'sample')}{': ' if parts else ''}{', '.join(parts)}."


def _sentence(error: Exception) -> str:
    text = error.sentence if isinstance(error, ConfigRefused) else str(error)
    return text[:1].upper() + text[1:].rstrip(".") + "."
