"""Through the process: moves, edits and comments, each with its line in the story."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from deployments.models import Deployment, Membership, Project, Role, User
from issues import process
from issues.models import Issue, IssueEvent, IssueEventKind, IssueStatus
from issues.services.story import MACHINE, Actor, Changes, add_event, locked, save
from issues.signals import issue_changed
from postdeploy.lib.bells import ring

#: What a person may change without moving the issue.
EDITABLE = ("title", "description", "impact", "severity", "plan", "resolution", "deployment", "environment")


class IssueRefused(Exception):
    """The change is not made: `field` names what to mend, the text says how. `is_forbidden`: another role may."""

    def __init__(self, field: str, sentence: str, *, is_forbidden: bool = False) -> None:
        super().__init__(sentence)
        self.field, self.sentence, self.is_forbidden = field, sentence, is_forbidden


@dataclass
class Conflict(Exception):
    """Somebody else changed the issue since the form was opened. `theirs` and `yours` hold the fields that differ."""

    issue: Issue
    theirs: dict[str, Any] = field(default_factory=dict)
    yours: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """One sentence for the top of the form."""
        return "Somebody else changed this issue in the meantime; nothing of yours was stored yet."


def move_issue(
    *,
    issue_id: int,
    status: str,
    actor: Actor,
    now: datetime,
    owner: User | None = None,
    resolution: str = "",
    reason: str = "",
    revision: int | None = None,
) -> Issue:
    """Bring an issue to `status`; raises IssueRefused with the rule that forbids it, Conflict for an old `revision`."""
    with transaction.atomic():
        issue = locked(issue_id)
        wished = {"status": status, "owner": owner, "resolution": resolution}
        _demand_revision(issue, revision, {name: value for name, value in wished.items() if value})
        if owner is not None:
            _demand_member(issue.project, owner)
        _demand(_move(issue, status, actor, owner, resolution, reason))
        _apply(issue, status, actor=actor, owner=owner, resolution=resolution, reason=reason, now=now)
    return issue


def assess_issue(
    *, issue_id: int, severity: str, impact: str, actor: Actor, now: datetime, revision: int | None = None
) -> Issue:
    """Say how bad an issue is and what it does, and bring it to ASSESSED; raises as `move_issue` does."""
    with transaction.atomic():
        issue = locked(issue_id)
        _demand_revision(issue, revision, {"severity": severity, "impact": impact})
        given = {"severity": severity, "impact": impact or issue.impact}
        edit_issue(issue_id=issue_id, changes=given, revision=None, actor=actor, now=now)
        return move_issue(issue_id=issue_id, status=IssueStatus.ASSESSED, actor=actor, now=now)


def _move(
    issue: Issue,
    status: str,
    actor: Actor,
    owner: User | None,
    resolution: str,
    reason: str,
    *,
    is_proven: bool = False,
) -> process.Move:
    return process.Move(
        current=issue.status,
        target=status,
        role=actor.role,
        has_owner=(owner or issue.owner) is not None,
        changes_owner=owner is not None and owner != issue.owner,
        has_impact=bool(issue.impact.strip()),
        resolution=resolution or issue.resolution,
        reason=reason,
        is_proven=is_proven,
    )


def _demand(move: process.Move) -> None:
    if refused := process.refusal(move):
        raise IssueRefused(refused.field, refused.sentence, is_forbidden=refused.is_forbidden)


def _demand_member(project: Project, owner: User) -> None:
    roles = Role.at_least(Role.RESPONDER)
    if not Membership.objects.filter(project=project, user=owner, role__in=roles).exists() and not owner.is_superuser:
        raise IssueRefused("owner", f"{owner.display_name} is not a responder of {project.name}.")


def _demand_revision(issue: Issue, revision: int | None, wished: dict[str, Any]) -> None:
    if revision is None or revision == issue.revision:
        return
    differing = {name: value for name, value in wished.items() if getattr(issue, name) != value}
    raise Conflict(issue, theirs={name: getattr(issue, name) for name in differing}, yours=differing)


def _apply(
    issue: Issue, status: str, *, actor: Actor, owner: User | None, resolution: str, reason: str, now: datetime
) -> None:
    """Write an allowed move with its times, and tell it in the story."""
    if issue.status in (IssueStatus.RESOLVED, IssueStatus.VERIFIED) and status in process.STATUSES[:3]:
        reopen(issue, reason=reason, now=now, actor=actor, status=status, owner=owner)
        return
    changes: Changes = {"status": [issue.status, status]} if status != issue.status else {}
    if owner is not None and owner != issue.owner:
        changes["owner"] = [issue.owner.display_name if issue.owner else None, owner.display_name]
        issue.owner = owner
    if status == IssueStatus.ASSESSED and issue.status == IssueStatus.ASSIGNED and issue.owner:
        changes["owner"] = [issue.owner.display_name, None]
        issue.owner = None
    if resolution and resolution != issue.resolution:
        changes["resolution"] = [issue.resolution, resolution]
        issue.resolution = resolution
    issue.status = status
    _stamp(issue, now)
    save(issue, "status", "owner", "resolution", "resolved_at", "verified_at", "proof_since")
    add_event(issue, IssueEventKind.MOVED, _told(issue, resolution, reason), now=now, actor=actor, changes=changes)


def _stamp(issue: Issue, now: datetime) -> None:
    if issue.status == IssueStatus.RESOLVED:
        issue.resolved_at, issue.proof_since = now, None
    if issue.status == IssueStatus.VERIFIED:
        issue.verified_at = now


def _told(issue: Issue, resolution: str, reason: str) -> str:
    if issue.status == IssueStatus.ASSIGNED and issue.owner:
        return f"Assigned to {issue.owner.display_name}." + (f" {reason}" if reason else "")
    return resolution if issue.status == IssueStatus.RESOLVED and resolution else reason


def reopen(
    issue: Issue,
    *,
    reason: str,
    now: datetime,
    actor: Actor = MACHINE,
    status: str | None = None,
    owner: User | None = None,
) -> None:
    """Start the work on a locked issue again; the resolution that did not hold stays in the story."""
    issue.owner = owner or issue.owner
    target = status or process.reopened_status(has_owner=issue.owner is not None)
    changes: Changes = {"status": [issue.status, target], "resolution": [issue.resolution, ""]}
    issue.status, issue.resolution = target, ""
    issue.resolved_at = issue.verified_at = issue.proof_since = None
    try:
        with transaction.atomic():
            save(issue, "status", "owner", "resolution", "resolved_at", "verified_at", "proof_since")
    except IntegrityError:  # the constraint `issue_open_once`: the problem came back and has an issue of its own
        raise IssueRefused("status", "The same problem has a newer open issue: work on that one.") from None
    add_event(issue, IssueEventKind.REOPENED, reason, now=now, actor=actor, changes=changes)


def edit_issue(*, issue_id: int, changes: dict[str, Any], revision: int | None, actor: Actor, now: datetime) -> Issue:
    """Change the fields of `EDITABLE` that `changes` names; raises Conflict when `revision` is not the latest."""
    with transaction.atomic():
        issue = locked(issue_id)
        _demand_revision(issue, revision, changes)
        differing = {name: value for name, value in changes.items() if getattr(issue, name) != value}
        _demand_editable(issue, differing)
        if not differing:
            return issue
        told: Changes = {name: [_plain(getattr(issue, name)), _plain(value)] for name, value in differing.items()}
        for name, value in differing.items():
            setattr(issue, name, value)
        save(issue, *differing)
        add_event(issue, IssueEventKind.CHANGED, _changed(differing), now=now, actor=actor, changes=told)
    return issue


def _demand_editable(issue: Issue, differing: dict[str, Any]) -> None:
    if unknown := set(differing) - set(EDITABLE):
        raise IssueRefused(min(unknown), "This cannot be edited; move the issue instead.")
    if "title" in differing and not differing["title"].strip():
        raise IssueRefused("title", "Say in a few words what is wrong.")
    if issue.status in (IssueStatus.RESOLVED, IssueStatus.VERIFIED) and differing.get("resolution") == "":
        raise IssueRefused("resolution", "A resolved issue keeps its resolution; reopen it instead.")
    for name in ("deployment", "environment"):
        if differing.get(name) is not None and differing[name].project_id != issue.project_id:
            raise IssueRefused(name, f"This {name} is not one of {issue.project.name}.")


def _plain(value: Any) -> Any:
    return value.version if isinstance(value, Deployment) else value if value is None else str(value)


def _changed(differing: dict[str, Any]) -> str:
    if not (names := sorted(differing)):
        return ""
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return f"Changed {listed}."


def comment(*, issue_id: int, text: str, actor: Actor, now: datetime) -> IssueEvent:
    """Add an update to the story; raises IssueRefused for an empty one."""
    if not text.strip():
        raise IssueRefused("text", "Write the update first.")
    with transaction.atomic():
        issue = locked(issue_id)
        event = add_event(issue, IssueEventKind.COMMENTED, text.strip(), now=now, actor=actor)
        ring(issue_changed, issue_id=issue.pk)
    return event
