"""What the judge is given and what it returns: frozen plain data.

Times are seconds since 1970, durations seconds, shares 0 to 1. ``to_dict`` gives what JSON can hold, ``from_dict`` the
same object back, so that a verdict can be kept with its inputs and judged again.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LARGEST = 1e300
#: A change is taken for real when quiet moments look as changed at most this often, unless a policy says otherwise.
CHANCE_LIMIT = 0.008


class MetricKind(StrEnum):
    """What sort of number a metric is."""

    LATENCY = "LATENCY"
    ERROR_RATE = "ERROR_RATE"
    ERROR_COUNT = "ERROR_COUNT"
    CPU = "CPU"
    THROUGHPUT = "THROUGHPUT"
    BUSINESS_COUNT = "BUSINESS_COUNT"
    RATIO = "RATIO"
    OTHER = "OTHER"


class BadDirection(StrEnum):
    """Which way a metric must move to be worse."""

    UP = "UP"
    DOWN = "DOWN"
    BOTH = "BOTH"

    @property
    def signs(self) -> tuple[int, ...]:
        """The signs that a change for the worse can have."""
        return {"UP": (1,), "DOWN": (-1,), "BOTH": (1, -1)}[self.value]


class Subject(StrEnum):
    """What a finding is about."""

    METRIC = "METRIC"
    CHECK = "CHECK"


class FindingResult(StrEnum):
    """What happened to one metric or check."""

    UNCHANGED = "UNCHANGED"
    REGRESSED = "REGRESSED"
    IMPROVED = "IMPROVED"
    INCONCLUSIVE = "INCONCLUSIVE"
    NO_DATA = "NO_DATA"


class Result(StrEnum):
    """What a judgement says of a deployment."""

    HEALTHY = "HEALTHY"
    DEGRADED = "DEGRADED"
    FAILED = "FAILED"
    INCONCLUSIVE = "INCONCLUSIVE"
    BLIND = "BLIND"


class Reason(StrEnum):
    """Why: short codes beside the sentence, for filters and for tests."""

    # of a finding
    CHANGED = "CHANGED"
    UNSTEADY = "UNSTEADY"
    RESTARTING = "RESTARTING"
    HARD_LIMIT = "HARD_LIMIT"
    DOWN = "DOWN"
    WAS_DOWN = "WAS_DOWN"
    FLAPPING = "FLAPPING"
    RECOVERED = "RECOVERED"
    TOO_SMALL_TO_MATTER = "TOO_SMALL_TO_MATTER"
    HEALED = "HEALED"
    ORDINARY = "ORDINARY"
    TOO_MANY_COMPARED = "TOO_MANY_COMPARED"
    TOO_LITTLE = "TOO_LITTLE"
    NO_HISTORY = "NO_HISTORY"
    NO_DATA = "NO_DATA"
    GONE_SILENT = "GONE_SILENT"
    MUTED = "MUTED"
    SHORT_HISTORY = "SHORT_HISTORY"
    NEVER_MOVES = "NEVER_MOVES"
    MIX_SHIFT = "MIX_SHIFT"
    SHARED_BLAME = "SHARED_BLAME"
    WAS_WORSE = "WAS_WORSE"
    WITH_ANOMALIES = "WITH_ANOMALIES"
    NEW_LEVEL = "NEW_LEVEL"
    PLANNED = "PLANNED"
    NO_REFERENCE = "NO_REFERENCE"
    # of a judgement
    CRITICAL_DOWN = "CRITICAL_DOWN"
    LIMIT_BROKEN = "LIMIT_BROKEN"
    REGRESSION = "REGRESSION"
    MUST_HAVE_DATA = "MUST_HAVE_DATA"
    FIRST_DEPLOYMENT = "FIRST_DEPLOYMENT"
    STILL_WATCHING = "STILL_WATCHING"
    NOTHING_WORSE = "NOTHING_WORSE"
    NOTHING_WATCHED = "NOTHING_WATCHED"


@dataclass(frozen=True, eq=False, slots=True)
class Series:
    """Samples of one metric in any order; what is not finite (or beyond 1e300) is no sample."""

    times: Floats
    values: Floats

    def clean(self) -> "Series":
        """In the order of time, finite only, the latest of several at one time."""
        times, values = np.asarray(self.times, float), np.asarray(self.values, float)
        good = (np.abs(times) < LARGEST) & (np.abs(values) < LARGEST)
        times, values = times[good], values[good]
        order = np.argsort(times, kind="stable")
        times, values = times[order], values[order]
        is_latest = np.append(np.diff(times) > 0, True)[: times.size]
        return Series(times[is_latest], values[is_latest])

    def between(self, start: float, end: float) -> "Series":
        """Samples from ``start`` (included) to ``end`` (excluded)."""
        inside = (self.times >= start) & (self.times < end)
        return Series(self.times[inside], self.values[inside])

    def __len__(self) -> int:
        return int(self.times.size)

    def to_dict(self) -> dict[str, Any]:
        """Two lists; a value that is not finite is ``None``."""
        values = [value if np.isfinite(value) else None for value in np.asarray(self.values, float).tolist()]
        return {"times": np.asarray(self.times, float).tolist(), "values": values}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Series":
        """The inverse of ``to_dict``."""
        values = [np.nan if value is None else value for value in data["values"]]
        return cls(np.array(data["times"], float), np.array(values, float))

    @classmethod
    def empty(cls) -> "Series":
        """No samples."""
        return cls(np.empty(0), np.empty(0))


@dataclass(frozen=True, slots=True)
class MetricFacts:
    """A metric as it was configured when the period opened.

    ``least_change`` is relative (0.1: ten per cent), ``least_change_absolute`` in units; a change must reach both where
    both are given. ``hard_limit`` is beyond which, in the bad direction, the deployment has failed.
    """

    key: str
    name: str
    unit: str = ""
    kind: MetricKind = MetricKind.OTHER
    bad_direction: BadDirection = BadDirection.UP
    least_change: float = 0.1
    least_change_absolute: float | None = None
    is_critical: bool = False
    is_muted: bool = False
    must_have_data: bool = True
    hard_limit: float | None = None
    step_seconds: float = 60.0
    is_seasonal: bool = True
    weight: float = 1.0
    chance_limit: float = CHANCE_LIMIT

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of ``to_dict``."""
        return cls(**_known(cls, data, kind=MetricKind, bad_direction=BadDirection))


@dataclass(frozen=True, slots=True)
class CheckFacts:
    """A health check as it was configured when the period opened; ``step_seconds`` is its interval in the period."""

    key: str
    name: str
    is_critical: bool = True
    failure_threshold: int = 3
    step_seconds: float = 60.0
    is_muted: bool = False
    must_have_data: bool = True
    chance_limit: float = CHANCE_LIMIT

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of ``to_dict``."""
        return cls(**_known(cls, data))


@dataclass(frozen=True, slots=True)
class OutageFacts:
    """A stretch in which a check was down; ``ended_at`` is empty while it lasts."""

    began_at: float
    confirmed_at: float
    ended_at: float | None = None
    cause: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of ``to_dict``."""
        return cls(**_known(cls, data))


@dataclass(frozen=True, slots=True)
class Window:
    """The period that is judged and the moment of this look, in seconds since 1970.

    What came before ``deployed_at`` is the baseline. Judged is what comes after ``opens_at``, without the first
    ``settle_seconds``. ``left_out`` are stretches (from, to) that say nothing of what is normal: known outages, earlier
    deployments that were bad.
    """

    opens_at: float
    closes_at: float
    deployed_at: float
    settle_seconds: float
    looked_at: float
    left_out: tuple[tuple[float, float], ...] = ()

    @property
    def judged_from(self) -> float:
        """Where the judged part begins."""
        return max(self.opens_at, self.deployed_at) + self.settle_seconds

    @property
    def judged_until(self) -> float:
        """Where it ends: now, or the end of the period."""
        return min(self.closes_at, self.looked_at)

    @property
    def seconds_watched(self) -> float:
        """How much of the period has passed."""
        return max(0.0, self.judged_until - self.opens_at)

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of ``to_dict``."""
        known = _known(cls, data)
        known["left_out"] = tuple((start, end) for start, end in data.get("left_out", ()))
        return cls(**known)


@dataclass(frozen=True, slots=True)
class Finding:
    """What happened to one metric or check, with what speaks for it.

    ``before``, ``after``, ``change`` and its interval are in units, the ``relative_`` ones shares of ``before``.
    ``score`` grows with the evidence for a change for the worse (negative: for the better). ``chance`` is the estimated
    share of ordinary moments at which it went as far for the worse, ``rarity`` the count of those at which it went as
    far in the direction it took, as (k, n): k of n. A change for the worse of ``smallest_visible_change`` would be
    found four times in five. ``picture`` holds what the page draws: ``band`` (low and high that were expected of single
    values), ``ordinary`` (the changes at ordinary moments, in units), ``change`` (this one) and ``forecast``: what was
    expected of the time since the deployment, as ``start``, ``step`` (seconds) and at most 120 values each of
    ``expected``, ``low`` and ``high`` (of single values, 90 %). ``because`` names the signs that speak most for a
    change for the worse. ``mix``, of a metric that has parts: ``within`` and ``between``, how much of the change lies
    in the parts and how much in their shares, in units. ``part_of`` names the metric that it is a part of, by a label
    such as the route: parts are no metrics of their own where metrics are counted. ``blame``: the deployments that may
    have caused it.
    """

    key: str
    name: str
    subject: Subject
    result: FindingResult
    sentence: str
    reasons: tuple[Reason, ...] = ()
    because: tuple[str, ...] = ()
    unit: str = ""
    before: float | None = None
    after: float | None = None
    change: float | None = None
    change_low: float | None = None
    change_high: float | None = None
    relative_change: float | None = None
    relative_low: float | None = None
    relative_high: float | None = None
    score: float = 0.0
    chance: float | None = None
    rarity: tuple[int, int] | None = None
    smallest_visible_change: float | None = None
    minutes_to_settle: float | None = None
    coverage_before: float = 0.0
    coverage_after: float = 0.0
    picture: dict[str, Any] | None = field(default=None, hash=False)
    mix: dict[str, Any] | None = field(default=None, hash=False)
    blame: tuple[dict[str, Any], ...] = field(default=(), hash=False)
    is_hard_limit_broken: bool = False
    is_critical: bool = False
    is_muted: bool = False
    must_have_data: bool = True
    weight: float = 1.0
    part_of: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        data = asdict(self)
        data["reasons"] = list(self.reasons)
        data["because"] = list(self.because)
        data["blame"] = list(self.blame)
        data["rarity"] = list(self.rarity) if self.rarity else None
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of ``to_dict``."""
        known = _known(cls, data, subject=Subject, result=FindingResult)
        known["reasons"] = tuple(Reason(reason) for reason in data.get("reasons", ()))
        known["because"] = tuple(data.get("because", ()))
        known["blame"] = tuple(data.get("blame", ()))
        known["rarity"] = tuple(data["rarity"]) if data.get("rarity") else None
        return cls(**known)

    def ruled(self, result: FindingResult, reason: Reason, sentence: str | None = None) -> "Finding":
        """The same finding with another result, for this reason."""
        return replace(self, result=result, reasons=(*self.reasons, reason), sentence=sentence or self.sentence)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one look at a deployment says. ``result`` is empty while nothing is worse and the watch goes on.

    ``findings`` come in the order of how much they matter. ``confidence`` is 0 to 1: how sure the result is, by the
    power of what was measured. ``next_look_seconds`` is counted from this look; empty after the last one.
    """

    result: Result | None
    is_final: bool
    sentence: str
    findings: tuple[Finding, ...] = ()
    reasons: tuple[Reason, ...] = ()
    next_look_seconds: float | None = None
    confidence: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "result": self.result,
            "is_final": self.is_final,
            "sentence": self.sentence,
            "findings": [finding.to_dict() for finding in self.findings],
            "reasons": list(self.reasons),
            "next_look_seconds": self.next_look_seconds,
            "confidence": self.confidence,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of ``to_dict``."""
        return cls(
            result=Result(data["result"]) if data["result"] else None,
            is_final=data["is_final"],
            sentence=data["sentence"],
            findings=tuple(Finding.from_dict(finding) for finding in data["findings"]),
            reasons=tuple(Reason(reason) for reason in data["reasons"]),
            next_look_seconds=data["next_look_seconds"],
            confidence=data["confidence"],
        )


def _known(cls: type, data: Mapping[str, Any], **enums: type[StrEnum]) -> dict[str, Any]:
    """The fields that this version knows, enums made from their text: older and newer records can be read."""
    names = cls.__dataclass_fields__  # type: ignore[attr-defined]
    return {name: enums[name](value) if name in enums else value for name, value in data.items() if name in names}
