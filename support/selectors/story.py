"""One issue as its page tells it: the steps, the proof, the tiers' clocks, who was told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from deployments.models import Deployment
from issues import process
from issues.models import Issue, IssueEvent, IssueEventKind, IssueStatus, Occurrence
from issues.selectors import Proof, checks_of, proof_of
from issues.services.sightings import distance
from monitoring.models import HealthCheck
from monitoring.selectors import CheckStory, check_story
from monitoring.selectors.blame import Blamed, blames_of
from postdeploy.lib import words
from support.models import Assignment, AssignmentReason, Notification, SupportTier
from support.selectors.clocks import Clock, clocks
from support.selectors.lines import Line, line

#: How far back the chart of the proof goes.
CHART_OVER = timedelta(hours=3)


@dataclass(frozen=True)
class Step:
    """One step of the process: `state` is done, cur or todo; `took` counts from the step before."""

    name: str
    state: str
    at: datetime | None = None
    took: timedelta | None = None
    by: str = ""


@dataclass(frozen=True)
class TierClock:
    """What one tier used of its time."""

    tier: SupportTier
    words: str
    tone: str = ""
    share: float | None = None
    used: timedelta | None = None
    whole: timedelta | None = None
    is_running: bool = False

    @property
    def label(self) -> str:
        """What the bar shows, for those who cannot see it."""
        if self.used is None or self.whole is None:
            return f"{self.tier.label}: {self.words}"
        return f"{self.tier.label} used {words.progress(self.used, self.whole)}, {self.words}"


@dataclass(frozen=True)
class Sign:
    """What is measured of an issue, for "Is it gone?"."""

    check: HealthCheck
    story: CheckStory

    @property
    def name(self) -> str:
        """The chart's id on the page."""
        return f"check-{self.check.pk}"

    @property
    def state(self) -> str:
        """The check's state in lower case, paused before anything the poller knows."""
        return self.story.row.state


@dataclass(frozen=True)
class Seen:
    """One sighting, and which other deployments may have caused it, as the reader may know them."""

    occurrence: Occurrence
    also: list[Blamed]


@dataclass(frozen=True)
class IssueStory:
    """All that the page of one issue shows."""

    issue: Issue
    age: timedelta
    clock: Clock
    steps: list[Step]
    proof: Proof | None
    proof_share: float
    proof_elapsed: timedelta
    signs: list[Sign]
    why: str
    tier_clocks: list[TierClock]
    seen: list[Seen]
    lines: list[Line]
    told: list[Notification]
    told_words: str

    @property
    def proof_words(self) -> str:
        """What the bar of the proof shows, for those who cannot see it."""
        return f"{words.progress(self.proof_elapsed, self.proof.needed)} clean" if self.proof else ""

    @property
    def also(self) -> list[Blamed]:
        """Which other deployments may have caused the latest sighting of which that is known."""
        return next((seen.also for seen in reversed(self.seen) if seen.also), [])


def issue_story(issue: Issue, *, tiers: Sequence[SupportTier], reader: Any, now: datetime) -> IssueStory:
    """Return the story of `issue` as `reader` may know it; `tiers` are all of its project."""
    events = list(issue.events.select_related("actor").order_by("-occurred_at", "-pk"))
    proof = proof_of(issue, now=now) if issue.status == IssueStatus.RESOLVED else None
    told = list(_told(issue))
    return IssueStory(
        issue=issue,
        age=(issue.verified_at or now) - issue.opened_at,
        clock=clocks([issue])[issue.pk],
        steps=_steps(issue, events, now),
        proof=proof,
        proof_share=_share(proof, now),
        proof_elapsed=max(now - proof.since, timedelta(0)) if proof and proof.since else timedelta(0),
        signs=[Sign(check, check_story(check, now=now, over=CHART_OVER)) for check in checks_of(issue)[:2]],
        why=_why(issue),
        tier_clocks=_tier_clocks(issue, tiers, now),
        seen=_seen(issue, reader),
        lines=[line(event) for event in events],
        told=told,
        told_words=_told_words(told),
    )


def _seen(issue: Issue, reader: Any) -> list[Seen]:
    rows = list(
        issue.occurrences.select_related("outage__health_check", "finding__verdict__period").defer(
            "finding__verdict__inputs"
        )
    )
    stored = [row.finding.facts.get("blame", ()) if row.finding else () for row in rows]
    blames = blames_of(stored, Deployment.objects.visible_to(reader))
    return [
        Seen(row, [one for one in blame if one.deployment is None or one.deployment.pk != issue.deployment_id])
        for row, blame in zip(rows, blames, strict=True)
    ]


def _share(proof: Proof | None, now: datetime) -> float:
    if proof is None or proof.since is None:
        return 0.0
    return min(max((now - proof.since) / proof.needed, 0.0), 1.0)


def _why(issue: Issue) -> str:
    """How far the first sighting is from the deployment the issue is thought to come from."""
    if issue.deployment is None:
        return ""
    first = issue.occurrences.order_by("occurred_at", "pk").first()
    return distance(issue.deployment, first.occurred_at if first else issue.opened_at)


# --- the process ------------------------------------------------------------------------------------------------------


def _steps(issue: Issue, events: Sequence[IssueEvent], now: datetime) -> list[Step]:
    """Return the five steps; what came before the latest reopening does not count any more."""
    reached = _reached(events)
    place = process.STATUSES.index(issue.status)
    before, steps = issue.opened_at, []
    for index, status in enumerate(process.STATUSES):
        event = reached.get(status)
        at = issue.opened_at if index == 0 else event.occurred_at if event else None
        if index > place:
            steps.append(Step(process.STEPS[status], "cur" if index == place + 1 else "todo"))
            continue
        took = at - before if at else None
        steps.append(Step(process.STEPS[status], "done", at, took, _found_by(events) if index == 0 else _by(event)))
        before = at or before
    return steps


def _reached(events: Sequence[IssueEvent]) -> dict[str, IssueEvent]:
    """Return the latest event that brought the issue to each status, newest events first, up to the last reopening."""
    reached: dict[str, IssueEvent] = {}
    for event in events:
        change = event.changes.get("status")
        if change and event.kind in (IssueEventKind.MOVED, IssueEventKind.REOPENED):
            reached.setdefault(change[1], event)
        if event.kind == IssueEventKind.REOPENED:
            break
    return reached


def _by(event: IssueEvent | None) -> str:
    if event is None:
        return "skipped"
    return event.actor.display_name if event.actor else event.actor_name


def _found_by(events: Sequence[IssueEvent]) -> str:
    return _by(events[-1]) if events else ""


# --- tiers ------------------------------------------------------------------------------------------------------------


def _tier_clocks(issue: Issue, tiers: Sequence[SupportTier], now: datetime) -> list[TierClock]:
    """Return what each tier that had the issue used of its clock, then those of the same track that were not called."""
    assignments = list(issue.assignments.select_related("tier"))
    followers = [*assignments[1:], None]
    used = [_used(assignment, after, now) for assignment, after in zip(assignments, followers, strict=False)]
    if not assignments:
        return used
    last = assignments[-1].tier
    is_settled = issue.status in (IssueStatus.RESOLVED, IssueStatus.VERIFIED)
    rest = [tier for tier in tiers if tier.track == last.track and tier.level > last.level]
    return used + [TierClock(tier, "not needed" if is_settled else "not called yet") for tier in rest]


def _used(assignment: Assignment, after: Assignment | None, now: datetime) -> TierClock:
    tier, end = assignment.tier, assignment.ended_at or now
    used = end - assignment.started_at
    if assignment.escalate_at is None:
        said = "has it, no clock" if assignment.ended_at is None else "had it, no clock"
        return TierClock(tier, said, used=used, is_running=assignment.ended_at is None)
    whole = assignment.escalate_at - assignment.started_at
    share = min(used / whole, 1.0) if whole else 1.0
    return TierClock(
        tier, *_ending(assignment, after, share), share, used, whole, is_running=assignment.ended_at is None
    )


def _ending(assignment: Assignment, after: Assignment | None, share: float) -> tuple[str, str]:
    if assignment.ended_at is None:
        return ("runs", "failed" if share >= 1 else "degraded" if share >= 0.75 else "watch")
    ran_out = assignment.escalate_at is not None and assignment.ended_at >= assignment.escalate_at
    if after and after.reason == AssignmentReason.HIERARCHICAL_ESCALATION:
        return "escalated by hand", "degraded"
    is_handed_over = after is not None and after.reason == AssignmentReason.FUNCTIONAL_ESCALATION
    return ("ran out, escalated", "failed") if ran_out and is_handed_over else ("stopped: resolved", "healthy")


# --- who was told -----------------------------------------------------------------------------------------------------


def _told(issue: Issue) -> QuerySet[Notification]:
    rows = Notification.objects.filter(issue=issue).select_related("channel").prefetch_related("attempts")
    return rows.order_by("-created_at", "-pk")[:50]


def _told_words(told: Sequence[Any]) -> str:
    """Return "9 messages, all delivered" or what is missing."""
    if not told:
        return "nobody yet"
    sent = sum(note.state == "SENT" for note in told)
    failed = sum(note.state == "FAILED" for note in told)
    count = f"{len(told)} message" if len(told) == 1 else f"{len(told)} messages"
    if sent == len(told):
        return f"{count}, all delivered" if sent > 1 else f"{count}, delivered"
    waiting = len(told) - sent - failed
    parts = [(sent, "delivered"), (waiting, "waiting"), (failed, "failed")]
    return f"{count}: " + ", ".join(f"{number} {word}" for number, word in parts if number)
