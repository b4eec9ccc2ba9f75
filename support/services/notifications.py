"""What happened becomes one notification for each channel that should hear it; nothing is sent here."""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import CharField, Exists, OuterRef, QuerySet, Value
from django.db.models.functions import Cast, Concat

from issues.models import IssueEvent, IssueEventKind, IssueStatus
from monitoring.models import MonitoringPeriod, Verdict
from postdeploy.lib.bells import ring
from postdeploy.lib.sweeps import each
from support.models import Assignment, AssignmentReason, Notification, NotificationChannel, NotificationKind
from support.services import messages
from support.signals import notification_queued

#: What is older was either told or is no news any more.
LOOK_BACK = timedelta(days=7)


def announce_issues(*, now: datetime) -> int:
    """Queue what channels have not heard of assignments, escalations, resolutions and verifications."""
    return sum(_announce_assignments(channel, now) + _announce_moves(channel, now) for channel in _channels())


def announce_verdicts(*, now: datetime) -> int:
    """Queue the final verdicts that channels have not heard of, but for those of a dry run.

    A channel of one tier hears none.
    """
    return sum(_announce_verdicts(channel, now) for channel in _channels().filter(tier__isnull=True))


def _channels() -> QuerySet[NotificationChannel]:
    return NotificationChannel.objects.filter(is_enabled=True).select_related("project").order_by("pk")


def _announce_assignments(channel: NotificationChannel, now: datetime) -> int:
    rows = Assignment.objects.filter(
        issue__project=channel.project_id, started_at__gte=_since(channel, now)
    ).select_related("tier", "issue__project", "issue__environment", "issue__deployment", "issue__owner")
    if channel.tier_id:
        rows = rows.filter(tier=channel.tier_id)
    fresh = _unheard(rows, channel, "assignment:", "pk").order_by("started_at", "pk")
    return each(
        fresh, lambda row: _queue(channel, _kind(row), row, messages.of_assignment, now), name="announce_issues"
    )


def _kind(assignment: Assignment) -> NotificationKind:
    is_first = assignment.reason == AssignmentReason.ROUTED
    return NotificationKind.ISSUE_ASSIGNED if is_first else NotificationKind.ISSUE_ESCALATED


MOVES = {
    IssueStatus.RESOLVED.value: NotificationKind.ISSUE_RESOLVED,
    IssueStatus.VERIFIED.value: NotificationKind.ISSUE_VERIFIED,
}


def _announce_moves(channel: NotificationChannel, now: datetime) -> int:
    rows = IssueEvent.objects.filter(
        issue__project=channel.project_id,
        kind=IssueEventKind.MOVED,
        changes__status__1__in=list(MOVES),
        occurred_at__gte=_since(channel, now),
    ).select_related("actor", "issue__project", "issue__environment", "issue__deployment", "issue__owner")
    if channel.tier_id:
        rows = rows.filter(Exists(Assignment.objects.filter(issue=OuterRef("issue"), tier=channel.tier_id)))
    fresh = _unheard(rows, channel, "event:", "pk").order_by("occurred_at", "pk")
    return each(
        fresh,
        lambda row: _queue(channel, MOVES[row.changes["status"][1]], row, messages.of_move, now),
        name="announce_issues",
    )


def _announce_verdicts(channel: NotificationChannel, now: datetime) -> int:
    rows = Verdict.objects.filter(
        MonitoringPeriod.for_real("period__"),
        is_final=True,
        period__deployment__project=channel.project_id,
        looked_at__gte=_since(channel, now),
    ).select_related("period__environment", "period__deployment__project")
    rows = rows.defer("inputs")  # all that was judged, which no message tells
    # one message for a period and a result: what is completed at the end of a period is not news
    fresh = _unheard(rows, channel, "period:", "period_id", ":", "result").order_by("looked_at", "pk")
    kind = NotificationKind.VERDICT_REACHED
    return each(fresh, lambda row: _queue(channel, kind, row, messages.of_verdict, now), name="announce_verdicts")


def _since(channel: NotificationChannel, now: datetime) -> datetime:
    return max(channel.hears_from_at, now - LOOK_BACK)


def _unheard(rows: QuerySet[Any], channel: NotificationChannel, *parts: str) -> QuerySet[Any]:
    """Return those of `rows` that have no notification in `channel`; `parts` (words ending in :, fields) name them."""
    texts = [Value(part) if part.endswith(":") else Cast(part, CharField()) for part in parts]
    subject = Concat(*texts, output_field=CharField())
    heard = Notification.objects.filter(channel=channel, subject=OuterRef("subject"))
    unheard: QuerySet[Any] = rows.annotate(subject=subject).filter(~Exists(heard))
    return unheard


def _queue(
    channel: NotificationChannel,
    kind: NotificationKind,
    fact: Any,
    describe: Callable[[Any], messages.Body],
    now: datetime,
) -> bool:
    """Write the notification of `fact`; another worker's, written at the same moment, is as good."""
    issue = getattr(fact, "issue", None)
    period = getattr(fact, "period", None)
    note = Notification(
        channel=channel,
        kind=kind,
        subject=fact.subject,
        issue=issue,
        deployment=period.deployment if period else None,
        message_id=uuid.uuid4(),
        payload=describe(fact),
        created_at=now,
        next_attempt_at=now,
    )
    Notification.objects.bulk_create([note], ignore_conflicts=True)
    ring(notification_queued)
    return True
