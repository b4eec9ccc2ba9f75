"""Planning maintenance, and ending it before its time."""

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError

from deployments.models import Environment, Project
from monitoring.models import HealthCheck, MaintenanceWindow
from postdeploy.lib.claims import move


def plan_maintenance(
    *,
    project: Project,
    starts_at: datetime,
    ends_at: datetime,
    reason: str,
    by: Any,
    now: datetime,
    environment: Environment | None = None,
    check: HealthCheck | None = None,
    every_week: bool = False,
) -> MaintenanceWindow:
    """Plan a window of a project, of one environment or of one check. ValidationError names the field and the fix."""
    if ends_at <= starts_at:
        raise ValidationError({"ends_at": "It must end after it starts."})
    if ends_at <= now and not every_week:
        raise ValidationError({"ends_at": "It lies in the past: readings that were taken count."})
    if every_week and (ends_at - starts_at).days >= 7:
        raise ValidationError({"ends_at": "A weekly window must be shorter than a week."})
    window = MaintenanceWindow(
        project=project,
        environment=None if check else environment,
        health_check=check,
        # what has been read counts: a window cannot begin before somebody planned it
        starts_at=max(starts_at, now) if not every_week else starts_at,
        ends_at=ends_at,
        every_week=every_week,
        reason=reason,
        created_by=by,
    )
    window.full_clean()
    window.save()
    return window


def end_maintenance(*, window: MaintenanceWindow, now: datetime) -> bool:
    """End a window now, or call it off before it begins. False when it was over already."""
    return move(MaintenanceWindow.objects.filter(pk=window.pk).current(at=now), ended_at=now)
