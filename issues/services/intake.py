"""Into the log: one fingerprint, one open issue, a receipt for each sighting."""

import logging
import uuid
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Max, Q

from deployments.models import Deployment, Environment, Project
from issues import process
from issues.models import (
    Issue,
    IssueEventKind,
    IssueStatus,
    Occurrence,
    OccurrenceSource,
)
from issues.services.moves import reopen
from issues.services.sightings import Sighting, sighting_of_alert, sighting_of_finding, sighting_of_outage
from issues.services.story import MACHINE, Actor, add_event, save
from issues.signals import issue_changed
from monitoring.models import Alert, AlertEnd, Finding, FindingResult, MonitoringPeriod, Outage
from postdeploy.lib.bells import ring
from postdeploy.lib.sweeps import each

logger = logging.getLogger(__name__)

#: Older facts without a receipt are history, not news.
LOOK_BACK = timedelta(days=7)


def open_issues(*, now: datetime) -> int:
    """Give every confirmed outage, regression of a final verdict and alert its receipt; return how many were given.

    What a dry run found opens nothing. An outage does even then: that a check is down is measured, not judged.
    """
    since = now - LOOK_BACK
    alerts = Alert.objects.fired().filter(fired_at__range=(since, now), is_muted=False, occurrence__isnull=True)
    alerts = alerts.exclude(ended_by=AlertEnd.CHANGED).select_related("rule", "environment__project", "series")
    outages = Outage.objects.filter(confirmed_at__range=(since, now), occurrence__isnull=True)
    is_told = Q(facts__is_muted__isnull=True) | Q(facts__is_muted=False)
    findings = Finding.objects.filter(
        is_told,
        MonitoringPeriod.for_real("verdict__period__"),
        result=FindingResult.REGRESSED,
        verdict__is_final=True,
        verdict__looked_at__gte=since,
        occurrence__isnull=True,
    )
    outages = outages.select_related("health_check__environment__project").order_by("confirmed_at", "pk")
    findings = findings.select_related(
        "health_check", "series__health_check", "verdict__period__environment__project", "verdict__period__deployment"
    )
    findings = findings.defer("verdict__inputs").order_by("verdict__looked_at", "position", "pk")
    return (
        each(
            outages,
            lambda outage: record_occurrence(sighting_of_outage(outage), now=now) is not None,
            name="open_issues",
        )
        + each(
            findings,
            lambda finding: record_occurrence(sighting_of_finding(finding), now=now) is not None,
            name="open_issues",
        )
        + each(
            alerts.order_by("fired_at", "pk"),
            lambda alert: record_occurrence(sighting_of_alert(alert), now=now) is not None,
            name="open_issues",
        )
    )


def record_occurrence(sighting: Sighting, *, now: datetime) -> Occurrence | None:
    """Write the receipt for `sighting` in the open issue of its fingerprint, or in a new one.

    None when the receipt existed already. A sighting that began after the issue was resolved reopens it.
    """
    try:
        with transaction.atomic():
            return _record(sighting, now)
    except IntegrityError:
        if not _has_receipt(sighting):
            raise
        return None  # another worker was first


def _record(sighting: Sighting, now: datetime) -> Occurrence | None:
    _lock(sighting.project)
    if _has_receipt(sighting):
        return None
    issue = _open_one(sighting.project, sighting.fingerprint)
    is_new = issue is None
    if issue is None:
        issue = _create(
            project=sighting.project,
            now=now,
            environment=sighting.environment,
            deployment=sighting.deployment,
            title=sighting.title,
            description=sighting.detail,
            impact=sighting.impact,
            severity=sighting.severity,
            fingerprint=sighting.fingerprint,
        )
        text = f"{sighting.detail.rstrip('.')}. {sighting.why_deployment}".strip()
        add_event(issue, IssueEventKind.OPENED, text, now=now)
    occurrence = Occurrence.objects.create(
        issue=issue,
        source=sighting.source,
        finding=sighting.finding,
        outage=sighting.outage,
        alert=sighting.alert,
        occurred_at=sighting.occurred_at,
        detail=sighting.detail,
    )
    if not is_new:
        _join(issue, sighting, now)
    return occurrence


def open_issue(
    *,
    project: Project,
    title: str,
    severity: str,
    now: datetime,
    actor: Actor,
    environment: Environment | None = None,
    deployment: Deployment | None = None,
    description: str = "",
    impact: str = "",
    plan: str = "",
) -> Issue:
    """Open an issue that a person or a pipeline reports; nothing else ever joins it by itself.

    Of an environment alone it belongs to the deployment that is being watched there, if one is.
    """
    if environment and deployment is None:
        deployment = _watched_in(environment, now)
    with transaction.atomic():
        _lock(project)
        issue = _create(
            project=project,
            now=now,
            environment=environment or (deployment.environment if deployment else None),
            deployment=deployment,
            title=title,
            description=description,
            impact=impact,
            plan=plan,
            severity=severity,
            fingerprint=f"manual:{uuid.uuid4()}",
        )
        source = OccurrenceSource.PERSON if actor.user else OccurrenceSource.API
        Occurrence.objects.create(issue=issue, source=source, occurred_at=now, detail=title)
        add_event(issue, IssueEventKind.OPENED, title, now=now, actor=actor)
    return issue


def _watched_in(environment: Environment, now: datetime) -> Deployment | None:
    under_way = MonitoringPeriod.objects.under_way(at=now).filter(environment=environment)
    period = under_way.select_related("deployment").order_by("-opens_at").first()
    return period.deployment if period else None


def _lock(project: Project) -> None:
    """Let one transaction at a time number the issues of a project; rows that refer to it can still be written."""
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)


def _has_receipt(sighting: Sighting) -> bool:
    receipts = Occurrence.objects.filter(finding=sighting.finding) if sighting.finding else Occurrence.objects.none()
    if sighting.outage:
        receipts = Occurrence.objects.filter(outage=sighting.outage)
    if sighting.alert:
        receipts = Occurrence.objects.filter(alert=sighting.alert)
    return receipts.exists()


def _open_one(project: Project, fingerprint: str) -> Issue | None:
    rows = Issue.objects.open().filter(project=project, fingerprint=fingerprint)
    return rows.select_for_update(of=("self",), no_key=True).select_related("project").first()


def _create(*, project: Project, now: datetime, **fields: object) -> Issue:
    latest = Issue.objects.filter(project=project).aggregate(latest=Max("number"))["latest"] or 0
    issue = Issue.objects.create(project=project, number=latest + 1, opened_at=now, **fields)
    ring(issue_changed, issue_id=issue.pk)
    return issue


def _join(issue: Issue, sighting: Sighting, now: datetime) -> None:
    """Tell the issue that it was seen again: it may be worse than thought, or not resolved after all."""
    if issue.status == IssueStatus.RESOLVED and issue.resolved_at and sighting.began_at > issue.resolved_at:
        reopen(issue, reason=f"Seen again: {sighting.detail}", now=now)
        return
    add_event(issue, IssueEventKind.SEEN_AGAIN, sighting.detail, now=now)
    if issue.status == IssueStatus.IDENTIFIED and process.worse(issue.severity, sighting.severity) != issue.severity:
        _raise_severity(issue, sighting.severity, now)
        return
    ring(issue_changed, issue_id=issue.pk)


def _raise_severity(issue: Issue, severity: str, now: datetime) -> None:
    """Nobody has assessed it yet, so the worse sighting decides."""
    before, issue.severity = issue.severity, severity
    save(issue, "severity")
    text = f"Severity raised from {before.lower()} to {severity.lower()}: the latest sighting is worse."
    add_event(issue, IssueEventKind.CHANGED, text, now=now, actor=MACHINE, changes={"severity": [before, severity]})
