"""Reads of the issue log: which deployment was live, what proves a resolution, which issues a filter means."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count, Max, Q

from deployments.models import Deployment, DeploymentStatus, Environment, Project
from issues.models import Issue, IssueQuerySet, Severity
from monitoring.models import CheckState, Failure, HealthCheck, Outage

#: How long all sources must be clean before a resolution counts as proven.
PROOF = timedelta(minutes=10)
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
class Proof:
    """What the measurements say of a resolution.

    `since` is when all sources became clean, None while one is not or none can tell (`why` says which); `needed` is how
    long they must stay clean, `measured_at` the latest reading that every source has.
    """

    needed: timedelta
    since: datetime | None
    measured_at: datetime | None
    why: str
    breach_at: datetime | None = None
    is_down: bool = False

    @property
    def due_at(self) -> datetime | None:
        """When the issue becomes verified if nothing breaks it."""
        return self.since + self.needed if self.since else None

    @property
    def is_complete(self) -> bool:
        """True when every source was read clean at the end of the proof time or later."""
        return bool(self.due_at and self.measured_at and self.measured_at >= self.due_at)


def proof_time(issue: Issue) -> timedelta:
    """Return how long the sources of `issue` must be clean: ten minutes, or the initial period if that is shorter."""
    policy = getattr(issue.environment, "policy", None) if issue.environment else None
    return min(PROOF, timedelta(seconds=policy.initial_seconds)) if policy else PROOF


def checks_of(issue: Issue) -> list[HealthCheck]:
    """Return the checks whose outages or findings are sightings of `issue`."""
    seen = Q(outages__occurrence__issue=issue) | Q(pk__in=issue.occurrences.values("finding__health_check"))
    return list(HealthCheck.objects.filter(seen).distinct().order_by("name"))


def proof_of(issue: Issue) -> Proof:
    """Return what the measurements say of a resolved issue; checks can tell, metrics and people cannot yet."""
    needed, checks = proof_time(issue), checks_of(issue)
    if not checks or issue.resolved_at is None:
        why = "Nothing that is polled shows it: a Maintainer verifies it and says why."
        return Proof(needed, None, None, why)
    if obstacle := _obstacle(checks):
        return Proof(needed, None, None, obstacle, is_down=any(c.state == CheckState.DOWN for c in checks))
    began_at = max([issue.resolved_at, *(c.state_since for c in checks if c.state_since)])
    breach_at = _latest_breach(checks, after=began_at)
    measured_at = min(check.latest_reading_at for check in checks if check.latest_reading_at)
    return Proof(needed, breach_at or began_at, measured_at, "", breach_at=breach_at)


def _obstacle(checks: Sequence[HealthCheck]) -> str:
    """Return why nothing can be proven at the moment, or nothing."""
    for check in checks:
        if check.paused_at is not None:
            return f"{check.name} is paused: nothing is measured."
        if check.state == CheckState.DOWN:
            return f"{check.name} is still down."
        if check.state != CheckState.UP or check.latest_reading_at is None:
            return f"{check.name} has not been read yet."
    return ""


def _latest_breach(checks: Sequence[HealthCheck], *, after: datetime) -> datetime | None:
    ids = [check.pk for check in checks]
    failed = Failure.objects.filter(health_check__in=ids, scheduled_at__gt=after)
    ended = Outage.objects.filter(health_check__in=ids, ended_at__gt=after)
    times = [
        failed.aggregate(at=Max("scheduled_at"))["at"],
        ended.aggregate(at=Max("ended_at"))["at"],
    ]
    return max((at for at in times if at), default=None)


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
