"""What a report says, as plain values; of a secret only the mask ever gets this far."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any, Self

from deployments.models import MASK, ChangeStatus, DeploymentStatus
from deployments.secrecy import looks_secret
from postdeploy.lib.times import format_time

#: What a report may say only once; a repeat that says it otherwise contradicts.
TIMES = {DeploymentStatus.PENDING: "queued_at", DeploymentStatus.RUNNING: "started_at"}


@dataclass(frozen=True)
class SystemChangeFacts:
    """One component that changed."""

    component: str
    description: str = ""
    status: str = ChangeStatus.DONE


@dataclass(frozen=True)
class ConfigurationChangeFacts:
    """One setting that changed. `is_secret` None lets its name decide."""

    setting: str
    old_value: str = ""
    value: str = ""
    purpose: str = ""
    is_secret: bool | None = None

    def masked(self) -> Self:
        """Return the change with `is_secret` decided and, if it is one, both values replaced by the mask."""
        if not (looks_secret(self.setting) if self.is_secret is None else self.is_secret):
            return replace(self, is_secret=False)
        hidden = {name: MASK if getattr(self, name) else "" for name in ("old_value", "value")}
        return replace(self, is_secret=True, **hidden)


@dataclass(frozen=True)
class Claim:
    """A status and the time it is said to have been reached; None when nothing was said about the time."""

    status: DeploymentStatus
    at: datetime | None = None


@dataclass(frozen=True)
class Report:
    """One report of a deployment. Empty means not said; times are aware."""

    environment: str
    version: str
    status: DeploymentStatus | None = None
    revision: str = ""
    kind: str = ""
    source: str = "api"
    external_id: str | None = None
    url: str = ""
    description: str = ""
    deployed_by: str = ""
    queued_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    change_committed_at: datetime | None = None
    system_changes: tuple[SystemChangeFacts, ...] = ()
    configuration_changes: tuple[ConfigurationChangeFacts, ...] = ()

    def __post_init__(self) -> None:
        masked = tuple(change.masked() for change in self.configuration_changes)
        object.__setattr__(self, "configuration_changes", masked)

    @property
    def reached(self) -> DeploymentStatus:
        """The status reported; a report that says none is of a running deployment if it has a start."""
        if self.status is not None:
            return self.status
        return DeploymentStatus.RUNNING if self.started_at else DeploymentStatus.PENDING

    def claims(self) -> Iterator[Claim]:
        """Yield each status that this report tells of, with its time."""
        for status, name in TIMES.items():
            if status != self.reached and getattr(self, name):
                yield Claim(status, getattr(self, name))
        yield Claim(self.reached, getattr(self, TIMES.get(self.reached, "finished_at")))

    def said(self) -> dict[str, Any]:
        """Return what this report says that a repeat must not say otherwise, ready for JSON."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: _plain(value) for name, value in own.items() if value and name not in NOT_COMPARED}


NOT_COMPARED = {"status", "source", "external_id"}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return format_time(value)
    if isinstance(value, tuple):
        return [asdict(part) for part in value]
    return value
