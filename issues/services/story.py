"""Who acts, and the lines of an issue's story."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from deployments.models import Role, User
from issues import process
from issues.models import Issue, IssueEvent, IssueEventKind
from issues.signals import issue_changed
from postdeploy.lib.bells import ring

Changes = dict[str, list[Any]]


@dataclass(frozen=True)
class Actor:
    """Who changes an issue: a person in a role, a token (which works as a responder), or the machine."""

    user: User | None
    name: str
    role: str

    @classmethod
    def person(cls, user: User, role: Role) -> "Actor":
        """A signed-in person."""
        return cls(user, "", role.value)

    @classmethod
    def token(cls, name: str) -> "Actor":
        """A pipeline, by the name of its token."""
        return cls(None, f"{name} (API)", Role.RESPONDER.value)


MACHINE = Actor(None, "Postdeploy", process.MACHINE)


def locked(issue_id: int) -> Issue:
    """Return the issue with its row locked until the transaction ends; Issue.DoesNotExist when it is gone."""
    rows = Issue.objects.select_for_update(of=("self",), no_key=True)
    return rows.select_related("project", "environment", "deployment", "owner").get(pk=issue_id)


def save(issue: Issue, *fields: str) -> None:
    """Write `fields` of a locked issue under the next revision, and ring its bell."""
    issue.revision += 1
    issue.save(update_fields=[*fields, "revision", "updated_at"])
    ring(issue_changed, issue_id=issue.pk)


def add_event(
    issue: Issue,
    kind: IssueEventKind,
    text: str,
    *,
    now: datetime,
    actor: Actor = MACHINE,
    changes: Changes | None = None,
) -> IssueEvent:
    """Add one line to the story of `issue`; `changes` maps a field to [before, after]."""
    return IssueEvent.objects.create(
        issue=issue,
        kind=kind,
        occurred_at=now,
        actor=actor.user,
        actor_name=actor.name,
        text=text,
        changes=changes or {},
    )
