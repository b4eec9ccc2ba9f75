"""The Deployment Summary as plain data: the process's fields in its order and words, and after them what was seen."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

#: Grows when a field is added, renamed or moved, so that a reader can tell what it reads.
SCHEMA_VERSION = 3
#: Lists that the verdict got since the first version, by the version that brought them: an older summary has none.
_VERDICT_HAS_SINCE = {"blame": 2, "rulings": 3}

SUCCESS, FAILURE = "Success", "Failure"


class RecordError(ValueError):
    """What was read is not a Deployment Summary; the text names the field."""


# --- the process's fields, exactly --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Implementation:
    """How the roll-out itself went. `status` is SUCCESS or FAILURE."""

    start_time: datetime | None
    end_time: datetime | None
    status: str
    issues: int


@dataclass(frozen=True, slots=True)
class SystemChange:
    """One component that was changed."""

    component: str
    description: str
    status: str


@dataclass(frozen=True, slots=True)
class Configuration:
    """One setting that was changed; of a secret only the mask."""

    setting: str
    value: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Changes:
    """What was shipped."""

    system_changes: tuple[SystemChange, ...] = ()
    configuration: tuple[Configuration, ...] = ()


@dataclass(frozen=True, slots=True)
class ResolvedIssue:
    """An issue and what ended it."""

    issue: str
    resolution: str


@dataclass(frozen=True, slots=True)
class OutstandingIssue:
    """An issue and what will be done about it."""

    issue: str
    plan: str


@dataclass(frozen=True, slots=True)
class Issues:
    """What went wrong."""

    resolved: tuple[ResolvedIssue, ...] = ()
    outstanding: tuple[OutstandingIssue, ...] = ()


# --- what was seen: after the process's fields, never instead -----------------------------------------------


@dataclass(frozen=True, slots=True)
class Stage:
    """One part of the watch. `result` is empty while nothing was decided."""

    name: str
    opened_at: datetime
    ended_at: datetime | None
    result: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What happened to one metric or check; the numbers in words, empty where there are none."""

    name: str
    before: str
    after: str
    change: str
    result: str
    sentence: str


@dataclass(frozen=True, slots=True)
class NotWatched:
    """What could not be judged, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Blame:
    """A deployment that may have caused what got worse, how likely that is, and why; all in words."""

    deployment: str
    share: str
    because: str


@dataclass(frozen=True, slots=True)
class Ruling:
    """What somebody said of the verdict, or of one finding (`about` names it), and why; all in words."""

    about: str
    ruling: str
    reason: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Verdict:
    """Was it healthy afterwards? `state` is the API's word, `outcome` says how roll-out and watch went together."""

    state: str
    word: str
    outcome: str
    sentence: str
    decided_at: datetime | None
    stages: tuple[Stage, ...] = ()
    findings: tuple[Finding, ...] = ()
    not_watched: tuple[NotWatched, ...] = ()
    blame: tuple[Blame, ...] = ()
    rulings: tuple[Ruling, ...] = ()


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One thing that happened."""

    at: datetime
    text: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Escalation:
    """An issue went to another tier."""

    at: datetime
    issue: str
    from_tier: str
    to_tier: str
    reason: str


@dataclass(frozen=True, slots=True)
class Lesson:
    """Something learned, and who wrote it down."""

    text: str
    author: str


@dataclass(frozen=True, slots=True)
class SuccessFactors:
    """The first half of the process review."""

    what_worked: tuple[Lesson, ...] = ()
    best_practices: tuple[Lesson, ...] = ()
    team_performance: tuple[Lesson, ...] = ()
    tool_effectiveness: tuple[Lesson, ...] = ()


@dataclass(frozen=True, slots=True)
class ImprovementAreas:
    """The second half of the process review."""

    challenges: tuple[Lesson, ...] = ()
    bottlenecks: tuple[Lesson, ...] = ()
    tool_gaps: tuple[Lesson, ...] = ()
    process_issues: tuple[Lesson, ...] = ()


@dataclass(frozen=True, slots=True)
class LessonsLearned:
    """The process review."""

    success_factors: SuccessFactors = SuccessFactors()
    improvement_areas: ImprovementAreas = ImprovementAreas()


@dataclass(frozen=True, slots=True)
class Record:
    """One Deployment Summary. Times are aware; the same data gives the same bytes in every format."""

    project: str
    version: str
    date: date
    implementation: Implementation
    changes: Changes
    issues: Issues
    verdict: Verdict
    timeline: tuple[TimelineEntry, ...] = ()
    escalations: tuple[Escalation, ...] = ()
    lessons_learned: LessonsLearned = LessonsLearned()

    @property
    def content_hash(self) -> str:
        """SHA-256 over the content, 64 hexadecimal digits."""
        canonical = json.dumps(to_plain(self), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(canonical.encode()).hexdigest()


# --- to and from what JSON can carry ------------------------------------------------------------------------

Part = TypeVar("Part")


def to_plain(record: Record) -> dict[str, Any]:
    """Return the record as dicts, lists and strings, its fields in order, `schema_version` first."""
    return {"schema_version": SCHEMA_VERSION} | dataclasses.asdict(record, dict_factory=_plain_dict)


def from_plain(plain: Any) -> Record:
    """Return the record that `to_plain` was given; RecordError names the first field that does not fit."""
    written = plain.get("schema_version") if isinstance(plain, Mapping) else None
    if type(written) is not int or not 1 <= written <= SCHEMA_VERSION:
        raise RecordError(f"schema_version must be {SCHEMA_VERSION}")
    fields = {key: value for key, value in plain.items() if key != "schema_version"}
    if isinstance(plain.get("verdict"), Mapping):
        missing: dict[str, list[Any]] = {name: [] for name, since in _VERDICT_HAS_SINCE.items() if written < since}
        fields["verdict"] = {**plain["verdict"], **missing}
    return _read(Record, fields, "")


def _plain_dict(items: list[tuple[str, Any]]) -> dict[str, Any]:
    return {key: _plain_moment(value) if isinstance(value, date) else value for key, value in items}


def _plain_moment(at: date) -> str:
    """RFC 3339 in UTC, to the millisecond unless there is more to tell."""
    if not isinstance(at, datetime):
        return at.isoformat()
    precision = "microseconds" if at.microsecond % 1000 else "milliseconds"
    return at.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z")


def _read(kind: type[Part], value: Any, where: str) -> Part:
    if not isinstance(value, Mapping):
        raise RecordError(f"{where or '/'} must be an object")
    hints = _hints(kind)  # type: ignore[arg-type]  # a class is hashable
    for key in [*(hints.keys() - value.keys()), *(value.keys() - hints.keys())]:
        raise RecordError(f"{where}/{key} is {'missing' if key in hints else 'unknown'}")
    return kind(**{key: _read_value(hint, value[key], f"{where}/{key}") for key, hint in hints.items()})


def _read_value(hint: Any, value: Any, where: str) -> Any:
    if get_origin(hint) in (Union, UnionType):
        hint = next(option for option in get_args(hint) if option is not NoneType)
        if value is None:
            return None
    if get_origin(hint) is tuple:
        return _read_list(get_args(hint)[0], value, where)
    if dataclasses.is_dataclass(hint):
        return _read(hint, value, where)  # type: ignore[arg-type]
    if hint in (datetime, date):
        return _read_moment(hint, value, where)
    if type(value) is not hint:
        raise RecordError(f"{where} must be a {hint.__name__}")
    return value


def _read_list(hint: Any, value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise RecordError(f"{where} must be a list")
    return tuple(_read_value(hint, item, f"{where}/{position}") for position, item in enumerate(value))


def _read_moment(hint: Any, value: Any, where: str) -> Any:
    try:
        moment = hint.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise RecordError(f"{where} must be a {hint.__name__} in ISO 8601") from error
    if hint is datetime and moment.tzinfo is None:
        raise RecordError(f"{where} must carry its offset from UTC")
    return moment


@cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    return get_type_hints(kind)
