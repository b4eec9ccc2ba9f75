"""What is kept of one reading, and what was seen on the way to it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from monitoring.conditions import Answer, Condition
from postdeploy.lib.http import Timings
from postdeploy.lib.words import NBSP, quantity

MAX_EXCERPT = 2000
MAX_DETAIL = 300
HIDDEN = "••••••"
#: Shorter secrets are not looked for in what came back: they would hide half of it.
_SHORTEST_SECRET = 4

# Control characters, and those that turn the direction of text or hide in it: an excerpt must show as it is.
_UNSHOWABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


class FailureKind(StrEnum):
    """Why a reading is not well: the failures of the request itself, then the conditions, then what jobs do."""

    DNS = "DNS"
    REFUSED = "REFUSED"
    UNREACHABLE = "UNREACHABLE"
    RESET = "RESET"
    TIMEOUT = "TIMEOUT"
    TLS = "TLS"
    TOO_LARGE = "TOO_LARGE"
    BLOCKED = "BLOCKED"
    REDIRECTS = "REDIRECTS"
    PROTOCOL = "PROTOCOL"
    OTHER = "OTHER"
    INVALID = "INVALID"
    STATUS = "STATUS"
    SLOW = "SLOW"
    BODY = "BODY"
    JSON = "JSON"
    HEADER = "HEADER"
    CERTIFICATE = "CERTIFICATE"
    ANSWER = "ANSWER"
    NUMBER = "NUMBER"
    DIFFERENCE = "DIFFERENCE"
    MISSED = "MISSED"
    JOB_FAILED = "JOB_FAILED"
    OVERRUN = "OVERRUN"
    WAITING = "WAITING"


#: These say that nobody could look, not that the target is ill.
NOBODY_LOOKED = frozenset({FailureKind.BLOCKED, FailureKind.INVALID, FailureKind.WAITING})


@dataclass(slots=True)  # not frozen: that would make it three times as dear, and thousands are made each second
class Reading:
    """One reading of one check.

    ``detail`` is a sentence without full stop ("HTTP 503, expected 200"), ``excerpt`` the beginning of the body, safe
    to show and to store, only when the reading is not ok. ``certificate_days`` are whole days left, when known.
    ``total_ms`` is 0 where nothing was timed; the phases before the first byte say nothing when ``is_reused``.
    """

    ok: bool
    kind: FailureKind | None = None
    detail: str = ""
    status_code: int | None = None
    total_ms: float = 0.0
    phases: Timings = field(default_factory=Timings)
    excerpt: str = ""
    certificate_days: int | None = None
    is_reused: bool = False
    address: str | None = None

    @property
    def nobody_looked(self) -> bool:
        """True when the reading says nothing of the target."""
        return self.kind in NOBODY_LOOKED


@dataclass(frozen=True, slots=True)
class StepSeen:
    """One step of a flow, or one side of a reconciliation: what came of it, in words."""

    name: str
    ok: bool
    words: str
    phases: Timings = field(default_factory=Timings)


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look at a target brought: an answer, or a failure in words.

    ``words`` is how an answer that is well reads in a reading's detail; ``steps`` what led to it.
    """

    answer: Answer | None = None
    failure: FailureKind | None = None
    detail: str = ""
    words: str = ""
    phases: Timings = field(default_factory=Timings)
    address: str | None = None
    redirects: int = 0
    is_reused: bool = False
    certificate: str = ""
    steps: tuple[StepSeen, ...] = ()


def judged(seen: Seen, conditions: Iterable[Condition], hidden: tuple[str, ...] = ()) -> Reading:
    """The reading that a look makes: the first condition that does not hold is its failure."""
    failure, detail = seen.failure, seen.detail
    answer = seen.answer
    if answer is not None and failure is None:
        for condition in conditions:
            if (complaint := condition.complaint(answer)) is not None:
                failure, detail = FailureKind(condition.failure), complaint
                break
    detail = detail if failure else seen.words
    return Reading(
        ok=failure is None,
        kind=failure,
        detail=clause(detail, hidden),
        status_code=answer.status or None if answer else None,
        total_ms=seen.phases.total_ms,
        phases=seen.phases,
        excerpt=excerpt(answer.body, hidden) if failure and answer else "",
        certificate_days=answer.certificate_days if answer else None,
        is_reused=seen.is_reused,
        address=seen.address,
    )


def days_left(expires_at: datetime | None) -> int | None:
    """Whole days until a certificate ends; negative once it has."""
    return (expires_at - datetime.now(UTC)).days if expires_at else None


def milliseconds(value: float) -> str:
    """A time in words."""
    return quantity(round(value), "ms") if value >= 1 else f"under 1{NBSP}ms"


def clause(text: str, hidden: tuple[str, ...] = ()) -> str:
    """A detail, safe to show and to store."""
    return showable(without(text, hidden), MAX_DETAIL)


def showable(text: str, limit: int) -> str:
    """The text with what cannot be shown escaped, at most ``limit`` characters of it."""
    escaped = _UNSHOWABLE.sub(_escape, text[: limit + 1].replace("\r\n", "\n"))
    return escaped if len(escaped) <= limit else f"{escaped[: limit - 1]}…"


def excerpt(body: bytes, hidden: tuple[str, ...] = ()) -> str:
    """The beginning of a body as text, without what is secret."""
    return showable(without(body[: 4 * MAX_EXCERPT].decode("utf-8", "replace"), hidden), MAX_EXCERPT)


def without(text: str, hidden: tuple[str, ...]) -> str:
    """The text with each secret in it covered: targets that echo a request must not show what it carried."""
    for secret in hidden:
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, HIDDEN)
    return text


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
