"""Which deployments may have changed: whatever a Deployment Summary tells has left a time somewhere."""

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet

from deployments.models import ConfigurationChange, Deployment, DeploymentEvent, SystemChange
from issues.models import Issue, IssueEvent
from monitoring.models import MonitoringPeriod, Ruling
from reports.models import DeploymentSummary, Lesson
from support.models import Assignment

#: A row is stamped when its transaction begins and seen when it ends; nothing takes longer than this.
OVERLAP = timedelta(seconds=30)

Activity = dict[uuid.UUID, datetime]


def changed_deployments(*, since: datetime) -> list[tuple[uuid.UUID, datetime]]:
    """Return deployments that have ended and changed after their summary was last compared, oldest change first.

    Each comes with the time of its latest change; only changes after `since` are looked for, in a fixed number of
    queries.
    """
    touched = _touched(since - OVERLAP)
    ended = Deployment.objects.terminal().filter(pk__in=touched).values_list("pk", flat=True)
    newest = DeploymentSummary.objects.filter(deployment__in=touched).order_by("deployment", "-version")
    checked: Activity = dict(newest.distinct("deployment").values_list("deployment", "checked_at"))
    waiting = [(pk, touched[pk]) for pk in ended if pk not in checked or checked[pk] < touched[pk] + OVERLAP]
    return sorted(waiting, key=lambda row: (row[1], row[0]))


def _touched(since: datetime) -> Activity:
    """Return each deployment that something happened to, with the latest time."""
    touched: Activity = {}
    first, *others = _sources(since)
    for pk, at in first.union(*others, all=True) if others else first:
        if pk is not None:
            touched[pk] = max(touched.get(pk, at), at)
    for pk, at in _former_deployments(since):
        touched[pk] = max(touched.get(pk, at), at)
    return touched


def _sources(since: datetime) -> Iterator[QuerySet[Any, tuple[uuid.UUID, datetime]]]:
    yield _rows(Deployment, "pk", "updated_at", since)
    yield _rows(Deployment, "rolls_back", "updated_at", since)
    yield _rows(DeploymentEvent, "deployment", "received_at", since)
    yield _rows(SystemChange, "deployment", "created_at", since)
    yield _rows(ConfigurationChange, "deployment", "created_at", since)
    yield _rows(MonitoringPeriod, "deployment", "created_at", since)
    yield _rows(MonitoringPeriod, "deployment", "decided_at", since)
    yield _rows(MonitoringPeriod, "deployment", "ended_at", since)
    # a report that came late ends older periods in the past: what is new is the periods of its own
    yield _rows(MonitoringPeriod, "deployment", "superseded_by__periods__created_at", since)
    yield _outages("confirmed_at", since)
    yield _outages("ended_at", since)
    yield _rows(Issue, "deployment", "updated_at", since)
    yield _rows(IssueEvent, "issue__deployment", "occurred_at", since)
    yield _rows(Assignment, "issue__deployment", "started_at", since)
    yield _rows(Lesson, "deployment", "created_at", since)
    yield _rows(Ruling, "deployment", "at", since)
    yield _rows(Ruling, "deployment", "replaced_at", since)


def _rows(model: Any, deployment: str, at: str, since: datetime) -> QuerySet[Any, tuple[uuid.UUID, datetime]]:
    rows = model.objects.filter(**{f"{at}__gte": since, f"{deployment}__isnull": False})
    return rows.order_by().values_list(deployment, at)  # type: ignore[no-any-return]


def _outages(at: str, since: datetime) -> QuerySet[Any, tuple[uuid.UUID, datetime]]:
    """Outages belong to the deployments whose watch they lay in."""
    outage = f"environment__checks__outages__{at}"
    running = MonitoringPeriod.objects.filter(
        Q(ended_at__isnull=True) | Q(ended_at__gte=since), **{f"{outage}__gte": since}
    )
    return running.order_by().values_list("deployment", outage)


def _former_deployments(since: datetime) -> Iterator[tuple[uuid.UUID, datetime]]:
    """Deployments that an issue is no longer thought to come from."""
    moved = IssueEvent.objects.filter(occurred_at__gte=since, changes__has_key="deployment")
    for project, changes, at in moved.values_list("issue__project", "changes", "occurred_at"):
        former = changes["deployment"][0] if isinstance(changes["deployment"], list) and changes["deployment"] else None
        if isinstance(former, str):
            for pk in Deployment.objects.filter(project=project, version=former).values_list("pk", flat=True):
                yield pk, at
