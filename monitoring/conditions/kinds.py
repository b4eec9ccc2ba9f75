"""The conditions themselves: each looks at one thing of an answer and says in words what it found.

A condition answers two questions: ``complaint(answer)`` is a clause that says what is wrong, ``None`` when it holds (it
alone is asked in every reading), and ``found(answer)`` says what is there when it does. ``words`` is the condition as
a sentence reads it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

from monitoring.conditions.answers import Answer
from monitoring.conditions.patterns import Pattern
from monitoring.conditions.words import BOUNDS, COMPARE, NBSP, VERBS, either, milliseconds, number, plural


class Condition(Protocol):
    """One condition. ``failure`` names the kind of failure that it is when it does not hold."""

    @property
    def failure(self) -> str:
        """The kind of failure, such as STATUS."""

    @property
    def words(self) -> str:
        """What it asks, without capital and full stop."""

    def complaint(self, answer: Answer) -> str | None:
        """What is wrong, as a clause; ``None``: it holds."""

    def found(self, answer: Answer) -> str:
        """What is there, in words."""


@dataclass(frozen=True, slots=True)
class Status:
    """The status code is one of these, or (`is_not`) none of them."""

    ranges: tuple[tuple[int, int], ...]
    is_not: bool = False
    failure: ClassVar[str] = "STATUS"

    @property
    def words(self) -> str:
        """Such as ``status is 200–299 or 404``."""
        return f"status is {'not ' if self.is_not else ''}{self.codes}"

    @property
    def codes(self) -> str:
        """The codes in words."""
        return either([str(low) if low == high else f"{low}–{high}" for low, high in self.ranges])

    def complaint(self, answer: Answer) -> str | None:
        """``HTTP 503, expected 200–299``."""
        status = answer.status
        for low, high in self.ranges:
            if low <= status <= high:
                return f"HTTP {status}, expected anything but {self.codes}" if self.is_not else None
        return None if self.is_not else f"HTTP {status}, expected {self.codes}"

    def found(self, answer: Answer) -> str:
        """The code that came."""
        return f"HTTP {answer.status}"


@dataclass(frozen=True, slots=True)
class Time:
    """How long the whole took, against a number of milliseconds."""

    sign: str
    limit_ms: float
    failure: ClassVar[str] = "SLOW"

    @property
    def words(self) -> str:
        """Such as ``time is below 500 ms``."""
        return f"time is {BOUNDS[self.sign]}{milliseconds(self.limit_ms)}"

    def complaint(self, answer: Answer) -> str | None:
        """``answered after 1,200 ms, the limit is 500 ms``."""
        if COMPARE[self.sign](answer.time_ms, self.limit_ms):
            return None
        limit = milliseconds(self.limit_ms)
        expected = f"the limit is {limit}" if self.sign[0] == "<" else f"expected {BOUNDS[self.sign]}{limit}"
        return f"answered after {milliseconds(answer.time_ms)}, {expected}"

    def found(self, answer: Answer) -> str:
        """How long it took."""
        return f"took {milliseconds(answer.time_ms)}"


@dataclass(frozen=True, slots=True)
class Number:
    """A plain number of the answer against another one."""

    name: str
    sign: str
    limit: float
    unit: str = ""
    failure: str = "NUMBER"

    @property
    def words(self) -> str:
        """Such as ``certificate is above 14 days``."""
        return f"{self.name} is {BOUNDS[self.sign]}{self._with_unit(self.limit)}"

    def complaint(self, answer: Answer) -> str | None:
        """What the number is, and what was expected."""
        value = _NUMBERS[self.name](answer)
        if value is None or COMPARE[self.sign](value, self.limit):  # None: a kept connection shows no certificate
            return None
        return f"{self._stands(value)}, expected {BOUNDS[self.sign]}{self._with_unit(self.limit)}"

    def found(self, answer: Answer) -> str:
        """What the number is."""
        value = _NUMBERS[self.name](answer)
        return f"{self.name} is not known" if value is None else self._stands(value)

    def _stands(self, value: float) -> str:
        if self.name == "certificate":
            return f"the certificate ends in {self._with_unit(value)}" if value >= 0 else "the certificate has ended"
        return f"{self.name} is {self._with_unit(value)}"

    def _with_unit(self, value: float) -> str:
        return f"{number(value)}{NBSP}{plural(self.unit, value)}" if self.unit else number(value)


_NUMBERS: Mapping[str, Callable[[Answer], float | None]] = {
    "certificate": lambda answer: answer.certificate_days,
    "redirects": lambda answer: answer.redirects,
    "size": lambda answer: len(answer.body),
    "answers": lambda answer: len(answer.answers),
    "left": lambda answer: answer.left,
    "right": lambda answer: answer.right,
}


@dataclass(frozen=True, slots=True)
class Difference:
    """How far two numbers are apart: as it is, or (`is_share`) in percent of the larger one."""

    sign: str
    limit: float
    is_share: bool = False
    failure: ClassVar[str] = "DIFFERENCE"

    @property
    def words(self) -> str:
        """Such as ``difference is at most 1 %``."""
        return f"difference is {BOUNDS[self.sign]}{self._shown(self.limit)}"

    def complaint(self, answer: Answer) -> str | None:
        """Both numbers, and how far they are apart."""
        apart = self._apart(answer)
        if COMPARE[self.sign](apart, self.limit):
            return None
        return f"{self._both(answer)}, expected a difference of {BOUNDS[self.sign]}{self._shown(self.limit)}"

    def found(self, answer: Answer) -> str:
        """Both numbers."""
        return self._both(answer)

    def _both(self, answer: Answer) -> str:
        return f"{number(answer.left)} and {number(answer.right)} are {self._shown(self._apart(answer))} apart"

    def _apart(self, answer: Answer) -> float:
        apart = abs(answer.left - answer.right)
        if not self.is_share:
            return apart
        largest = max(abs(answer.left), abs(answer.right))
        return 100 * apart / largest if largest else 0.0

    def _shown(self, value: float) -> str:
        return f"{number(value)}{NBSP}%" if self.is_share else number(value)


@dataclass(frozen=True, slots=True)
class Text:
    """A text in the answer: ``contains``, ``==``, ``matches`` (a pattern), ``exists``, and the opposite of each."""

    name: str
    verb: str
    wanted: str | Pattern = ""
    is_not: bool = False
    failure: str = "BODY"

    @property
    def words(self) -> str:
        """Such as ``body contains “ok”``."""
        return f"{self.name} {VERBS[self.verb, self.is_not]}{self._shown}"

    @property
    def _shown(self) -> str:
        if self.verb == "exists":
            return ""
        return f" {self.wanted}" if isinstance(self.wanted, Pattern) else f" “{self.wanted[:80]}”"

    def complaint(self, answer: Answer) -> str | None:
        """What is not there, or is there and should not be."""
        value, where = self._looked_at(answer)
        if value is None:
            return None if self.is_not else f"there is no {self.name}"
        if self._holds(value) != self.is_not:
            return None
        return self._wrong(value, where)

    def found(self, answer: Answer) -> str:
        """What is there."""
        value, where = self._looked_at(answer)
        if value is None:
            return f"there is no {self.name}"
        if self.verb in ("contains", "matches"):
            return f"it is {'not ' if self.is_not else ''}in {where}"
        return f"it is “{_clip(value)}”"

    def _looked_at(self, answer: Answer) -> tuple[bytes | None, str]:
        if self.name in ("body", "answer"):
            return answer.body, answer.where if self.name == "body" else "the answer"
        value = answer.spoken if self.name == "protocol" else answer.header(self.name.removeprefix("header "))
        return (None if value is None else value.encode()), f"the {self.name}"

    def _holds(self, value: bytes) -> bool:
        if isinstance(self.wanted, Pattern):
            return self.wanted.search(value) is not None
        if self.verb == "exists":
            return True
        wanted = self.wanted.encode("utf-8", "replace")
        return wanted in value if self.verb == "contains" else value == wanted

    def _wrong(self, value: bytes, where: str) -> str:
        if self.verb == "exists":
            return f"there is a {self.name}: “{_clip(value)}”"
        if self.verb == "==":
            but = "anything but " if self.is_not else ""
            return f"{self.name} is “{_clip(value)}”, expected {but}{self._shown.strip()}"
        what = f"{self.wanted} matches" if self.verb == "matches" else f"{self._shown.strip()} is in"
        return f"{what} {where}" if self.is_not else _absent(self.wanted, where)


def _absent(wanted: str | Pattern, where: str) -> str:
    return (
        f"{wanted} matches nothing in {where}" if isinstance(wanted, Pattern) else f"“{wanted[:80]}” is not in {where}"
    )


@dataclass(frozen=True, slots=True)
class Answers:
    """The records of a DNS answer: one is among them, or they are exactly these."""

    verb: str
    wanted: tuple[str, ...]
    is_not: bool = False
    failure: ClassVar[str] = "ANSWER"

    @property
    def words(self) -> str:
        """Such as ``answers contain 192.0.2.1``."""
        verb = {("contains", False): "contain", ("contains", True): "do not contain"}
        return f"answers {verb.get((self.verb, self.is_not), 'are not' if self.is_not else 'are')} {self._wanted}"

    @property
    def _wanted(self) -> str:
        return ", ".join(self.wanted)

    def complaint(self, answer: Answer) -> str | None:
        """What was answered, and what was expected."""
        got = {normal_record(record) for record in answer.answers}
        wanted = {normal_record(record) for record in self.wanted}
        holds = wanted <= got if self.verb == "contains" else wanted == got
        if self.is_not and self.verb == "contains":
            holds = bool(wanted & got)
        if holds != self.is_not:
            return None
        expected = {("contains", False): "with ", ("contains", True): "without "}
        but = expected.get((self.verb, self.is_not), "anything but " if self.is_not else "")
        return f"{self.found(answer)}, expected {but}{self._wanted}"

    def found(self, answer: Answer) -> str:
        """What was answered."""
        return f"the answer is {', '.join(answer.answers)[:200]}"


def normal_record(record: str) -> str:
    """A DNS record as it is compared: without quotes, final dot and capitals, addresses and numbers as they are."""
    return " ".join(record.replace('"', "").casefold().split()).removesuffix(".")


def _clip(value: bytes) -> str:
    return value[:200].decode("utf-8", "replace")[:80]
