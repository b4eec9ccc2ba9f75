"""PURE: the Prometheus text format 0.0.4, as it is pushed to us and as we fetch it.

Source: prometheus/docs, docs/instrumenting/exposition_formats.md. Names in quotes (UTF-8) are read too.
"""

import re
from collections.abc import Mapping

from monitoring.formats.batch import Batch, BodyRefused, Columns, Facts, name_of

#: Longer lines and more of them are no metrics.
MAX_LINE, MAX_LINES = 16_384, 200_000
COUNTERS = {"counter", "histogram", "summary"}
_COUNTER_SUFFIXES = ("_total", "_count", "_sum", "_bucket")

_QUOTED = r'"(?:[^"\\]|\\.)*+"'
_PAIR = rf"(?:[a-zA-Z_][a-zA-Z0-9_]*+|{_QUOTED})\s*+=\s*+{_QUOTED}"
_LINE = re.compile(
    rf"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*+)?[ \t]*+"
    rf"(?:\{{\s*+(?P<inside>(?:{_QUOTED}\s*+(?:,|(?=\}})))?\s*+(?:{_PAIR}\s*+(?:,\s*+{_PAIR}\s*+)*+,?)?)\s*+\}})?"
    rf"[ \t]*+(?P<value>[^ \t{{}}]++)(?:[ \t]++(?P<time>-?\d++))?[ \t]*+\Z"
)
_LABEL = re.compile(rf"\s*(?:(?P<key>[a-zA-Z_][a-zA-Z0-9_]*+|{_QUOTED})\s*+=\s*+)?(?P<value>{_QUOTED})\s*,?")
_TYPE = re.compile(r"#\s*TYPE\s+(\S+)\s+(\w+)\s*\Z")
_HELP = re.compile(r"#\s*HELP\s+(\S+)\s+(.*)\Z")
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {"n": "\n", "\\": "\\", '"': '"'}


def read_exposition(text: str, *, now_us: int, labels: Mapping[str, str] | None = None) -> Batch:
    """Return the samples of a text; those without a time are of `now_us`, and `labels` are added to each.

    Raises BodyRefused with the number of the line that is no sample. NaN says that there is no value.
    """
    return read_lines(text, now_us=now_us, labels=labels)[0]


def read_lines(text: str, *, now_us: int, labels: Mapping[str, str] | None = None) -> tuple[Batch, list[int]]:
    """Return the samples of a text as `read_exposition` does, and the number of each sample's line."""
    numbers: list[int] = []
    columns, reader = Columns(), _Reader(labels or {})
    lines = text.split("\n", MAX_LINES)
    if len(lines) > MAX_LINES:
        raise BodyRefused(f"The text has more than {MAX_LINES:,} lines.", status=413, code="too_large")
    for number, raw in enumerate(lines, 1):
        line = raw.strip(" \t\r")
        if line.startswith("#"):
            reader.note(line)
        elif line:
            try:
                reader.read(columns, line, now_us)
            except ValueError as error:
                raise BodyRefused(f"Line {number}: {error}", code="invalid_line", pointer=str(number)) from None
            numbers.extend([number] * (len(columns) - len(numbers)))
    return columns.batch(), numbers


def is_counter_name(metric: str) -> bool:
    """Tell whether Prometheus' naming makes a counter of it."""
    return metric.endswith(_COUNTER_SUFFIXES)


class _Reader:
    def __init__(self, labels: Mapping[str, str]) -> None:
        self.labels = labels
        self.types: dict[str, str] = {}
        self.helps: dict[str, str] = {}

    def note(self, line: str) -> None:
        if found := _TYPE.match(line):
            self.types[_unquoted(found[1])] = found[2]
        elif found := _HELP.match(line):
            self.helps[_unquoted(found[1])] = _ESCAPE.sub(lambda m: "\n" if m[1] == "n" else m[1], found[2])[:300]

    def read(self, columns: Columns, line: str, now_us: int) -> None:
        """Add the sample of one line; ValueError when it is none."""
        if len(line) > MAX_LINE:
            raise ValueError(f"is longer than {MAX_LINE:,} characters.")
        found = _LINE.match(line)
        if found is None:
            raise ValueError(f"is no sample such as “orders 12”: {line[:80]}")
        value, time = _number(found["value"]), found["time"]
        metric, labels = self._series(found["name"], found["inside"])
        name = name_of(metric, {**labels, **self.labels})
        time_us = now_us if time is None else _time_us(time)
        columns.add(name, time_us, value, self._facts(metric))

    def _series(self, name: str | None, inside: str | None) -> tuple[str, dict[str, str]]:
        labels: dict[str, str] = {}
        for part in _LABEL.finditer(inside or ""):
            value = _unquoted(part["value"])
            if part["key"] is None:
                if name:
                    raise ValueError("names the metric twice.")
                name = value
                continue
            key = _unquoted(part["key"])
            if key in labels:
                raise ValueError(f"has the label “{key[:40]}” twice.")
            if value:
                labels[key] = value
        if not name:
            raise ValueError("does not name its metric.")
        return name, labels

    def _facts(self, metric: str) -> Facts:
        family = next((metric.removesuffix(end) for end in _COUNTER_SUFFIXES if metric.endswith(end)), metric)
        kind = self.types.get(metric) or self.types.get(family) or ""
        is_counter = kind in COUNTERS and (metric != family or kind == "counter") if kind else is_counter_name(metric)
        return Facts(description=self.helps.get(metric) or self.helps.get(family, ""), is_counter=is_counter)


def _number(text: str) -> float:
    try:
        if "_" not in text:  # Python's, not Go's
            return float(text)
    except ValueError:
        pass
    raise ValueError(f"ends in no number: {text[:40]}")


def _time_us(text: str) -> int:
    if len(text) > 16:
        raise ValueError(f"has a time that is no number of milliseconds: {text[:40]}")
    return int(text) * 1000


def _unquoted(text: str) -> str:
    if not text.startswith('"'):
        return text
    if "\\" not in text:
        return text[1:-1]
    return _ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[0]), text[1:-1])
