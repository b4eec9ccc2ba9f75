"""Upright lines of charts: what went live, what was rolled back, and which settings changed with it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NotRequired, TypedDict

from django.db.models import Count

from deployments.models import Deployment, DeploymentKind

KINDS = {DeploymentKind.ROLLBACK: "rollback", DeploymentKind.CONFIGURATION: "configuration"}


class Mark(TypedDict):
    """One upright line; `at` in seconds since 1970, `kind` deploy, rollback or configuration."""

    at: float
    label: str
    kind: str
    deployment: NotRequired[str]
    settings: NotRequired[int]


def deployments_between(environment_ids: Iterable[int], start: datetime, end: datetime) -> list[Deployment]:
    """Return what went live in these environments between `start` and `end`, with the number of settings it changed."""
    return list(
        Deployment.objects.succeeded()
        .filter(environment__in=list(environment_ids), finished_at__range=(start, end))
        .annotate(settings_changed=Count("configuration_changes"))
        .order_by("finished_at")
    )


def deployment_marks(deployments: Iterable[Deployment]) -> list[Mark]:
    """Return the upright lines of deployments that went live, in the order of time."""
    live = sorted((row for row in deployments if row.finished_at), key=lambda row: row.finished_at or row.occurred_at)
    return [_mark(row) for row in live]


def _mark(deployment: Deployment) -> Mark:
    kind = KINDS.get(DeploymentKind(deployment.kind), "deploy")
    version = deployment.version
    return {
        "at": deployment.finished_at.timestamp() if deployment.finished_at else 0.0,
        "label": version if kind == "deploy" else f"{version} {kind}",
        "kind": kind,
        "deployment": str(deployment.pk),
        "settings": getattr(deployment, "settings_changed", 0),
    }


def comparisons(marks: Sequence[Mark], start: float, end: float) -> list[tuple[float, float, float, str]]:
    """Return (since, cut, until, when) of each release, newest first: what was before it, and what was after it.

    Without a release the two halves of the time are compared.
    """
    if not marks:
        return [(start, (start + end) / 2, end, "in the second half")]
    edges = [start, *(mark["at"] for mark in marks), end]
    whole = [(edges[index], mark["at"], edges[index + 2], f"with {mark['label']}") for index, mark in enumerate(marks)]
    return whole[::-1]
