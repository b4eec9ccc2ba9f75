"""What a look is based on, as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Self

from monitoring.judge import stretches
from monitoring.judge.facts import CheckFacts, MetricFacts, OutageFacts, Series, Window
from monitoring.judge.levels import LevelChange
from monitoring.judge.looks import LookPlan
from monitoring.judge.stretches import Stretch
from monitoring.services.evidence.tails import AsOf


class InputsChanged(Exception):
    """Samples of a verdict's windows are not those that it was reached on; the text names the series."""


class Anomaly(StrEnum):
    """Why a stretch of the history says nothing of what is normal."""

    OUTAGE = "OUTAGE"
    MAINTENANCE = "MAINTENANCE"
    DEPLOYMENT = "DEPLOYMENT"
    #: Our own view was gone; that concerns what we measured ourselves.
    PROBER = "PROBER"


@dataclass(frozen=True)
class LeftOut:
    """What is left out of a history for one reason; `reference` is the id of the check, deployment or window.

    `normal_for` are the keys of metrics of which people said that it was how they are now.
    """

    kind: Anomaly
    name: str
    reference: str
    spans: tuple[Stretch, ...]
    normal_for: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it; `count` and `seconds` are for pages."""
        return {
            "kind": self.kind.value,
            "name": self.name,
            "reference": self.reference,
            "count": len(self.spans),
            "seconds": stretches.seconds(self.spans),
            "spans": [list(span) for span in self.spans],
            "normal_for": list(self.normal_for),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        spans = tuple((float(start), float(end)) for start, end in data["spans"])
        normal_for = tuple(data.get("normal_for", ()))
        return cls(Anomaly(data["kind"]), data["name"], data["reference"], spans, normal_for)


@dataclass(frozen=True)
class Baseline:
    """The history that is compared with, in seconds since 1970, and what is left out of it.

    By default the time right before the deployment. Of a pinned reference: a stretch under that `deployment`, read
    where it lies and moved by `shift` seconds to end right before the deployment that is judged.
    """

    start: float
    end: float
    left_out: tuple[LeftOut, ...] = ()
    shift: float = 0.0
    deployment: str = ""
    version: str = ""

    def spans(self, key: str = "", *, with_ours: bool) -> tuple[Stretch, ...]:
        """What is left out for the metric `key`, as the judge wants it; what our own view missed only `with_ours`."""
        left_out = [one for one in self.left_out if key not in one.normal_for]
        found = (one.spans for one in left_out if with_ours or one.kind != Anomaly.PROBER)
        return stretches.moved(stretches.merged(span for spans in found for span in spans), self.shift)

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "start": self.start,
            "end": self.end,
            "shift": self.shift,
            "deployment": self.deployment,
            "version": self.version,
            "left_out": [one.to_dict() for one in self.left_out],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        left_out = tuple(LeftOut.from_dict(one) for one in data["left_out"])
        return cls(data["start"], data["end"], left_out, data["shift"], data["deployment"], data["version"])


@dataclass(frozen=True)
class MetricEvidence:
    """One metric's series from before and after; `series_id` says whose samples they are.

    `metric` and `labels` say of what it is a part, `volume` which metric counts what its values are means of.
    `is_pinned`: what came before is the reference's. `maintenance` is when work on it was planned since the deployment;
    `samples` are those outside of it, as they were measured; `changes` are what earlier deployments did to the metric.
    """

    facts: MetricFacts
    series_id: int
    samples: Series
    metric: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    volume: str = ""
    is_pinned: bool = False
    maintenance: tuple[Stretch, ...] = ()
    changes: tuple[LevelChange, ...] = ()

    @property
    def is_ours(self) -> bool:
        """True when we measured it ourselves, with a check."""
        return not self.metric


@dataclass(frozen=True)
class CheckEvidence:
    """One check's readings, the outage that lasted into the period, and when work on it was planned."""

    facts: CheckFacts
    check_id: int
    series_id: int
    up: Series
    outage: OutageFacts | None
    maintenance: tuple[Stretch, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """All that one look is based on. Spans are (from, to) of the samples read, in seconds since 1970.

    `before` is the time right before the deployment, `pinned` the reference to compare with instead, where there is
    one; `no_reference` says why one that was asked for could not be used. `window` tells what is left out of the time
    before, which with a reference is nothing; `window_for` has what holds for one metric. `read` knows which of the
    newest samples there were. `planned` is when work on the whole environment was planned since the deployment.
    """

    window: Window
    look: LookPlan
    is_last: bool
    is_first_deployment: bool
    seed: int
    metric_span: tuple[float, float]
    check_span: tuple[float, float]
    metrics: tuple[MetricEvidence, ...]
    checks: tuple[CheckEvidence, ...]
    before: Baseline
    pinned: Baseline | None = None
    no_reference: str = ""
    read: AsOf | None = None
    planned: tuple[Stretch, ...] = ()

    def baseline_of(self, metric: MetricEvidence) -> Baseline:
        """What one metric is compared with."""
        return self.pinned if metric.is_pinned and self.pinned else self.before

    def window_for(self, metric: MetricEvidence) -> Window:
        """The window with what is left out of this metric's history."""
        spans = self.baseline_of(metric).spans(metric.facts.key, with_ours=metric.is_ours)
        return replace(self.window, left_out=spans)
