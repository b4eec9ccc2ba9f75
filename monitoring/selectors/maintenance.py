"""Planned work as pages show it: what is on now, what comes, what was."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from deployments.models import Project
from monitoring import maintenance
from monitoring.models import HealthCheck, MaintenanceWindow
from monitoring.selectors.spans import Span
from postdeploy.lib.sheets import Sheet, sheet_of

#: So long ago it is still told.
TOLD_FOR = timedelta(days=30)
#: Windows on one sheet, and past ones that are told.
SHEET = 50


@dataclass(frozen=True)
class Planned:
    """A window that is not over: its present or next stretch."""

    window: MaintenanceWindow
    starts_at: datetime
    ends_at: datetime
    is_now: bool


@dataclass(frozen=True)
class MaintenancePage:
    """What is planned, what is on now first, in sheets, and the latest of what was in the last 30 days."""

    planned: Sheet[Planned]
    past: list[MaintenanceWindow]
    past_count: int


def windows_over(check: HealthCheck, start: datetime) -> list[MaintenanceWindow]:
    """Return the windows that cover a check and are not over before `start`."""
    project = check.environment.project_id
    whose = Q(health_check=check) | Q(environment=check.environment_id) | Q(environment=None, health_check=None)
    return list(MaintenanceWindow.objects.filter(whose, project=project).current(at=start).order_by("starts_at"))


def shaded(windows: Iterable[MaintenanceWindow], span: Span) -> list[dict[str, object]]:
    """Return the stretches of a chart that are shaded."""
    return [
        {"from": start.timestamp(), "to": end.timestamp(), "label": window.reason}
        for window in windows
        for start, end in _spans(window, span.start, span.end)
    ]


def planned(windows: Iterable[MaintenanceWindow], now: datetime) -> list[Planned]:
    """Return the present or next stretch of each window that is not over, soonest first."""
    found = []
    for window in windows:
        horizon = max(window.ends_at, now) + maintenance.WEEK
        if stretch := next(iter(_spans(window, now, horizon)), None):
            found.append(Planned(window, *stretch, is_now=stretch[0] <= now))
    return sorted(found, key=lambda one: one.starts_at)


def maintenance_page(user: Any, project: Project, *, page: str, now: datetime) -> MaintenancePage:
    """Return one sheet of what is planned in a project, the one that `page` asks for, and the latest of what was."""
    rows: Sequence[MaintenanceWindow] = list(
        MaintenanceWindow.objects.visible_to(user)
        .of(project)
        .between(now - TOLD_FOR, now + timedelta(days=3650))
        .select_related("environment", "health_check__environment", "created_by")
        .order_by("-starts_at")
    )
    coming = planned(rows, now)
    alive = {one.window.pk for one in coming}
    past = [row for row in rows if row.pk not in alive]
    return MaintenancePage(sheet_of(coming, page, SHEET), past[:SHEET], len(past))


def _spans(window: MaintenanceWindow, start: datetime, end: datetime) -> Iterable[tuple[datetime, datetime]]:
    plan = maintenance.Window(window.starts_at, window.ends_at, window.every_week, window.ended_at)
    return maintenance.spans(plan, start, end)
