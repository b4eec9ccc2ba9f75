"""Regular expressions that cannot run away: RE2 takes linear time, whatever was written and whatever came back."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import re2

from monitoring.conditions.problems import ConditionRefused

_MEMORY = 4 * 1024 * 1024
_UNSUPPORTED = re.compile(r"\(\?(?:<?[=!]|>|\()|\\[1-9]|[+*?}]\+")


@dataclass(frozen=True)
class Pattern:
    """A pattern as it was written between its slashes, with its flags. Matches are those of RE2."""

    text: str
    flags: str = ""

    def search(self, body: bytes) -> Any:
        """The first match in a body, or ``None``."""
        return compiled(self.text, self.flags).search(body)

    def __str__(self) -> str:
        return f"/{self.text}/{self.flags}"


@lru_cache(maxsize=2048)
def compiled(text: str, flags: str) -> Any:
    """The pattern ready to search in UTF-8; ConditionRefused in words when it is none."""
    options = re2.Options()
    options.max_mem = _MEMORY
    options.log_errors = False
    prefix = f"(?{flags})" if flags else ""
    try:
        return re2.compile((prefix + text).encode(), options)  # type: ignore[no-untyped-call]
    except re2.error as error:
        raise ConditionRefused(f"The pattern /{text[:80]}/ cannot be read: {_why(text, error)}.") from None


def _why(text: str, error: Exception) -> str:
    if _UNSUPPORTED.search(text):
        return "look-around, back-references and possessive parts are not known here, since they can take for ever"
    reason = error.args[0] if error.args else b""
    return (reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason))[:120] or "it is none"
