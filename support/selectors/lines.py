"""The story of an issue in words, one line for each event."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from issues.models import IssueEvent, IssueEventKind, IssueStatus

#: kind: icon, what the actor did.
_WORDS = {
    IssueEventKind.OPENED: ("alert-circle", "opened it"),
    IssueEventKind.SEEN_AGAIN: ("eye", "saw it again"),
    IssueEventKind.MOVED: ("arrow-right", "moved it"),
    IssueEventKind.CHANGED: ("pencil", "noted a change"),
    IssueEventKind.COMMENTED: ("message", "wrote"),
    IssueEventKind.ROUTED: ("lifebuoy", "routed it"),
    IssueEventKind.ESCALATED: ("stairs-up", "escalated it"),
    IssueEventKind.REOPENED: ("history", "reopened it"),
}


@dataclass(frozen=True)
class Line:
    """One event: `rows` are the fields that changed, as name, before and after."""

    pk: int
    kind: str
    occurred_at: datetime
    icon: str
    who: str
    did: str
    text: str
    rows: list[tuple[str, Any, Any]]


def line(event: IssueEvent) -> Line:
    """Put an event into words."""
    icon, did = _WORDS[IssueEventKind(event.kind)]
    change = event.changes.get("status")
    if change and event.kind == IssueEventKind.MOVED:
        did = f"moved it from {IssueStatus(change[0]).label} to {IssueStatus(change[1]).label}"
    rows = event.changes.items() if event.kind == IssueEventKind.CHANGED else ()
    return Line(
        pk=event.pk,
        kind=event.kind,
        occurred_at=event.occurred_at,
        icon=icon,
        who=event.actor.display_name if event.actor else event.actor_name,
        did=did,
        text=event.text,
        rows=[(name.capitalize(), before, after) for name, (before, after) in rows],
    )
