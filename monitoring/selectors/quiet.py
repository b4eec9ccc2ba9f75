"""When nothing may be judged: planned maintenance of a project, an environment or a check."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from deployments.models import Environment
from monitoring import maintenance
from monitoring.models import MaintenanceWindow
from monitoring.rules.values import Spans


class Subject(NamedTuple):
    """What a rule looks at, as far as maintenance asks."""

    key: str
    environment: Environment
    health_check_id: int | None = None


def quiet_spans(subjects: Sequence[Subject], start: datetime, end: datetime) -> dict[str, Spans]:
    """Return by key the stretches (seconds since 1970) of maintenance between `start` and `end`; one query."""
    projects = {subject.environment.project_id for subject in subjects}
    windows = list(MaintenanceWindow.objects.filter(project__in=projects).between(start, end))
    return {
        subject.key: _spans([window for window in windows if _covers(window, subject)], start, end)
        for subject in subjects
    }


def _covers(window: MaintenanceWindow, subject: Subject) -> bool:
    if window.health_check_id is not None:
        return window.health_check_id == subject.health_check_id
    if window.environment_id is not None:
        return window.environment_id == subject.environment.pk
    return window.project_id == subject.environment.project_id


def _spans(windows: Sequence[MaintenanceWindow], start: datetime, end: datetime) -> Spans:
    planned = [maintenance.Window(row.starts_at, row.ends_at, row.every_week, row.ended_at) for row in windows]
    found = maintenance.merged(span for window in planned for span in maintenance.spans(window, start, end))
    return [(first.timestamp(), last.timestamp()) for first, last in found]
