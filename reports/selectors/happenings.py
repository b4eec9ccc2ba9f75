"""One stream of all that happened around a deployment, from the rows of five floors."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from deployments.models import Deployment, DeploymentEvent, DeploymentKind, DeploymentStatus
from issues.models import IssueEvent, IssueEventKind, IssueStatus
from issues.services import MACHINE
from monitoring.models import MonitoringPeriod, Outage, PeriodStatus, Result, Verdict
from postdeploy.lib import words
from reports.links import Target
from reports.models import Lesson
from support.models import Assignment, AssignmentReason, Notification, NotificationState

#: The filters of the timeline: what the address says, and what the page calls it.
GROUPS = {
    "deployment": "Deployment",
    "watch": "Watch",
    "breaches": "Breaches",
    "issues": "Issues",
    "escalations": "Escalations",
    "comments": "Comments",
    "notifications": "Notifications",
    "lessons": "Lessons",
}

#: Notifications of one cause within this time are one line.
ROUND = timedelta(minutes=1)

_TONES = {"FAILED": "failed", "DEGRADED": "degraded", "INCONCLUSIVE": "unsure", "BLIND": "blind", "HEALTHY": "healthy"}
_GLYPHS = {"FAILED": "octagon", "DEGRADED": "triangle", "INCONCLUSIVE": "diamond", "BLIND": "ring", "HEALTHY": "circle"}


@dataclass(frozen=True, slots=True)
class Happening:
    """One line: `who` did it, `subject` is what it happened to and leads to `target`, `text` goes on after both.

    `key` is the same in every rendering, `icon` or `glyph` its picture, `quote` what somebody wrote.
    """

    key: str
    at: datetime
    group: str
    text: str
    subject: str = ""
    target: Target | None = None
    who: str = ""
    detail: str = ""
    quote: str = ""
    icon: str = ""
    glyph: str = ""
    tone: str = ""

    @property
    def sentence(self) -> str:
        """The line without links, as a record carries it."""
        return " ".join(part for part in (self.who, self.subject, self.text) if part)


def of_deployment(deployment: Deployment, events: Iterable[DeploymentEvent]) -> Iterator[Happening]:
    """What the pipeline reported."""
    for event in events:
        yield Happening(
            key=f"deployment-event-{event.pk}",
            at=event.occurred_at,
            group="deployment",
            who=deployment.deployed_by if event.status == DeploymentStatus.RUNNING else "",
            text=_reported(deployment, event),
            detail=event.note if event.note or event.is_applied else "It changed nothing.",
            icon="arrow-back-up" if deployment.kind == DeploymentKind.ROLLBACK else "rocket",
            tone="failed" if event.status == DeploymentStatus.FAILED else "watch" if event.is_applied else "",
        )


def _reported(deployment: Deployment, event: DeploymentEvent) -> str:
    begun = {DeploymentKind.ROLLBACK: "rolling back to", DeploymentKind.CONFIGURATION: "configuring"}
    what = f"{begun.get(DeploymentKind(deployment.kind), 'deploying')} {deployment.version}"
    sentences = {
        DeploymentStatus.PENDING: f"The pipeline queued {what}",
        DeploymentStatus.RUNNING: f"started {what}" if deployment.deployed_by else f"The pipeline started {what}",
        DeploymentStatus.SUCCEEDED: "The deployment finished",
        DeploymentStatus.FAILED: "The pipeline failed",
        DeploymentStatus.CANCELLED: "The pipeline was cancelled",
    }
    return sentences[DeploymentStatus(event.status)]


def of_watch(deployment: Deployment, periods: Iterable[MonitoringPeriod]) -> Iterator[Happening]:
    """How the watch began, and what ended it when that was not a verdict."""
    for period in periods:
        stage = period.get_stage_display().lower()
        if period.stage == "INITIAL":
            yield Happening(
                key=f"period-{period.pk}-opened",
                at=period.opens_at,
                group="watch",
                text=f"The {stage} watch opened for {words.period(period.length)}",
                icon="eye",
                tone="watch",
            )
        if period.status == PeriodStatus.SUPERSEDED and period.ended_at and period.ended_at > period.opens_at:
            yield _superseded(deployment, period, period.ended_at)


def _superseded(deployment: Deployment, period: MonitoringPeriod, ended_at: datetime) -> Happening:
    successor = period.superseded_by
    is_rollback = successor is not None and successor.rolls_back_id == deployment.pk
    by = "rolled this deployment back" if is_rollback else "replaced this deployment"
    if successor and successor.finished_at and ended_at < successor.finished_at:  # the watch ends where it begins
        by = "began to roll this deployment back" if is_rollback else "began to replace this deployment"
    lasted = f"{words.duration(ended_at - period.opens_at)} of {words.period(period.length)}"
    return Happening(
        key=f"period-{period.pk}-superseded",
        at=ended_at,
        group="watch",
        subject=successor.version if successor else "A newer deployment",
        target=Target("deployment", deployment.project.slug, successor.pk) if successor else None,
        text=by,
        detail=f"The {period.get_stage_display().lower()} watch ended after {lasted}.",
        icon="arrow-back-up" if is_rollback else "rocket",
        tone="watch",
    )


def of_verdicts(verdicts: Iterable[Verdict]) -> Iterator[Happening]:
    """What was decided, and on the way there each turn for the worse and back."""
    for verdict in verdicts:
        word = Result(verdict.result).label if verdict.result else "Nothing worse"
        stage = verdict.period.get_stage_display()
        yield Happening(
            key=f"verdict-{verdict.pk}",
            at=verdict.looked_at,
            group="watch",
            text=f"{stage} watch: {word}" if verdict.is_final else f"{stage} watch, so far: {word.lower()}",
            detail=verdict.sentence,
            glyph=_GLYPHS.get(verdict.result or "", "pie"),
            tone=_TONES.get(verdict.result or "", "watch"),
        )


def of_outages(deployment: Deployment, outages: Iterable[Outage]) -> Iterator[Happening]:
    """Checks that went down, and came back."""
    for outage in outages:
        check = outage.health_check
        target = Target("check", deployment.project.slug, check.pk)
        yield Happening(
            key=f"outage-{outage.pk}-began",
            at=outage.confirmed_at,
            group="breaches",
            subject=check.name,
            target=target,
            text="is down",
            detail=f"{outage.cause}. First seen {words.duration(outage.confirmed_at - outage.began_at)} before."
            if outage.confirmed_at > outage.began_at
            else outage.cause,
            icon="heartbeat",
            tone="failed",
        )
        if outage.ended_at:
            yield Happening(
                key=f"outage-{outage.pk}-ended",
                at=outage.ended_at,
                group="breaches",
                subject=check.name,
                target=target,
                text=f"answers again after {words.duration(outage.ended_at - outage.began_at)}",
                icon="heartbeat",
                tone="healthy",
            )


_VERBS = {
    IssueEventKind.OPENED: "was opened",
    IssueEventKind.SEEN_AGAIN: "was seen again",
    IssueEventKind.MOVED: "was moved",
    IssueEventKind.CHANGED: "was changed",
    IssueEventKind.COMMENTED: "commented on",
    IssueEventKind.REOPENED: "was reopened",
}
_ICONS = {IssueEventKind.COMMENTED: "message", IssueEventKind.CHANGED: "pencil"}


def of_issues(project: str, events: Iterable[IssueEvent]) -> Iterator[Happening]:
    """The story of each issue: opened, moved, changed, commented. Its way through the tiers is `of_assignments`."""
    for event in events:
        kind = IssueEventKind(event.kind)
        if kind not in _VERBS:
            continue
        is_comment = kind == IssueEventKind.COMMENTED
        yield Happening(
            key=f"issue-event-{event.pk}",
            at=event.occurred_at,
            group="comments" if is_comment else "issues",
            who=f"{_actor(event) or 'Somebody'} commented on" if is_comment else "",
            subject=event.issue.reference,
            target=Target("issue", project, event.issue.reference),
            text="" if is_comment else _moved(event),
            detail="" if is_comment else event.text,
            quote=event.text if is_comment else "",
            icon=_ICONS.get(kind, "alert-circle"),
            tone=_tone(event),
        )


def _actor(event: IssueEvent) -> str:
    """Who, unless it was Postdeploy itself."""
    name = event.actor.display_name if event.actor else event.actor_name
    return "" if name == MACHINE.name else name


def _moved(event: IssueEvent) -> str:
    status = _new_status(event)
    verb = f"was {status.label.lower()}" if status else _VERBS[IssueEventKind(event.kind)]
    if event.kind == IssueEventKind.REOPENED:
        verb = "was reopened"
    by = f" by {who}" if (who := _actor(event)) else ""
    title = f": {event.issue.title}" if event.kind == IssueEventKind.OPENED else ""
    return f"{verb}{by}{title}"


def _new_status(event: IssueEvent) -> IssueStatus | None:
    changes = event.changes.get("status") if isinstance(event.changes, dict) else None
    is_known = isinstance(changes, list) and len(changes) == 2 and changes[1] in IssueStatus.values
    return IssueStatus(changes[1]) if changes and is_known else None


def _tone(event: IssueEvent) -> str:
    if event.kind in (IssueEventKind.OPENED, IssueEventKind.REOPENED):
        return {"CRITICAL": "failed", "MAJOR": "degraded"}.get(event.issue.severity, "plain")
    return "healthy" if _new_status(event) == IssueStatus.VERIFIED else ""


def of_assignments(project: str, assignments: Iterable[Assignment]) -> Iterator[Happening]:
    """Which tier had each issue, and why it went on; `assignments` in the order of time."""
    for assignment, before in with_former(assignments):
        tier = assignment.tier.label
        yield Happening(
            key=f"assignment-{assignment.pk}",
            at=assignment.started_at,
            group="escalations",
            subject=assignment.issue.reference,
            target=Target("issue", project, assignment.issue.reference),
            text=f"went from {before.tier.label} to {tier}: {why(assignment, before)}" if before else f"went to {tier}",
            icon="stairs-up",
            tone="degraded" if before else "",
        )


def with_former(assignments: Iterable[Assignment]) -> Iterator[tuple[Assignment, Assignment | None]]:
    """Yield each assignment with the one of its issue before it; `assignments` in the order of time."""
    held: dict[int, Assignment] = {}
    for assignment in assignments:
        yield assignment, held.get(assignment.issue_id)
        held[assignment.issue_id] = assignment


def why(assignment: Assignment, before: Assignment) -> str:
    """Return why an issue went on, in words: its note, or the clock that ran out."""
    if assignment.note:
        return assignment.note
    if assignment.reason == AssignmentReason.FUNCTIONAL_ESCALATION and before.escalate_at:
        return f"the {words.period(before.escalate_at - before.started_at)} clock ran out"
    return str(AssignmentReason(assignment.reason).label.lower())


def of_notifications(project: str, notifications: Iterable[Notification]) -> Iterator[Happening]:
    """Who was told, and how long it took; what went out of one cause at one time is one line."""
    for together in _rounds(notifications):
        first, latest = together[0], max(_told_at(sent) for sent in together)
        is_sent = _is_sent(first)
        was = "were" if len(together) > 1 else "was"
        outcome = f"{was} told" if is_sent else "could not be told"
        took = latest - min(sent.created_at for sent in together)
        yield Happening(
            key=f"notification-{first.pk}",
            at=_told_at(first),
            group="notifications",
            subject=first.issue.reference if first.issue else "",
            target=Target("issue", project, first.issue.reference) if first.issue else None,
            text=f"{_names(together)} {outcome}: {first.get_kind_display().lower()}",
            detail=f"Delivered in {words.duration(took)}." if is_sent and took else "",
            icon="bell",
            tone="" if is_sent else "degraded",
        )


def _rounds(notifications: Iterable[Notification]) -> list[list[Notification]]:
    """Notifications by issue, kind and outcome, each round at most a minute long."""
    rounds: dict[tuple[object, ...], list[Notification]] = {}
    found = []
    for sent in sorted(notifications, key=_told_at):
        cause = (sent.issue_id, sent.kind, _is_sent(sent))
        if cause not in rounds or _told_at(sent) - _told_at(rounds[cause][0]) > ROUND:
            rounds[cause] = []
            found.append(rounds[cause])
        rounds[cause].append(sent)
    return found


def _names(together: Sequence[Notification]) -> str:
    names = list(dict.fromkeys(sent.channel.name for sent in together))
    named = names[:3] if len(names) < 5 else names[:2]
    rest = [f"{len(names) - len(named)} more"] if len(names) > len(named) else []
    *head, last = [*named, *rest]
    return f"{', '.join(head)} and {last}" if head else last


def _told_at(sent: Notification) -> datetime:
    return sent.sent_at or sent.created_at


def _is_sent(sent: Notification) -> bool:
    return sent.state == NotificationState.SENT and sent.sent_at is not None


def of_lessons(lessons: Iterable[Lesson]) -> Iterator[Happening]:
    """What was learned, when it was written down."""
    for lesson in lessons:
        yield Happening(
            key=f"lesson-{lesson.pk}",
            at=lesson.created_at,
            group="lessons",
            who=lesson.author.display_name if lesson.author else "Somebody",
            text=f"wrote down a lesson: {lesson.get_category_display().lower()}",
            icon="bulb",
        )
