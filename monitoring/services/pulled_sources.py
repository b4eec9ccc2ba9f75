"""What people do to sources that we fetch from: add, change, pause, resume, fetch at once, delete."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from deployments.models import Environment, Project
from monitoring.models import Source, SourceKind
from monitoring.pulls import MAX_BACKFILL, ConfigRefused, PromqlQueries, Scrape
from monitoring.signals import source_due
from postdeploy.lib.addresses import UrlRefused, check_url
from postdeploy.lib.bells import ring

Definition = Scrape | PromqlQueries


@dataclass(frozen=True, slots=True)
class PulledFacts:
    """What a person says of a source that we fetch from. `secrets` None keeps what is stored."""

    name: str
    environment: Environment | None
    config: Mapping[str, Any]
    interval_seconds: int
    secrets: Mapping[str, str] | None = None


def definition_of(kind: str, config: Mapping[str, Any], secrets: Mapping[str, Any]) -> Definition:
    """Return what a source says, checked; ConfigRefused names the field."""
    found: Definition = (Scrape if kind == SourceKind.SCRAPE else PromqlQueries).of(config, secrets)
    try:
        check_url(found.url, settings.PROBE_NETWORKS)
    except UrlRefused as refused:
        raise ConfigRefused("url", _with_way_out(str(refused))) from None
    return found


def _with_way_out(sentence: str) -> str:
    if "not allowed here" not in sentence:
        return sentence
    return f"{sentence} Whoever runs Postdeploy can allow private networks in the setting PROBE_NETWORKS."


def add_pulled_source(
    *, project: Project, kind: str, facts: PulledFacts, now: datetime, backfill: timedelta = timedelta()
) -> Source:
    """Add a source and fetch it at once; `backfill` is how far back an existing Prometheus is asked first.

    ConfigRefused names the field that cannot be saved.
    """
    source = Source(project=project, kind=kind, created_at=now)
    if kind == SourceKind.PROMQL and backfill:
        source.pulled_until = now - min(backfill, MAX_BACKFILL)
    return _save(source, facts, now)


def change_pulled_source(*, source: Source, facts: PulledFacts, now: datetime) -> Source:
    """Change a source; a fetch under way by the old definition is not stored. ConfigRefused names the field."""
    return _save(source, facts, now)


def refuse_taken_name(*, project: Project, name: str, source: Source | None = None) -> None:
    """Raise ConfigRefused when another source of `project` that we fetch from has this name; case does not count."""
    others = Source.objects.of(project).pulled().filter(name__iexact=name)
    others = others.exclude(pk=source.pk) if source and source.pk else others
    if others.exists():
        raise ConfigRefused("name", "The project has a source with this name; choose another.")


def _save(source: Source, facts: PulledFacts, now: datetime) -> Source:
    if facts.secrets is not None:
        source.secrets = facts.secrets
    definition_of(source.kind, facts.config, source.secrets)
    source.name, source.environment = facts.name, facts.environment
    source.config, source.interval_seconds = dict(facts.config), facts.interval_seconds
    _soon(source, now)
    with transaction.atomic():
        # one at a time in a project: two of the same name, sent at once, would not see each other
        Project.objects.select_for_update(no_key=True).get(pk=source.project_id)
        refuse_taken_name(project=source.project, name=source.name, source=source)
        source.save()
    ring(source_due, source_id=source.pk)
    return source


def pause_source(*, source: Source, now: datetime) -> None:
    """Fetch a source no more until it is resumed; a fetch under way is not stored."""
    source.paused_at = source.paused_at or now
    source.lease_until = source.lease_key = None
    source.save(update_fields=["paused_at", "lease_until", "lease_key"])


def resume_source(*, source: Source, now: datetime) -> None:
    """Fetch a source again. The time it was paused is not made good: somebody wanted it so."""
    if source.paused_at is None:
        return
    source.paused_at = source.failing_since = None
    if source.pulled_until is not None:
        source.pulled_until = now
    _soon(source, now)
    source.save(update_fields=["paused_at", "failing_since", "pulled_until", *_SOON])
    ring(source_due, source_id=source.pk)


def pull_soon(*, source: Source, now: datetime) -> bool:
    """Have a source fetched at once; False when it is paused."""
    if source.is_paused:
        return False
    rows = Source.objects.filter(pk=source.pk, paused_at__isnull=True)
    asked = bool(rows.update(next_pull_at=now))
    ring(source_due, source_id=source.pk)
    return asked


def delete_pulled_source(*, source: Source) -> None:
    """Delete a source and what is known of it; the samples it brought stay."""
    source.delete()


_SOON = ("next_pull_at", "lease_until", "lease_key")


def _soon(source: Source, now: datetime) -> None:
    source.next_pull_at = now
    source.lease_until = source.lease_key = None
