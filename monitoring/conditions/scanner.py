"""Reading one line from left to right; every refusal knows its column."""

import json
import re

from monitoring.conditions.patterns import Pattern, compiled
from monitoring.conditions.problems import ConditionRefused

_SIGNS = {
    "<": "<",
    "<=": "<=",
    "≤": "<=",
    ">": ">",
    ">=": ">=",
    "≥": ">=",
    "==": "==",
    "=": "==",
    "!=": "!=",
    "≠": "!=",
}
_WORDS = {
    "is not": "!=", "is": "==", "are not": "!=", "are": "==", "not in": "not in", "in": "in", "exists": "exists",
    "is missing": "missing", "contains": "contains", "contain": "contains", "does not contain": "not contains",
    "do not contain": "not contains", "matches": "matches", "does not match": "not matches", "is not in": "not in",
    "is in": "in",
}  # fmt: skip
_VERB = re.compile(
    r"\s*(<=|>=|==|!=|[<>=≤≥≠]|(?:" + "|".join(sorted(map(re.escape, _WORDS), key=len, reverse=True)) + r")(?![\w-]))"
)
_NUMBER = re.compile(r"\s*([-−+]?[0-9]+(?:[.][0-9]+)?)\s*([A-Za-zµ%]*)")
_PATTERN = re.compile(r"/((?:[^/\\]|\\.)*)/([a-zA-Z]*)")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_SINGLE = re.compile(r"'([^']*)'")
_FLAGS = "ims"


class Scanner:
    """A place in a line."""

    def __init__(self, line: str) -> None:
        self.line = line
        self.at = 0

    @property
    def rest(self) -> str:
        """What was not read yet."""
        return self.line[self.at :].strip()

    def refuse(self, sentence: str, at: int | None = None) -> ConditionRefused:
        """A refusal at a place, or here."""
        return ConditionRefused(sentence, (self._here() if at is None else at) + 1)

    def _here(self) -> int:
        return len(self.line) - len(self.line[self.at :].lstrip())

    def word(self) -> str:
        """The next word, up to a space or a sign; empty at the end."""
        match = re.compile(r"\s*([^\s<>=!≤≥≠]+)").match(self.line, self.at)
        if not match:
            return ""
        self.at = match.end()
        return match.group(1)

    def verb(self, allowed: tuple[str, ...], example: str) -> str:
        """The comparison that follows, in its one spelling; refused when it is none of `allowed`."""
        match = _VERB.match(self.line, self.at)
        if not match:
            what = (
                f"“{self.rest.split()[0][:40]}” is no comparison here" if self.rest else "A comparison is missing here"
            )
            raise self.refuse(f"{what}; write {listed(allowed)}, such as: {example}.")
        verb = _SIGNS.get(match.group(1)) or _WORDS[match.group(1)]
        if verb not in allowed:
            raise self.refuse(f"“{match.group(1)}” cannot be asked here; write {listed(allowed)}, such as: {example}.")
        self.at = match.end()
        return verb

    def number(self, example: str) -> tuple[float, str]:
        """A number and the unit that may stand after it."""
        match = _NUMBER.match(self.line, self.at)
        if not match:
            raise self.refuse(f"A number is needed here, such as: {example}.")
        start, self.at = self._here(), match.end()
        if len(match.group(1)) > 18:
            raise self.refuse("This number has more than 17 digits.", start)
        return float(match.group(1).replace("−", "-")), match.group(2)

    def pattern(self) -> Pattern:
        """A pattern between slashes."""
        start = self._here()
        match = _PATTERN.match(self.line, start)
        if not match:
            raise self.refuse(r"A pattern stands between slashes, such as: /version \d+/; write \/ for a slash in it.")
        text, flags = match.group(1).replace(r"\/", "/"), "".join(sorted(set(match.group(2))))
        if not text:
            raise self.refuse("The pattern is empty.")
        if bad := flags.strip(_FLAGS):
            raise self.refuse(f"After a pattern there may be i, m and s; “{bad[0]}” is none of them.", match.end() - 1)
        try:
            compiled(text, flags)
        except ConditionRefused as refused:
            raise self.refuse(str(refused), start) from None
        self.at = match.end()
        return Pattern(text, flags)

    def text(self, example: str) -> tuple[str, bool]:
        """A text up to the end of the line, and whether it was quoted."""
        rest = self.rest
        if not rest:
            raise self.refuse(f"A text is needed here, such as: {example}.")
        if rest[0] not in "\"'":
            self.at = len(self.line)
            return rest, False
        return self.quoted(), True

    def quoted(self) -> str:
        """A text in double quotes (with the escapes of JSON) or in single ones (as it is)."""
        start = self._here()
        match = (_QUOTED if self.line[start] == '"' else _SINGLE).match(self.line, start)
        if not match:
            raise self.refuse(f"The text that begins with {self.line[start]} has no end; put the same quote after it.")
        self.at = match.end()
        if self.line[start] == "'":
            return match.group(1)
        try:
            text = json.loads(match.group())
        except ValueError:
            raise self.refuse(
                r"In double quotes write \\ for a backslash, \" for a quote and \n for a line break.", start
            ) from None
        return str(text)

    def end(self) -> None:
        """Refuse what still follows."""
        if self.rest:
            raise self.refuse(f"“{self.rest[:40]}” is too much here; write one condition a line.")


def listed(parts: tuple[str, ...]) -> str:
    """``<, <= or ==``, in the words of the language."""
    words = {"missing": "is missing", "not contains": "does not contain", "not matches": "does not match"}
    shown = [words.get(part, part) for part in parts]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} or {shown[-1]}"
