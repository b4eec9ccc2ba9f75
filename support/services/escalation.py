"""Which tier has an issue, until when, and who has it next."""

from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef

from deployments.models import Project
from issues.models import Issue, IssueEventKind, IssueStatus
from issues.services import MACHINE, Actor, add_event
from postdeploy.lib import words
from postdeploy.lib.bells import ring
from postdeploy.lib.sweeps import each
from support import routing
from support.models import Assignment, AssignmentReason, RoutingRule, SupportTier
from support.services.tiers import ensure_tiers
from support.signals import assignment_made

SETTLED = (IssueStatus.RESOLVED, IssueStatus.VERIFIED)


class EscalationRefused(Exception):
    """The issue cannot go further; the text is a sentence."""


def route_issues(*, now: datetime) -> int:
    """Give each unresolved issue without a tier one, and end what is settled; return how many changed.

    A reopened issue goes back to the tier that had it last.
    """
    settled = Assignment.objects.current().filter(issue__status__in=SETTLED)
    waiting = Issue.objects.unresolved().exclude(
        Exists(Assignment.objects.current().filter(issue=OuterRef("pk"))),
    )
    ended = each(settled.values_list("issue_id", flat=True), lambda pk: _end(pk, now), name="route_issues")
    return ended + each(
        waiting.order_by("opened_at", "pk").values_list("pk", flat=True),
        lambda pk: _route(pk, now),
        name="route_issues",
    )


def _lock(issue_id: int) -> Issue | None:
    """Return the issue, its row locked; None while another worker has it: that one does the work."""
    rows = Issue.objects.select_for_update(of=("self",), no_key=True, skip_locked=True)
    return rows.select_related("project", "owner").filter(pk=issue_id).first()


def _current(issue: Issue) -> Assignment | None:
    return Assignment.objects.current().filter(issue=issue).select_related("tier").first()


def _end(issue_id: int, now: datetime) -> bool:
    with transaction.atomic():
        issue = _lock(issue_id)
        if issue is None or issue.status not in SETTLED:
            return False
        ended_at = issue.resolved_at or now
        return Assignment.objects.current().filter(issue=issue).update(ended_at=ended_at) > 0


def _route(issue_id: int, now: datetime) -> bool:
    with transaction.atomic():
        issue = _lock(issue_id)
        if issue is None or issue.status in SETTLED or _current(issue) is not None:
            return False
        had_it = Assignment.objects.filter(issue=issue).select_related("tier").order_by("-started_at").first()
        tier = had_it.tier if had_it else first_tier(issue)
        if tier is None:
            return False
        told = f"Back to {tier.label}, which had it last." if had_it else ""
        _assign(issue, tier, AssignmentReason.ROUTED, now=now, told=told)
    return True


def first_tier(issue: Issue) -> SupportTier | None:
    """Return the tier that the project's rules name for the issue's severity."""
    tiers = ensure_tiers(issue.project)
    rules = dict(RoutingRule.objects.of(issue.project).values_list("severity", "tier_id"))
    chosen = routing.choose_tier(issue.severity, rules, map(plain, tiers))
    return next((tier for tier in tiers if chosen and tier.pk == chosen.id), None)


def plain(tier: SupportTier) -> routing.Tier:
    """Return a tier as the rules see it."""
    return routing.Tier(tier.pk, tier.track, tier.level, tier.clock_seconds)


def _assign(
    issue: Issue,
    tier: SupportTier,
    reason: AssignmentReason,
    *,
    now: datetime,
    note: str = "",
    actor: Actor = MACHINE,
    told: str = "",
) -> Assignment:
    """Start the clock of `tier` and tell it in the story. The issue's row is locked."""
    tiers = [plain(other) for other in ensure_tiers(issue.project)]
    assignment = Assignment.objects.create(
        issue=issue,
        tier=tier,
        reason=reason,
        note=note[:300],
        started_at=now,
        escalate_at=routing.escalation_due_at(plain(tier), tiers, now),
    )
    kind = IssueEventKind.ROUTED if reason == AssignmentReason.ROUTED else IssueEventKind.ESCALATED
    add_event(
        issue, kind, told or f"Routed to {tier.label}: {issue.severity.lower()} issues go there.", now=now, actor=actor
    )
    ring(assignment_made, assignment_id=assignment.pk)
    return assignment


def escalate_overdue(*, now: datetime) -> int:
    """Hand each issue whose clock ran out to its next tier, one transaction for each; return how many went on.

    The next clock starts now: however long nobody ran this, an issue moves by one tier at a time.
    """
    overdue = Assignment.objects.overdue(at=now).exclude(issue__status__in=SETTLED)
    return each(
        overdue.values_list("issue_id", flat=True), lambda issue_id: _escalate(issue_id, now), name="escalate_overdue"
    )


def _escalate(issue_id: int, now: datetime) -> bool:
    with transaction.atomic():
        issue = _lock(issue_id)
        current = _current(issue) if issue else None
        if issue is None or current is None or issue.status in SETTLED:
            return False
        if current.escalate_at is None or current.escalate_at > now:
            return False  # somebody was first: this is the next tier's clock
        following = _next(issue.project, current.tier)
        if following is None:  # the tiers changed since: nobody comes after it any more
            return Assignment.objects.filter(pk=current.pk).update(escalate_at=None) > 0
        late = routing.delay(current.escalate_at, now)
        note = f"delayed by {words.duration(late, coarse=True)}" if late else ""
        lasted = words.duration(current.escalate_at - current.started_at)
        told = f"From {current.tier.label} to {following.label}: the {lasted} clock ran out"
        _hand_over(issue, current, now)
        _assign(
            issue,
            following,
            AssignmentReason.FUNCTIONAL_ESCALATION,
            now=now,
            note=note,
            told=f"{told}, {note}." if note else f"{told}.",
        )
    return True


def _hand_over(issue: Issue, current: Assignment, now: datetime) -> None:
    Assignment.objects.filter(pk=current.pk, ended_at__isnull=True).update(ended_at=now)


def _next(project: Project, tier: SupportTier) -> SupportTier | None:
    tiers = ensure_tiers(project)
    following = routing.next_tier(plain(tier), map(plain, tiers))
    return next((other for other in tiers if following and other.pk == following.id), None)


def escalate_by_hand(*, issue_id: int, note: str, actor: Actor, now: datetime) -> Assignment:
    """Hand an issue to the next tier before its clock runs out; EscalationRefused says why it cannot go there."""
    with transaction.atomic():
        issue = Issue.objects.select_for_update(of=("self",), no_key=True).select_related("project").get(pk=issue_id)
        if issue.status in SETTLED:
            raise EscalationRefused(f"It is {issue.status.lower()}: reopen it first.")
        if not note.strip():
            raise EscalationRefused("Say what the next tier needs to know.")
        current = _current(issue)
        tier = current.tier if current else first_tier(issue)
        following = _next(issue.project, tier) if tier else None
        if tier is None or following is None:
            raise EscalationRefused(f"{tier.label if tier else 'This'} is the last tier: nobody comes after it.")
        if current:
            _hand_over(issue, current, now)
        return _assign(
            issue,
            following,
            AssignmentReason.HIERARCHICAL_ESCALATION,
            now=now,
            note=note.strip(),
            actor=actor,
            told=f"From {tier.label} to {following.label} by hand: {note.strip()}",
        )
