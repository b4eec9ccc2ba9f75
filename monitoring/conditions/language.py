"""From text to conditions: one a line; an empty line and one that begins with # say nothing."""

import difflib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from monitoring.conditions.kinds import Answers, Condition, Difference, Number, Status, Text, Time
from monitoring.conditions.paths import MISSING, Steps, parse_json_path
from monitoring.conditions.patterns import Pattern, compiled
from monitoring.conditions.problems import ConditionRefused, ConditionsRefused, Problem
from monitoring.conditions.scanner import Scanner, listed
from monitoring.conditions.values import Json, Literal

MAX_CONDITIONS = 40
MAX_LINE = 1000

#: What can be looked at, by kind of check.
SUBJECTS = {
    "HTTP": ("status", "time", "body", "json", "header", "certificate", "redirects", "size", "protocol"),
    "TCP": ("answer", "time"),
    "TLS": ("certificate", "protocol", "time"),
    "DNS": ("answers", "time"),
    "HEARTBEAT": ("time",),
    "FLOW": ("time",),
    "RECONCILIATION": ("difference", "left", "right", "time"),
}
#: What a check of a kind is called, where it cannot look at something.
_CALLED = {
    "HTTP": "an HTTP check", "TCP": "a TCP check", "TLS": "a TLS check", "DNS": "a DNS check",
    "HEARTBEAT": "a heartbeat", "FLOW": "a whole flow", "RECONCILIATION": "a reconciliation",
}  # fmt: skip
_SIGNS = ("<", "<=", ">", ">=", "==", "!=")
_TEXT_VERBS = ("contains", "not contains", "==", "!=", "matches", "not matches")
_PRESENCE = ("exists", "missing")
_MILLISECONDS = {"ms": 1.0, "s": 1000.0, "sec": 1000.0, "min": 60_000.0, "h": 3_600_000.0, "d": 86_400_000.0}
_BYTES = {"": 1.0, "B": 1.0, "bytes": 1.0, "byte": 1.0, "KB": 1024.0, "kB": 1024.0, "MB": 1_048_576.0}
_STATUS = re.compile(r"\s*(?:([1-5])xx|([0-9]{3})(?:\s*[-–]\s*([0-9]{3}))?)(?![\w])", re.IGNORECASE)
_OPPOSITE = {"!=": "==", "not contains": "contains", "not matches": "matches", "missing": "exists", "not in": "in"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line as it was read: what it means, or what is wrong with it. A line that says nothing has neither."""

    number: int
    text: str
    condition: Condition | None = None
    problem: Problem | None = None


@lru_cache(maxsize=8192)
def parse(text: str, kind: str = "HTTP") -> tuple[Condition, ...]:
    """The conditions of a text for a kind of check; ConditionsRefused names each line that is none."""
    lines = examine(text, kind)
    if problems := tuple(line.problem for line in lines if line.problem):
        raise ConditionsRefused(problems)
    return tuple(line.condition for line in lines if line.condition)


def examine(text: str, kind: str = "HTTP") -> list[Line]:
    """Each line with what it means or what is wrong with it, for somebody who is writing."""
    lines: list[Line] = []
    stated = 0
    for number, written in enumerate(text.splitlines(), start=1):
        bare = written.strip()
        if not bare or bare.startswith("#"):
            lines.append(Line(number, written))
            continue
        stated += 1
        lines.append(_line(number, written, kind, is_too_many=stated > MAX_CONDITIONS))
    return lines


def _line(number: int, written: str, kind: str, *, is_too_many: bool) -> Line:
    try:
        if is_too_many:
            raise ConditionRefused(f"A check has at most {MAX_CONDITIONS} conditions.")
        return Line(number, written, condition=parse_line(written, kind))
    except ConditionRefused as refused:
        return Line(number, written, problem=Problem(number, refused.column, str(refused)))


def parse_line(line: str, kind: str = "HTTP") -> Condition:
    """One condition; ConditionRefused says where and how to put it right."""
    if len(line) > MAX_LINE:
        raise ConditionRefused(f"A condition has at most {MAX_LINE} characters.", MAX_LINE)
    scanner = Scanner(line)
    subject = _subject(scanner, kind)
    condition = _READ[subject](scanner)
    scanner.end()
    return condition


def _subject(scanner: Scanner, kind: str) -> str:
    known = SUBJECTS[kind]
    word = scanner.word()
    if word in known:
        return word
    if word in _READ:
        raise scanner.refuse(f"{_CALLED[kind][0].upper()}{_CALLED[kind][1:]} has no {word}; write {listed(known)}.", 0)
    close = difflib.get_close_matches(word.casefold(), known, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    raise scanner.refuse(
        f"“{word[:40] or scanner.rest[:1]}” is nothing to look at; begin with {listed(known)}.{hint}", 0
    )


def _status(scanner: Scanner) -> Condition:
    example = "status in 200-299, 301"
    start = scanner.at
    try:
        verb = scanner.verb(("in", "not in", "==", "!="), example)
    except ConditionRefused:
        if not _STATUS.match(scanner.line, start):
            raise
        verb = "in"  # status 2xx
    return Status(_codes(scanner), is_not=verb in ("not in", "!="))


def _codes(scanner: Scanner) -> tuple[tuple[int, int], ...]:
    ranges = [_code_range(scanner)]
    while scanner.rest.startswith(","):
        scanner.at = scanner.line.index(",", scanner.at) + 1
        ranges.append(_code_range(scanner))
    return tuple(ranges)


def _code_range(scanner: Scanner) -> tuple[int, int]:
    match = _STATUS.match(scanner.line, scanner.at)
    if not match:
        what = (
            f"“{scanner.rest.split(',')[0][:40]}” is not a status code"
            if scanner.rest
            else "A status code is needed here"
        )
        raise scanner.refuse(f"{what}; write 200, 200-299 or 2xx, separated by commas.")
    hundred, first, last = match.groups()
    low, high = (int(hundred) * 100, int(hundred) * 100 + 99) if hundred else (int(first), int(last or first))
    if not 100 <= low <= high <= 599:
        raise scanner.refuse(
            f"“{match.group().strip()}” is not a range of status codes; they go from 100 to 599, the lower one first."
        )
    scanner.at = match.end()
    return low, high


def _time(scanner: Scanner) -> Condition:
    sign = scanner.verb(("<", "<=", ">", ">="), "time < 500 ms")
    value, unit = scanner.number("time < 500 ms")
    if unit not in _MILLISECONDS:
        raise scanner.refuse(
            "Write the unit of the time: ms, s, min or h, such as: time < 500 ms.", scanner.at - len(unit)
        )
    if value < 0:
        raise scanner.refuse("Nothing takes less than no time: write it without the sign.")
    return Time(sign, value * _MILLISECONDS[unit])


def _certificate(scanner: Scanner) -> Condition:
    sign = scanner.verb(("<", "<=", ">", ">="), "certificate > 14 days")
    value, unit = scanner.number("certificate > 14 days")
    if unit not in ("days", "day", "d"):
        raise scanner.refuse("A certificate has days left, such as: certificate > 14 days.", scanner.at - len(unit))
    return Number("certificate", sign, value, "days", "CERTIFICATE")


def _size(scanner: Scanner) -> Condition:
    sign = scanner.verb(_SIGNS, "size < 50 KB")
    value, unit = scanner.number("size < 50 KB")
    if unit not in _BYTES:
        raise scanner.refuse("Write bytes, KB or MB after the number, such as: size < 50 KB.", scanner.at - len(unit))
    return Number("size", sign, value * _BYTES[unit], "bytes", "BODY")


def _plain(name: str, example: str, failure: str) -> Callable[[Scanner], Condition]:
    def read(scanner: Scanner) -> Condition:
        sign = scanner.verb(_SIGNS, example)
        value, unit = scanner.number(example)
        if unit:
            raise scanner.refuse(
                f"{name.capitalize()} is a number without unit, such as: {example}.", scanner.at - len(unit)
            )
        return Number(name, sign, value, "", failure)

    return read


def _difference(scanner: Scanner) -> Condition:
    example = "difference <= 1 %"
    sign = scanner.verb(("<", "<=", ">", ">=", "=="), example)
    value, unit = scanner.number(example)
    if unit not in ("", "%"):
        raise scanner.refuse(
            f"A difference is a number, or a share with %, such as: {example}.", scanner.at - len(unit)
        )
    if value < 0:
        raise scanner.refuse("A difference has no sign: write how far the two may be apart.")
    return Difference(sign, value, is_share=unit == "%")


def _text_of(name: str, verbs: tuple[str, ...], example: str, failure: str) -> Callable[[Scanner], Condition]:
    def read(scanner: Scanner) -> Condition:
        return _text(scanner, name, verbs, example, failure)

    return read


def _text(scanner: Scanner, name: str, verbs: tuple[str, ...], example: str, failure: str) -> Condition:
    verb = scanner.verb(verbs, example)
    bare, is_not = _OPPOSITE.get(verb, verb), verb in _OPPOSITE
    if bare == "exists":
        return Text(name, bare, is_not=is_not, failure=failure)
    wanted = scanner.pattern() if bare == "matches" else scanner.text(example)[0]
    if not wanted:
        raise scanner.refuse("The text is empty: everything contains it.")
    return Text(name, bare, wanted, is_not, failure)


def _protocol(scanner: Scanner) -> Condition:
    condition = _text(scanner, "protocol", ("==", "!=", "contains"), "protocol is HTTP/2", "PROTOCOL")
    if isinstance(condition, Text) and condition.verb == "==" and condition.wanted not in _PROTOCOLS:
        raise scanner.refuse(f"No answer has this protocol; write {listed(_PROTOCOLS)}.")
    return condition


_PROTOCOLS = ("HTTP/1.0", "HTTP/1.1", "HTTP/2", "TLSv1.2", "TLSv1.3")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def _header(scanner: Scanner) -> Condition:
    example = 'header content-type contains "json"'
    start = scanner.at
    name = scanner.word().lower()
    if not _HEADER.fullmatch(name):
        raise scanner.refuse(f"The name of a header is needed here, such as: {example}.", start + 1)
    return _text(scanner, f"header {name}", (*_TEXT_VERBS, *_PRESENCE), example, "HEADER")


_JSON_EXAMPLE = "json data.items[0].ok == true"
_PATH = re.compile(r"\s*((?:\[\"[^\"]*\"\]|\['[^']*'\]|[^\s<>=!≤≥≠\"'])+)")


def json_path(scanner: Scanner) -> tuple[str, Steps]:
    """The path that stands here, and its steps."""
    match = _PATH.match(scanner.line, scanner.at)
    if not match:
        raise scanner.refuse(f"Say where in the JSON body the value is, such as: {_JSON_EXAMPLE}.")
    path = match.group(1)
    start, scanner.at = match.start(1), match.end()
    try:
        return path, parse_json_path(path)
    except ConditionRefused as refused:
        raise scanner.refuse(str(refused), start) from None


def _json(scanner: Scanner) -> Condition:
    path, steps = json_path(scanner)
    verb = scanner.verb(
        (*_SIGNS, "in", "not in", "contains", "not contains", "matches", "not matches", *_PRESENCE), _JSON_EXAMPLE
    )
    bare, is_not = _OPPOSITE.get(verb, verb), verb in _OPPOSITE
    if bare == "exists":
        return Json(path, steps, bare, is_not=is_not)
    if bare == "matches":
        return Json(path, steps, bare, pattern=scanner.pattern(), is_not=is_not)
    if bare in ("<", "<=", ">", ">="):
        value, unit = scanner.number("json queue.length < 100")
        if unit:
            raise scanner.refuse("A number in JSON has no unit.", scanner.at - len(unit))
        return Json(path, steps, bare, limit=value, is_not=is_not)
    wanted = tuple(_literals(scanner)) if bare == "in" else (_literal(scanner),)
    return Json(path, steps, bare, wanted=wanted, is_not=is_not)


def _literal(scanner: Scanner) -> Literal:
    """The rest of the line as one value: JSON as it is, anything else a bare text."""
    if scanner.rest.startswith("'"):
        text = scanner.quoted()
        return Literal(json.dumps(text, ensure_ascii=False), text)
    written = scanner.rest
    if not written:
        raise scanner.refuse(f"A value is needed here, such as: {_JSON_EXAMPLE}.")
    if written.startswith('"'):
        start = scanner.at
        text = scanner.quoted()
        return Literal(scanner.line[start : scanner.at].strip(), text)
    scanner.at = len(scanner.line)
    return _bare(written)


def _bare(written: str) -> Literal:
    try:
        value = json.loads(written)
    except (ValueError, RecursionError):
        value = MISSING
    return Literal(written, value, is_bare=True)


def _literals(scanner: Scanner) -> Iterable[Literal]:
    """Values separated by commas."""
    while True:
        if not scanner.rest:
            raise scanner.refuse('A value is needed here, such as: json status in "up", "degraded".')
        if scanner.rest[0] in "\"'":
            text = scanner.quoted()
            yield Literal(json.dumps(text, ensure_ascii=False), text)
        else:
            written = scanner.rest.partition(",")[0].strip()
            scanner.at = scanner.line.index(written, scanner.at) + len(written)
            yield _bare(written)
        if not scanner.rest.startswith(","):
            return
        scanner.at = scanner.line.index(",", scanner.at) + 1


def _answers(scanner: Scanner) -> Condition:
    example = "answers contain 192.0.2.10"
    verb = scanner.verb(("contains", "not contains", "==", "!=", "<", "<=", ">", ">="), example)
    if verb in ("<", "<=", ">", ">="):
        value, unit = scanner.number("answers >= 2")
        if unit:
            raise scanner.refuse("The number of answers has no unit, such as: answers >= 2.", scanner.at - len(unit))
        return Number("answers", verb, value, "", "ANSWER")
    wanted = tuple(literal.written.strip('"') for literal in _literals(scanner) if literal.written)
    return Answers(_OPPOSITE.get(verb, verb), wanted, is_not=verb in _OPPOSITE)


_READ: dict[str, Callable[[Scanner], Condition]] = {
    "status": _status,
    "time": _time,
    "body": _text_of("body", _TEXT_VERBS, 'body contains "ok"', "BODY"),
    "json": _json,
    "header": _header,
    "certificate": _certificate,
    "redirects": _plain("redirects", "redirects == 0", "REDIRECTS"),
    "size": _size,
    "protocol": _protocol,
    "answer": _text_of("answer", _TEXT_VERBS, 'answer contains "220"', "ANSWER"),
    "answers": _answers,
    "difference": _difference,
    "left": _plain("left", "left > 0", "NUMBER"),
    "right": _plain("right", "right > 0", "NUMBER"),
}


# --- where a value is -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value is taken from: ``json id``, ``header location`` or ``body /token=(\\w+)/``."""

    kind: str
    name: str = ""
    steps: Steps = ()
    pattern: Pattern | None = None


def parse_source(text: str) -> Source:
    """The place of a value that a flow captures; ConditionRefused says how to write it."""
    scanner = Scanner(text)
    kind = scanner.word()
    if kind == "json":
        path, steps = json_path(scanner)
        source = Source(kind, path, steps)
    elif kind == "header":
        source = Source(kind, scanner.word().lower())
        if not _HEADER.fullmatch(source.name):
            raise scanner.refuse("The name of a header is needed here, such as: header location.")
    elif kind == "body":
        source = Source(kind, pattern=scanner.pattern())
        if not source.pattern or not compiled(source.pattern.text, source.pattern.flags).groups:
            raise scanner.refuse(r"Put round brackets around what is taken, such as: body /token=(\w+)/.")
    else:
        raise scanner.refuse(r"Say where the value is: json id, header location or body /token=(\w+)/.", 0)
    scanner.end()
    return source
