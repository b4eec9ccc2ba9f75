"""Planning maintenance, and ending it before its time."""

from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError

from deployments.models import Environment, Project
from monitoring.models import HealthCheck, MaintenanceWindow
from postdeploy.lib.claims import move

#: Nobody plans further ahead; what lies further is a slip of the fingers.
FURTHEST = timedelta(days=5 * 365)
#: So long ago a window may begin: a form stays open for a while, a weekly one may name the week before.
GRACE, WEEKLY_GRACE = timedelta(hours=1), timedelta(days=7)


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
    _refuse_times(starts_at, ends_at, now, every_week=every_week)
    if check and environment and check.environment_id != environment.pk:
        raise ValidationError({"check": "It is of another environment; choose the check alone."})
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
    window.full_clean(exclude={"created_by"})  # a token is nobody
    window.save()
    return window


def _refuse_times(starts_at: datetime, ends_at: datetime, now: datetime, *, every_week: bool) -> None:
    if ends_at <= starts_at:
        raise ValidationError({"ends_at": "It must end after it starts."})
    if ends_at <= now and not every_week:
        raise ValidationError({"ends_at": "It lies in the past: readings that were taken count."})
    if ends_at > now + FURTHEST:
        raise ValidationError({"ends_at": "It lies more than five years ahead; choose an earlier end."})
    if starts_at < now - (WEEKLY_GRACE if every_week else GRACE):
        raise ValidationError({"starts_at": "It lies in the past: readings that were taken count. Begin now or later."})
    if every_week and (ends_at - starts_at).days >= 7:
        raise ValidationError({"ends_at": "A weekly window must be shorter than a week."})


def end_maintenance(*, window: MaintenanceWindow, now: datetime) -> bool:
    """End a window now, or call it off before it begins. False when it was over already."""
    return move(MaintenanceWindow.objects.filter(pk=window.pk).current(at=now), ended_at=now)
