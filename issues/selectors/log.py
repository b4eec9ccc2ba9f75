"""Reads of the issue log: which deployment was live when, which issues a filter means."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count, Q

from deployments.models import Deployment, DeploymentStatus, Environment, Project
from issues.models import Issue, IssueQuerySet, Severity

#: A deployment whose start nobody reported is taken to have begun this long before its end.
UNKNOWN_START = timedelta(minutes=5)
#: A pipeline that has run for longer is stuck, not the cause.
LONGEST_PIPELINE = timedelta(hours=12)

_REFERENCE = re.compile(r"([A-Z][A-Z0-9]{0,9})-([0-9]{1,9})", re.IGNORECASE)


def watched_deployment(environment: Environment, *, began_at: datetime, seen_at: datetime) -> Deployment | None:
    """Return the newest deployment that was under way or watched in `environment` when something went wrong there.

    None when there was none: a problem without a deployment is not blamed on one.
    """
    under_way = Q(status=DeploymentStatus.RUNNING, started_at__range=(began_at - LONGEST_PIPELINE, seen_at))
    watched = Q(periods__opens_at__lte=seen_at, periods__closes_at__gte=began_at) & (
        Q(periods__ended_at__isnull=True) | Q(periods__ended_at__gte=began_at)
    )
    candidates = environment.deployments.filter(under_way | watched).distinct().order_by("-occurred_at", "-id")
    return next((deployment for deployment in candidates[:5] if _had_begun(deployment, began_at)), None)


def _had_begun(deployment: Deployment, at: datetime) -> bool:
    if deployment.started_at is not None:
        return deployment.started_at <= at
    return deployment.finished_at is not None and deployment.finished_at - UNKNOWN_START <= at


def find_issue(issues: IssueQuerySet, key: str) -> Issue | None:
    """Return the issue that `key` names: its reference ("SHOP-142") or its id ("142" is an id, not a number)."""
    if matched := _REFERENCE.fullmatch(key):
        prefix, number = matched.groups()
        return issues.filter(project__issue_prefix__iexact=prefix, number=int(number)).first()
    return issues.filter(pk=int(key)).first() if key.isascii() and key.isdigit() and len(key) < 18 else None


@dataclass(frozen=True)
class IssueFilter:
    """What a reader of the log asked for; empty means any. Severity is the database's word."""

    status: str = "open"
    severity: str = ""
    environment: str = ""
    deployment: UUID | None = None
    text: str = ""

    def narrow(self, issues: IssueQuerySet) -> IssueQuerySet:
        """Return the issues that the filter means."""
        rows = by_status(issues, self.status)
        if self.severity:
            rows = rows.filter(severity=self.severity)
        if self.environment:
            rows = rows.filter(environment__name=self.environment)
        if self.deployment:
            rows = rows.filter(deployment=self.deployment)
        return search(rows, self.text) if self.text else rows


def by_status(issues: IssueQuerySet, status: str) -> IssueQuerySet:
    """Return the issues of a status in lower case, of "open" or "closed", or all for "any"."""
    if status in ("", "any"):
        return issues
    if status == "open":
        return issues.open()
    return issues.filter(status="VERIFIED" if status == "closed" else status.upper())


def search(issues: IssueQuerySet, text: str) -> IssueQuerySet:
    """Return the issues with `text` in one of their fields, or the one whose reference or number it is."""
    found = Q()
    for field in ("title", "description", "impact", "resolution", "plan"):
        found |= Q(**{f"{field}__icontains": text})
    if matched := re.fullmatch(r"(?:[A-Za-z][A-Za-z0-9]*-)?([0-9]{1,9})", text.strip()):
        found |= Q(number=int(matched.group(1)))
    return issues.filter(found)


def open_by_severity(project: Project) -> dict[str, int]:
    """Return how many issues of each severity are open, worst first, zeros included."""
    counted = Issue.objects.of(project).open().order_by().values_list("severity").annotate(Count("pk"))
    return dict.fromkeys(Severity.values, 0) | dict(counted)
