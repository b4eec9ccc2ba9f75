"""What is kept of one reading."""

import re
from dataclasses import dataclass, field
from enum import StrEnum

from postdeploy.lib.http import Timings

MAX_EXCERPT = 2000
MAX_DETAIL = 300

# Control characters, and those that turn the direction of text or hide in it: an excerpt must show as it is.
_UNSHOWABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


class FailureKind(StrEnum):
    """Why a reading is not well: the failures of the request itself, then the conditions."""

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


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading of one check.

    ``detail`` is a sentence without full stop ("HTTP 503, expected 200"), ``excerpt`` the beginning of the body, safe
    to show and to store, only when the reading is not ok. ``certificate_days`` are whole days left, when known.
    """

    ok: bool
    kind: FailureKind | None = None
    detail: str = ""
    status_code: int | None = None
    total_ms: float = 0.0
    phases: Timings = field(default_factory=Timings)
    excerpt: str = ""
    certificate_days: int | None = None


def showable(text: str, limit: int) -> str:
    """The text with what cannot be shown escaped, at most ``limit`` characters of it."""
    escaped = _UNSHOWABLE.sub(_escape, text[: limit + 1].replace("\r\n", "\n"))
    return escaped if len(escaped) <= limit else f"{escaped[: limit - 1]}…"


def excerpt(body: bytes) -> str:
    """The beginning of a body as text."""
    return showable(body[: 4 * MAX_EXCERPT].decode("utf-8", "replace"), MAX_EXCERPT)


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
