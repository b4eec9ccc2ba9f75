"""What a notification says, fixed when the thing happened: the same words in every attempt and on every channel.

The first line says what, where, how bad and since when; then impact, cause, who has it and what comes next; one link.
"""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse

from issues.models import Issue, IssueEvent, IssueStatus
from monitoring.models import Verdict
from postdeploy.lib import words
from postdeploy.lib.times import format_time
from support.models import Assignment, AssignmentReason, NotificationChannel

Body = dict[str, Any]
Lines = list[list[str]]

#: Longer texts are for the page; receivers of webhooks take 20 kB.
LONGEST_TEXT = 1000


def of_assignment(assignment: Assignment) -> Body:
    """A tier got an issue, by routing or by escalation."""
    issue, tier = assignment.issue, assignment.tier
    is_first = assignment.reason == AssignmentReason.ROUTED
    lines = _issue_lines(issue)
    lines.append(["Tier", f"{tier.label}, {tier.name}"])
    if assignment.note:
        lines.append(["Note", assignment.note])
    lines.append(["Owner", issue.owner.display_name if issue.owner else "nobody yet"])
    lines.append(["Next", _next_step(assignment)])
    extra = {
        "tier": {"label": tier.label, "name": tier.name, "track": tier.track.lower(), "level": tier.level},
        "reason": assignment.reason.lower(),
        "escalate_at": format_time(assignment.escalate_at) if assignment.escalate_at else None,
    }
    kind = "issue.assigned" if is_first else "issue.escalated"
    headline = _headline(issue) if is_first else f"Escalated to {tier.label}: {_headline(issue)}"
    return _body(kind, assignment.started_at, headline, lines, issue=issue, extra=extra)


def of_move(event: IssueEvent) -> Body:
    """An issue was resolved or verified: the all-clear, with how long it took."""
    issue, status = event.issue, event.changes["status"][1]
    lasted = words.duration(event.occurred_at - issue.opened_at)
    word = IssueStatus(status).label
    lines: Lines = [["Resolution", _clip(issue.resolution)]] if issue.resolution else []
    lines.append(["Lasted", lasted])
    lines.append(["By", event.actor.display_name if event.actor else event.actor_name])
    if event.text and event.text != issue.resolution:
        lines.append(["Note", _clip(event.text)])
    headline = f"{word} after {lasted}: {issue.title}{_place(issue)}"
    return _body(f"issue.{status.lower()}", event.occurred_at, headline, lines, issue=issue, extra={})


def of_verdict(verdict: Verdict) -> Body:
    """A deployment was judged."""
    period = verdict.period
    deployment, environment = period.deployment, period.environment
    where = f"{deployment.version} in {environment.name}"
    lines: Lines = [["Why", _clip(verdict.sentence)], ["Watch", f"{period.get_stage_display()} period"]]
    url = settings.SITE_URL + reverse(
        "deployment", kwargs={"project": deployment.project.slug, "deployment": deployment.pk}
    )
    data = {
        "subject": f"{deployment.project.name}: {where}",
        "headline": f"{verdict.get_result_display()}: {where}, {words.exact(verdict.looked_at)}",
        "lines": lines,
        "url": url,
        "thread": f"deployment-{deployment.pk}",
        "project": deployment.project.slug,
        "deployment": {
            "id": str(deployment.pk),
            "version": deployment.version,
            "environment": environment.name,
        },
        "verdict": {
            "result": (verdict.result or "").lower(),
            "stage": period.stage.lower(),
            "sentence": verdict.sentence,
            "decided_at": format_time(verdict.looked_at),
        },
    }
    return {"type": "verdict.reached", "timestamp": format_time(verdict.looked_at), "data": data}


def of_test(channel: NotificationChannel, *, by: str, now: datetime) -> Body:
    """Somebody pressed the test button."""
    data = {
        "subject": f"{channel.project.name}: test of {channel.name}",
        "headline": f"This is a test of the channel {channel.name} of {channel.project.name}.",
        "lines": [["Asked for by", by]],
        "url": settings.SITE_URL + reverse("settings_support", kwargs={"project": channel.project.slug}),
        "thread": f"channel-{channel.pk}",
        "project": channel.project.slug,
    }
    return {"type": "channel.test", "timestamp": format_time(now), "data": data}


def _body(kind: str, at: datetime, headline: str, lines: Lines, *, issue: Issue, extra: Body) -> Body:
    url = settings.SITE_URL + reverse("issue", kwargs={"project": issue.project.slug, "reference": issue.reference})
    data = {
        "subject": f"[{issue.reference}] {issue.title}",
        "headline": headline,
        "lines": lines,
        "url": url,
        "thread": f"issue-{issue.pk}",
        "project": issue.project.slug,
        "issue": _issue(issue),
        **extra,
    }
    return {"type": kind, "timestamp": format_time(at), "data": data}


def _issue(issue: Issue) -> Body:
    return {
        "id": str(issue.pk),
        "reference": issue.reference,
        "title": issue.title,
        "severity": issue.severity.lower(),
        "status": issue.status.lower(),
        "impact": _clip(issue.impact),
        "resolution": _clip(issue.resolution),
        "environment": issue.environment.name if issue.environment else None,
        "deployment": str(issue.deployment_id) if issue.deployment_id else None,
        "version": issue.deployment.version if issue.deployment else None,
        "owner": issue.owner.display_name if issue.owner else None,
        "opened_at": format_time(issue.opened_at),
    }


def _headline(issue: Issue) -> str:
    severity = issue.get_severity_display()
    return f"{severity}: {issue.title}{_place(issue)}, since {words.exact(issue.opened_at)}"


def _place(issue: Issue) -> str:
    name = issue.environment.name if issue.environment else ""
    return f" ({name})" if name and name not in issue.title else ""


def _issue_lines(issue: Issue) -> Lines:
    lines: Lines = []
    if issue.impact:
        lines.append(["Impact", _clip(issue.impact)])
    if issue.deployment:
        lines.append(["Thought to come from", issue.deployment.version])
    return lines


def _next_step(assignment: Assignment) -> str:
    if assignment.escalate_at is None:
        return f"{assignment.tier.label} is the last tier"
    return f"goes to the next tier at {words.clock(assignment.escalate_at)} unless it is resolved"


def _clip(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT].rstrip()}…"
