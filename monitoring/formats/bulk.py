"""PURE: the body of our own bulk JSON: rows, columns, or columns with a dictionary of series, which is read fastest."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import orjson

from monitoring.formats.batch import FAR, Batch, Columns, Facts, Floats, Longs, Name, environment_fault, name_as_sent
from monitoring.formats.samples import (
    COLUMNS,
    MAX_SAMPLES,
    MAX_UNIT,
    Fault,
    Point,
    Refused,
    points_of_columns,
    points_of_rows,
)
from postdeploy.lib.payloads import read_json
from postdeploy.lib.times import TimeRefused, parse_time

MAX_DEPTH = 20
FIELDS = ("project", "environment", "samples", "series", "of", "metric", "value", "at")
SERIES_FIELDS = ("metric", "labels", "unit")
_NUMBERS = {int, float}
#: Entries of dictionaries without a fault, with their names, by number of fields; emptied when it grows too large.
_SEEN: dict[tuple[Any, ...], dict[int, Name]] = {}
MOST_SEEN = 50_000


@dataclass(frozen=True, slots=True)
class Sent:
    """What a body says: its project and environment ("": not said) and its samples, in rows or in columns."""

    project: str
    environment: str
    batch: Batch
    shape: str

    def time_of(self, sample: int) -> tuple[str | int, ...]:
        """Return the place of a sample's time in the body."""
        return ("samples", sample, "at") if self.shape == "samples" else ("at", sample)

    def place_of(self, name: Name, field: str) -> tuple[str | int, ...]:
        """Return the place of a field of a name: where it comes for the first time."""
        place = self.batch.names.index(name)
        if self.shape == "series":
            return "series", place, field
        sample = int((self.batch.of == place).argmax())
        return ("samples", sample, field) if self.shape == "samples" else ("metric", sample)


def read_bulk(body: bytes, *, now: datetime) -> Sent:
    """Return what a body says. PayloadRefused when it is no JSON, Refused naming each fault.

    Samples without a time are of `now`.
    """
    value = _json(body)
    if not isinstance(value, dict):
        raise Refused([Fault((), 'Must be an object such as {"environment": "production", "samples": […]}.')])
    faults = [*_unknown(value), *_words(value)]
    if faults:
        raise Refused(faults)
    reader = next(reader for names, reader in _SHAPES if names <= value.keys())
    shape = next(name for name in ("samples", "series", "metric") if name in value)
    return Sent(_word(value, "project"), _word(value, "environment"), reader(value, now), shape)


def batch_of(points: Sequence[Point]) -> Batch:
    """Return points as columns."""
    columns = Columns()
    epoch = datetime(1970, 1, 1, tzinfo=points[0].at.tzinfo) if points else None
    for point in points:
        since = point.at - epoch  # type: ignore[operator]
        time_us = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
        name = name_as_sent(point.metric, point.labels, point.unit)
        columns.add(name, time_us, point.value, Facts(point.unit) if point.unit else None)
    return columns.batch()


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        # The slow reader says what is wrong and where, down to the place of a NaN.
        return read_json(body, max_bytes=len(body), max_depth=MAX_DEPTH)


def _unknown(value: Mapping[str, Any]) -> Iterator[Fault]:
    for name in value.keys() - set(FIELDS):
        yield Fault((name,), f"There is no such field here. Known: {', '.join(FIELDS)}.")
    given = value.keys() - {"project", "environment"}
    if not given & set(FIELDS):
        yield Fault((), "Give samples, or the columns metric and value, or series with of and value.")
    elif not any(names <= given <= names | {"at"} for names, _ in _SHAPES) or ("samples" in given and "at" in given):
        yield Fault((), "Give samples, or the columns metric and value, or series with of and value; not a mixture.")


def _words(value: Mapping[str, Any]) -> Iterator[Fault]:
    for name, longest in (("project", 60), ("environment", 100)):
        text = value.get(name, "x")
        if not isinstance(text, str):
            yield Fault((name,), "Must be a string; put it in quotes.")
        elif not text.strip():
            yield Fault((name,), "Must not be empty.")
        elif name == "environment":
            if fault := environment_fault(text):
                yield Fault((name,), fault)
        elif len(text.strip()) > longest:
            yield Fault((name,), f"Must not be longer than {longest} characters.")
        elif not text.isprintable():
            yield Fault((name,), "Must not contain control characters or line breaks.")


def _word(value: Mapping[str, Any], name: str) -> str:
    return str(value.get(name, "")).strip()


def _rows(value: Mapping[str, Any], now: datetime) -> Batch:
    return batch_of(points_of_rows(_column(value, "samples"), now=now))


def _metric_columns(value: Mapping[str, Any], now: datetime) -> Batch:
    columns = {name: _column(value, name) for name in COLUMNS if name in value}
    return batch_of(points_of_columns(columns, now=now))


def _series_columns(value: Mapping[str, Any], now: datetime) -> Batch:
    series, of, values = (_column(value, name) for name in ("series", "of", "value"))
    at = _column(value, "at") if "at" in value else None
    lengths = {"of": len(of), "value": len(values)} | ({} if at is None else {"at": len(at)})
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise Refused([Fault(("value",), f"The columns must be of one length; {told}.")])
    names, facts = _names(series)
    now_us = int(now.timestamp() * 1_000_000)
    times = np.full(len(of), now_us, dtype=np.int64) if at is None else _times(at)
    return Batch(names, _places(of, len(names)), times, _values(values), facts)


_SHAPES = (
    ({"samples"}, _rows),
    ({"series", "of", "value"}, _series_columns),
    ({"metric", "value"}, _metric_columns),
)


def _column(value: Mapping[str, Any], name: str) -> list[Any]:
    column = value[name]
    if not isinstance(column, list):
        raise Refused([Fault((name,), "Must be a list.")])
    if len(column) > MAX_SAMPLES:
        raise Refused([Fault((name,), f"Has {len(column):,} entries; send at most {MAX_SAMPLES:,} at once.")])
    return column


def _names(series: Sequence[Any]) -> tuple[list[Name], dict[str, Facts]]:
    """Return the dictionary of series; what is wrong with one is only looked for when something is."""
    try:
        return [_SEEN[entry["metric"], *entry["labels"].items()][len(entry)] for entry in series], {}
    except (KeyError, TypeError, AttributeError):
        pass
    facts: dict[str, Facts] = {}
    names: list[Name] = []
    for index, entry in enumerate(series):
        if fault := _series_fault(entry, index):
            raise Refused([fault])
        labels, unit = entry.get("labels"), (entry.get("unit") or "").strip()
        names.append(name_as_sent(entry["metric"].strip(), labels or {}, unit))
        if unit:
            facts.setdefault(names[-1].metric, Facts(unit))
        if len(entry) == 2 and labels:
            _remember(entry, names[-1])
    return names, facts


def _remember(entry: dict[str, Any], name: Name) -> None:
    """Keep the name of an entry of metric and labels: senders repeat their dictionary with every batch."""
    if len(_SEEN) > MOST_SEEN:
        _SEEN.clear()
    _SEEN[entry["metric"], *entry["labels"].items()] = {2: name}


def _series_fault(entry: Any, index: int) -> Fault | None:
    """Return the first fault of an entry of `series`. Its texts are looked at when they are seen for the first time."""
    if not isinstance(entry, dict):
        return Fault(("series", index), 'Must be an object such as {"metric": "orders", "labels": {"shop": "eu"}}.')
    for name in entry:
        if name not in SERIES_FIELDS:
            return Fault(("series", index, name), f"There is no such field here. Known: {', '.join(SERIES_FIELDS)}.")
    if type(entry.get("metric")) is not str or not entry["metric"]:
        return Fault(("series", index, "metric"), "Name the metric, such as “orders”.")
    unit = entry.get("unit")
    if unit is not None and not (isinstance(unit, str) and len(unit) <= MAX_UNIT and unit.isprintable()):
        return Fault(("series", index, "unit"), f"Must be a string of at most {MAX_UNIT} characters.")
    labels = entry.get("labels")
    if labels is None:
        return None
    if not isinstance(labels, dict):
        return Fault(("series", index, "labels"), 'Must be an object such as {"region": "eu"}.')
    for key, label in labels.items():
        if type(label) is not str:
            return Fault(("series", index, "labels", key), "Must be a string; put it in quotes.")
    return None


def _places(column: Sequence[Any], count: int) -> Longs:
    if set(map(type, column)) <= {int}:
        try:
            places = np.array(column, dtype=np.int64)
            if not len(places) or (places.min() >= 0 and places.max() < count):
                return places
        except OverflowError:
            pass
    wrong = next(at for at, place in enumerate(column) if type(place) is not int or not 0 <= place < count)
    raise Refused([Fault(("of", wrong), f"Must be the place of an entry in series, 0 to {count - 1}.")])


def _values(column: Sequence[Any]) -> Floats:
    if set(map(type, column)) <= _NUMBERS:
        values = np.array(column, dtype=np.float64)
        if np.isfinite(values).all():
            return values
    wrong = next(at for at, value in enumerate(column) if type(value) not in _NUMBERS or not np.isfinite(float(value)))
    raise Refused([Fault(("value", wrong), "Must be a number; leave the sample out where there is none.")])


def _times(column: Sequence[Any]) -> Longs:
    """Return microseconds of times that are numbers (milliseconds since 1970) or texts (RFC 3339)."""
    if set(map(type, column)) == {int} and min(column) * 1000 > -FAR and max(column) * 1000 < FAR:
        return np.array(column, dtype=np.int64) * 1000
    if set(map(type, column)) <= _NUMBERS:
        scaled = np.array(column, dtype=np.float64) * 1000.0
        if np.isfinite(scaled).all() and (not len(scaled) or np.abs(scaled).max() < FAR):
            return np.rint(scaled).astype(np.int64)
    return np.array([_time(at, value) for at, value in enumerate(column)], dtype=np.int64)


def _time(at: int, value: Any) -> int:
    if type(value) in _NUMBERS and abs(value) < FAR / 1000:
        milliseconds: float = value
        return round(milliseconds * 1000)
    try:
        moment = parse_time(value)
    except TimeRefused as refused:
        raise Refused([Fault(("at", at), f"{refused} Or milliseconds since 1970.")]) from None
    return round(moment.timestamp() * 1_000_000)
