"""PURE: our own bulk JSON in rows, or in columns with a metric each, as points; each fault is named by its place."""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from postdeploy.lib.times import TimeRefused, parse_time

MAX_SAMPLES = 5000
MAX_KEY, MAX_UNIT = 120, 20
MAX_LABELS, MAX_LABEL = 30, 200
#: Clocks differ; more than this is a mistake.
AHEAD = timedelta(minutes=10)
#: Nobody reads more faults of one request.
MAX_FAULTS = 20

ROW_FIELDS = ("metric", "value", "at", "labels", "unit")
COLUMNS = ("metric", "value", "at")


@dataclass(frozen=True, slots=True)
class Point:
    """One sample. `value` is finite."""

    metric: str
    at: datetime
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)
    unit: str = ""

    @property
    def series(self) -> tuple[str, str]:
        """What tells its series from others: metric and labels."""
        return self.metric, labels_digest(self.labels)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that cannot be accepted: its place in the body, such as ("samples", 17, "value"), and why."""

    path: tuple[str | int, ...]
    sentence: str


class Refused(Exception):
    """Some of the samples cannot be accepted, so none is."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(faults[0].sentence)
        self.faults = tuple(faults)


def labels_digest(labels: Mapping[str, str]) -> str:
    """Return the same short text for the same labels in any order; empty without labels."""
    if not labels:
        return ""
    text = json.dumps(labels, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def points_of_rows(rows: Sequence[Any], *, now: datetime) -> list[Point]:
    """Return the points of `[{"metric": …, "value": …, "at": …, "labels": …, "unit": …}]`; Refused names each fault.

    Without `at` a sample is of `now`.
    """
    points: list[Point] = []
    faults: list[Fault] = []
    for index, row in enumerate(rows):
        found = list(_row_faults(row, now))
        faults.extend(Fault(("samples", index, *fault.path), fault.sentence) for fault in found)
        if not found and not faults:
            points.append(_point(row, now))
        if len(faults) >= MAX_FAULTS:
            break
    if faults:
        raise Refused(faults)
    return points


def points_of_columns(columns: Mapping[str, Sequence[Any]], *, now: datetime) -> list[Point]:
    """Return the points of `{"metric": […], "value": […], "at": […]}`, columns of one length."""
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise Refused([Fault(("value",), f"The columns must be of one length; {told}.")])
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    try:
        return points_of_rows(rows, now=now)
    except Refused as refused:
        # in columns the name comes before the place
        faults = [Fault((fault.path[2], fault.path[1]), fault.sentence) for fault in refused.faults]
        raise Refused(faults) from None


def _point(row: Mapping[str, Any], now: datetime) -> Point:
    return Point(
        metric=row["metric"].strip(),
        at=parse_time(row["at"]) if row.get("at") is not None else now,
        value=float(row["value"]),
        labels={key: str(value) for key, value in (row.get("labels") or {}).items()},
        unit=(row.get("unit") or "").strip(),
    )


def _row_faults(row: Any, now: datetime) -> Iterator[Fault]:
    if not isinstance(row, Mapping):
        yield Fault((), 'Must be an object such as {"metric": "orders", "value": 12}.')
        return
    for name in row:
        if name not in ROW_FIELDS:
            yield Fault((str(name),), f"There is no such field here. Known: {', '.join(ROW_FIELDS)}.")
    checks = {
        "metric": _metric_fault(row.get("metric")),
        "value": _value_fault(row.get("value")),
        "at": _time_fault(row.get("at"), now),
        "labels": _labels_fault(row.get("labels")),
        "unit": _text_fault(row.get("unit"), MAX_UNIT),
    }
    for name, sentence in checks.items():
        if sentence:
            yield Fault((name,), sentence)


def _metric_fault(value: Any) -> str | None:
    if value is None or value == "":
        return "Name the metric, such as “orders”."
    return _text_fault(value, MAX_KEY)


def _text_fault(value: Any, longest: int) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        return "Must be a string; put it in quotes."
    if len(value) > longest:
        return f"Must not be longer than {longest} characters."
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        return "Must not contain control characters or line breaks."
    return None


def _value_fault(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "Must be a number."
    return None if math.isfinite(value) else "Must be a finite number; leave the sample out instead."


def _time_fault(value: Any, now: datetime) -> str | None:
    if value is None:
        return None
    try:
        at = parse_time(value)
    except TimeRefused as refused:
        return str(refused)
    return "Lies in the future." if at > now + AHEAD else None


def _labels_fault(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        return 'Must be an object such as {"region": "eu"}.'
    if len(value) > MAX_LABELS:
        return f"Must not have more than {MAX_LABELS} labels."
    for name, label in value.items():
        if not isinstance(label, str):
            return f"The label {str(name)[:40]} must be a string; put it in quotes."
        if len(label) > MAX_LABEL or len(name) > MAX_LABEL:
            return f"The label {str(name)[:40]} is longer than {MAX_LABEL} characters."
    return None
