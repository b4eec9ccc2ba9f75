"""PURE: samples as every in-road hands them on: a dictionary of names and three columns."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Longs = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Labels = tuple[tuple[str, str], ...]

MAX_KEY, MAX_UNIT, MAX_DESCRIPTION = 120, 20, 300
MAX_LABELS, MAX_LABEL, MAX_LABEL_NAME = 30, 200, 100
MAX_ENVIRONMENT = 100
#: More than any sender puts into one request; also what keeps memory bounded.
MAX_SAMPLES = 100_000
#: Microseconds that still fit into 64 bits: a time beyond them is refused later, by its own name.
FAR = 2**62
#: What data may call the environment it belongs to, the first that is there wins.
ENVIRONMENT_LABELS = (
    "deployment.environment.name",
    "deployment_environment_name",
    "deployment.environment",
    "deployment_environment",
    "environment",
)
_CONTROL = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_REPLACEMENT = "\ufffd"


class Name(NamedTuple):
    """What tells a series from others: metric, labels in the order of their keys, the environment if it is said.

    `unit` is that of the values, "" when it is not said: names that differ in it are of one series.
    """

    metric: str
    labels: Labels = ()
    environment: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a sender says of a metric; it counts when the metric is made."""

    unit: str = ""
    description: str = ""
    is_counter: bool = False
    is_part: bool = False
    """True when another sample stands for the sender's data point, such as the count of a histogram for its buckets."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Samples that are not stored, and why: a reason of `RefusalReason`, a sentence, how many, and one of them."""

    reason: str
    sentence: str
    count: int = 1
    example: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """Samples in columns: `of` is the place of each sample's name in `names`, `times_us` microseconds since 1970.

    Values are finite. `left_out` says what of the body did not become a sample.
    """

    names: Sequence[Name]
    of: Longs
    times_us: Longs
    values: Floats
    facts: Mapping[str, Facts] = field(default_factory=dict)
    left_out: tuple[LeftOut, ...] = ()

    def __len__(self) -> int:
        return len(self.values)

    def without(self, wrong: npt.NDArray[np.bool_], left_out: Iterable[LeftOut]) -> "Batch":
        """Return the batch less the samples marked `wrong`, saying why."""
        kept = ~wrong
        return Batch(
            self.names,
            self.of[kept],
            self.times_us[kept],
            self.values[kept],
            self.facts,
            (*self.left_out, *left_out),
        )


class BodyRefused(Exception):
    """The body as a whole cannot be read: HTTP status, a word for programs, a sentence, and the place of the fault."""

    def __init__(self, detail: str, *, status: int = 400, code: str = "invalid", pointer: str = "") -> None:
        super().__init__(detail)
        self.detail, self.status, self.code, self.pointer = detail, status, code, pointer


class Columns:
    """Collects samples one by one, each name once; for the formats that come as trees or lines."""

    def __init__(self) -> None:
        self._places: dict[Name, int] = {}
        self._of: list[int] = []
        self._times: list[int] = []
        self._values: list[float] = []
        self._facts: dict[str, Facts] = {}
        self._left_out: dict[str, LeftOut] = {}

    def __len__(self) -> int:
        return len(self._values)

    def add(self, name: Name, time_us: int, value: float, facts: Facts | None = None) -> None:
        """Add one sample. NaN says that there is no value and adds nothing; an infinite one is left out."""
        if value - value != 0.0:  # NaN for infinities and for NaN
            if value == value:
                self.leave_out("NOT_FINITE", "An infinite number cannot be averaged or compared.", shown(name))
            return
        if len(self._values) >= MAX_SAMPLES:
            raise BodyRefused(f"The body has more than {MAX_SAMPLES:,} samples.", status=413, code="too_large")
        if facts is not None and name.metric not in self._facts:
            self._facts[name.metric] = facts
        self._of.append(self._places.setdefault(name, len(self._places)))
        self._times.append(time_us if -FAR < time_us < FAR else (FAR if time_us > 0 else -FAR))
        self._values.append(value)

    def leave_out(self, reason: str, sentence: str, example: str = "", count: int = 1) -> None:
        """Count what is not stored; the latest sentence and example of each reason are kept."""
        before = self._left_out.get(reason)
        self._left_out[reason] = LeftOut(reason, sentence, count + (before.count if before else 0), example)

    def batch(self) -> Batch:
        """Return what was collected."""
        return Batch(
            list(self._places),
            np.array(self._of, dtype=np.int64),
            np.array(self._times, dtype=np.int64),
            np.array(self._values, dtype=np.float64),
            self._facts,
            tuple(self._left_out.values()),
        )


def shown(name: Name) -> str:
    """Return a name as people read it: `http_requests_total{code="500"}`."""
    labels = ", ".join(f'{key}="{value}"' for key, value in name.labels)
    return _CONTROL.sub("\ufffd", f"{name.metric}{{{labels}}}" if labels else name.metric)[:MAX_DESCRIPTION]


def name_of(metric: str, labels: Mapping[str, str]) -> Name:
    """Return the name with its labels in order, and the environment taken out of them.

    A control character in a value (a line break, say) becomes U+FFFD: it is valid where it comes from.
    """
    if any(map(_CONTROL.search, labels.values())):
        labels = {key: _CONTROL.sub(_REPLACEMENT, value) for key, value in labels.items()}
    return name_as_sent(metric, labels)


def name_as_sent(metric: str, labels: Mapping[str, str], unit: str = "") -> Name:
    """Return the name with its labels in order, as they are, and the environment taken out of them."""
    found = next((key for key in ENVIRONMENT_LABELS if labels.get(key)), None)
    if found is None:
        return Name(metric, tuple(sorted(labels.items())), unit=unit)
    kept = sorted((key, value) for key, value in labels.items() if key not in ENVIRONMENT_LABELS)
    return Name(metric, tuple(kept), labels[found], unit)


def name_fault(name: Name) -> str | None:
    """Return what keeps a name from being stored, as a sentence; None when nothing does."""
    if not name.metric:
        return "Name the metric, such as “orders”."
    return (
        text_fault("The metric's name", name.metric, MAX_KEY)
        or (environment_fault(name.environment) if name.environment else None)
        or labels_fault(name.labels)
    )


def environment_fault(text: str) -> str | None:
    """Return what keeps a text from being the name of an environment, as a sentence; None when nothing does."""
    if not text.strip():
        return "The environment's name is blank."
    if len(text.strip()) > MAX_ENVIRONMENT:
        return f"The environment's name is longer than {MAX_ENVIRONMENT} characters."
    if not text.isprintable() or _REPLACEMENT in text:
        return "The environment's name has control characters in it, or bytes that are no UTF-8."
    return None


def labels_fault(labels: Labels) -> str | None:
    """Return what is wrong with labels, as a sentence; None when nothing is."""
    if len(labels) > MAX_LABELS:
        return f"Has {len(labels)} labels; a series may have {MAX_LABELS}."
    for key, value in labels:
        if not key:
            return "A label has no name."
        fault = text_fault(f"The label “{_CONTROL.sub('', key[:40])}”", value, MAX_LABEL)
        fault = fault or text_fault("A label's name", key, MAX_LABEL_NAME)
        if fault:
            return fault
    return None


def text_fault(subject: str, text: str, longest: int) -> str | None:
    """Return what keeps a text from being stored, as a sentence; None when nothing does."""
    if len(text) > longest:
        return f"{subject} is longer than {longest} characters."
    if _CONTROL.search(text):
        return f"{subject} has control characters in it."
    return None
