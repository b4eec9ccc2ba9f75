"""Which tier has an issue, and what its clock counts towards."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from django.db.models import Exists, OuterRef, QuerySet

from issues.models import Issue, IssueStatus
from issues.selectors import proof_time
from support import routing
from support.models import Assignment, SupportTier, Track

Rows = TypeVar("Rows", bound=QuerySet[Any])


@dataclass(frozen=True)
class Clock:
    """The clock of one issue: towards the next tier, or (`is_proof`) towards being verified.

    Without `due_at` it stands still, and `label` says why.
    """

    tier: str
    label: str
    started_at: datetime | None = None
    due_at: datetime | None = None
    is_proof: bool = False


def clocks(issues: Sequence[Issue]) -> dict[int, Clock]:
    """Return the clock of each issue, in two queries; their environments' policies should be selected with them."""
    latest = _latest_assignments(issue.pk for issue in issues)
    following = _following(issue.project_id for issue in issues)
    return {issue.pk: _clock(issue, latest.get(issue.pk), following) for issue in issues}


def _latest_assignments(issue_ids: Iterable[int]) -> dict[int, Assignment]:
    rows = Assignment.objects.filter(issue__in=list(issue_ids)).select_related("tier")
    return {row.issue_id: row for row in rows.order_by("issue", "-started_at", "-pk").distinct("issue")}


def _following(project_ids: Iterable[int]) -> dict[int, str]:
    """Return the label of the tier after each tier, by the tier's id."""
    tiers: defaultdict[int, list[SupportTier]] = defaultdict(list)
    for tier in SupportTier.objects.filter(project__in=set(project_ids)):
        tiers[tier.project_id].append(tier)
    labels = {tier.pk: tier.label for group in tiers.values() for tier in group}
    found = {}
    for group in tiers.values():
        plain = [routing.Tier(tier.pk, tier.track, tier.level, tier.clock_seconds) for tier in group]
        for current in plain:
            if after := routing.next_tier(current, plain):
                found[current.id] = labels[after.id]
    return found


def _clock(issue: Issue, assignment: Assignment | None, following: dict[int, str]) -> Clock:
    tier = assignment.tier.label if assignment else ""
    if issue.status == IssueStatus.VERIFIED:
        return Clock(tier, "verified")
    if issue.status == IssueStatus.RESOLVED:
        if issue.proof_since is None:
            return Clock(tier, "waits for proof")
        return Clock(tier, "verified", issue.proof_since, issue.proof_since + proof_time(issue), is_proof=True)
    if assignment is None or assignment.ended_at is not None:
        return Clock("", "not routed yet")
    if assignment.escalate_at is None:
        return Clock(tier, "last tier, no clock")
    label = f"to {following.get(assignment.tier_id, 'the next tier')}"
    return Clock(tier, label, assignment.started_at, assignment.escalate_at)


def at_tier(issues: Rows, label: str) -> Rows:
    """Return the issues that a tier has now; a label that is no level is a business tier's name.

    ValueError for a technical level that does not exist.
    """
    current = Assignment.objects.current().filter(issue=OuterRef("pk"))
    if label[:1] in ("L", "l") and label[1:].isdigit():
        if label[1:] not in ("1", "2", "3"):
            raise ValueError("The technical levels are L1, L2 and L3.")
        return issues.filter(Exists(current.filter(tier__track=Track.TECHNICAL, tier__level=int(label[1:]))))
    return issues.filter(Exists(current.filter(tier__track=Track.BUSINESS, tier__name__iexact=label)))
