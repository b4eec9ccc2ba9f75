"""The condition on a value in JSON."""

from dataclasses import dataclass
from typing import ClassVar

from monitoring.conditions.answers import Answer, NotJson
from monitoring.conditions.paths import MISSING, Steps, find
from monitoring.conditions.patterns import Pattern
from monitoring.conditions.words import BOUNDS, COMPARE, VERBS, either, number, shown


@dataclass(frozen=True, slots=True)
class Literal:
    """A value to compare with: the JSON it is (if any), and the bare text it was written as (if it was not quoted)."""

    written: str
    value: object = MISSING
    is_bare: bool = False

    def equals(self, value: object) -> bool:
        """Whether a JSON value is this one: a bare word also equals the text of the same letters; true is not 1."""
        if self.is_bare and value == self.written and isinstance(value, str):
            return True
        return (
            self.value is not MISSING
            and value == self.value
            and isinstance(value, bool) == isinstance(self.value, bool)
        )

    def __str__(self) -> str:
        return self.written


@dataclass(frozen=True, slots=True)
class Json:
    """A value in the JSON body: compared, counted, matched, or only there."""

    path: str
    steps: Steps
    verb: str
    wanted: tuple[Literal, ...] = ()
    pattern: Pattern | None = None
    limit: float = 0.0
    is_not: bool = False
    failure: ClassVar[str] = "JSON"

    @property
    def words(self) -> str:
        """Such as ``json data.ok is true``."""
        if self.verb in COMPARE and not self.wanted:
            return f"json {self.path} is {BOUNDS[self.verb]}{number(self.limit)}"
        verb = VERBS["==" if self.verb == "in" else self.verb, self.is_not]
        wanted = str(self.pattern or "") or (self._wanted if self.wanted else "")
        return f"json {self.path} {verb} {wanted}".rstrip()

    @property
    def _wanted(self) -> str:
        return either([str(one) for one in self.wanted])

    def complaint(self, answer: Answer) -> str | None:
        """What the value is and what was expected, or why there is none."""
        try:
            value = find(answer.document(), self.steps)
        except NotJson as error:
            return str(error)
        if value is MISSING:
            return None if self.verb == "exists" and self.is_not else f"the body has no {self.path}"
        if self._holds(value) != self.is_not:
            return None
        return f"{self.path} is {shown(value)}, expected {self._expected}"

    def found(self, answer: Answer) -> str:
        """The value."""
        try:
            value = find(answer.document(), self.steps)
        except NotJson as error:
            return str(error)
        return f"the body has no {self.path}" if value is MISSING else f"{self.path} is {shown(value)}"

    def _holds(self, value: object) -> bool:
        if self.verb == "exists":
            return True
        if self.pattern:
            return isinstance(value, str) and self.pattern.search(value.encode("utf-8", "replace")) is not None
        if self.verb in ("==", "in"):
            return any(one.equals(value) for one in self.wanted)
        if self.verb == "contains":
            return any(_contains(value, one) for one in self.wanted)
        return _is_number(value) and COMPARE[self.verb](value, self.limit)  # type: ignore[arg-type]

    @property
    def _expected(self) -> str:
        but = "anything but " if self.is_not else ""
        if self.verb == "exists":
            return "nothing there"
        if self.pattern:
            return f"{but}a match of {self.pattern}"
        if self.verb == "contains":
            return f"{'something without ' if self.is_not else 'something with '}{self._wanted}"
        return f"{but}{self._wanted}" if self.wanted else f"{BOUNDS[self.verb]}{number(self.limit)}"


def _contains(value: object, wanted: Literal) -> bool:
    if isinstance(value, str):
        return (wanted.value if isinstance(wanted.value, str) else wanted.written) in value
    return isinstance(value, list) and any(wanted.equals(item) for item in value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
