"""Making, changing, pausing and deleting checks."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction

from deployments.models import Environment
from monitoring.models import HealthCheck
from monitoring.probes import Kind, refusals
from monitoring.transitions import jitter
from postdeploy.lib.claims import move

#: A new check is read soon, but not every new check in the same instant.
FIRST_READING_WITHIN = timedelta(seconds=15)
DEFINITION = (
    "environment", "name", "kind", "component", "group", "location", "target", "options", "conditions", "sealed",
    "ping_key", "version", "is_fresh", "timeout_ms", "interval_seconds", "failure_threshold", "is_critical",
)  # fmt: skip


def save_check(
    *, environment: Environment, now: datetime, check: HealthCheck | None = None, **definition: Any
) -> HealthCheck:
    """Make a check of `environment`, or change what `check` asks; it is read soon afterwards.

    `definition` are the fields that people set (and `secrets`, or `headers` alone). Raises ValidationError, with the
    fields' names as keys (an option's as ``options.NAME``), also for an address that may not be requested.
    """
    row = check or HealthCheck(created_at=now)
    row.environment = environment
    for name, value in definition.items():
        setattr(row, name, value)
    if row.kind == Kind.HEARTBEAT and row.ping_key is None:
        row.ping_key = uuid.uuid4()
    validate(row)
    if row._state.adding:
        wait = min(timedelta(seconds=row.interval_seconds), FIRST_READING_WITHIN)
        row.extra_at = now + jitter(f"{environment.pk}:{row.name}", wait)
        row.save()
    else:
        row.extra_at = now
        row.version += 1
        # what the poller writes is not ours: it may have changed since the row was read
        row.save(update_fields=[*DEFINITION, "extra_at"])
    return row


def validate(check: HealthCheck) -> None:
    """Raise ValidationError, with the fields' names as keys, for a check that cannot be saved."""
    try:
        check.full_clean()
    except ValidationError as error:
        raise ValidationError(_said(error)) from None
    if found := check_refusals(check):
        raise ValidationError({name: [sentence] for name, sentence in found.items()})


def _said(error: ValidationError) -> dict[str, list[str]]:
    found = error.message_dict
    taken = "This environment has a check of this name already; choose another name."
    if "__all__" in found:
        found["__all__"] = [taken if "already exists" in text else text for text in found["__all__"]]
    return found


def check_refusals(check: HealthCheck) -> dict[str, str]:
    """Return what is wrong with what a check asks, by field; an address names the setting that would allow it."""
    found = refusals(check, settings.PROBE_NETWORKS)
    if check.kind == Kind.HEARTBEAT and check.location:
        found = {**found, "location": "A heartbeat is pinged by its job and read from nowhere: leave this empty."}
    return {name: _with_remedy(sentence) for name, sentence in found.items()}


def _with_remedy(sentence: str) -> str:
    if "not allowed here" not in sentence:
        return sentence
    return f"{sentence} An administrator can allow a network with the setting PROBE_NETWORKS."


def pause_check(*, check: HealthCheck, now: datetime) -> bool:
    """Stop reading `check`; what is not read counts as not watched. False when it was paused already."""
    return move(HealthCheck.objects.active().filter(pk=check.pk), paused_at=now)


def resume_check(*, check: HealthCheck, now: datetime) -> bool:
    """Read `check` again, at once. False when it was not paused."""
    paused = HealthCheck.objects.filter(pk=check.pk, paused_at__isnull=False)
    return move(paused, paused_at=None, extra_at=now)


def read_soon(*, check: HealthCheck, now: datetime) -> bool:
    """Let `check` be read within a second or two. False while it is paused."""
    return move(HealthCheck.objects.active().filter(pk=check.pk), extra_at=now)


def delete_check(*, check: HealthCheck) -> None:
    """Delete `check` with its readings and outages; findings about it stay, with its name."""
    with transaction.atomic():
        # locked first, as the poller does: the other way round the two would wait for each other
        HealthCheck.objects.select_for_update(no_key=True).filter(pk=check.pk).first()
        HealthCheck.objects.filter(pk=check.pk).delete()
