"""PURE: what past deployments are judged with when they are judged once more, where it differs from then."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from monitoring.judge.facts import CheckFacts, MetricFacts, Window

Fields = Mapping[str, Any]

#: Of an environment's policy, what a judgement looks at.
POLICY_FIELDS = ("chance_limit", "settle_seconds", "baseline_seconds")
#: Of a metric, likewise.
METRIC_FIELDS = (
    "least_change", "least_change_absolute", "hard_limit", "is_critical", "is_muted", "must_have_data",
)  # fmt: skip
#: The reference that is none: the hours before are compared with.
BEFORE = "before"
#: Metrics of which a replay can change something.
MOST_METRICS = 200


@dataclass(frozen=True)
class Changes:
    """What differs from then; None and what is not named stay as they were.

    `metrics` are fields by the key of the metric. `configured` are all fields of all metrics as they were configured
    when the replay was asked for, if it shall judge by those; `metrics` come on top. `reference` is the id of the
    deployment to compare with, or BEFORE; `reference_version` its version, for people.
    """

    chance_limit: float | None = None
    settle_seconds: int | None = None
    baseline_seconds: int | None = None
    reference: str | None = None
    reference_version: str = ""
    metrics: Mapping[str, Fields] = field(default_factory=dict)
    configured: Mapping[str, Fields] | None = None

    @property
    def policy(self) -> dict[str, Any]:
        """The changed numbers of the policy."""
        named = {name: getattr(self, name) for name in POLICY_FIELDS}
        return {name: value for name, value in named.items() if value is not None}

    @property
    def is_nothing(self) -> bool:
        """True when all is judged as it was then: only the judge may be another."""
        return not self.can_be_switched_on and self.configured is None

    @property
    def can_be_switched_on(self) -> bool:
        """True when there is something to save: how metrics are configured is saved already."""
        return bool(self.policy or self.metrics or self.reference is not None)

    def to_json(self) -> dict[str, Any]:
        """As JSON holds it."""
        metrics = {key: dict(fields) for key, fields in self.metrics.items()}
        configured = None if self.configured is None else {key: dict(some) for key, some in self.configured.items()}
        pinned = {} if self.reference is None else {"reference": self.reference, "version": self.reference_version}
        return self.policy | pinned | {"metrics": metrics, "configured": configured}

    @classmethod
    def from_json(cls, data: Fields) -> Self:
        """The inverse of `to_json`; what this version does not know is left out."""
        known = {name: data[name] for name in POLICY_FIELDS if data.get(name) is not None}
        return cls(
            **known,
            reference=data.get("reference"),
            reference_version=data.get("version", ""),
            metrics=data.get("metrics") or {},
            configured=data.get("configured"),
        )

    def of_metric(self, facts: MetricFacts) -> MetricFacts:
        """Return the metric as it is judged now. Labels make findings of their own, but no metric of its own."""
        fields = self._fields_of(facts.key, self.configured or {}) | self._fields_of(facts.key, self.metrics)
        if self.chance_limit is not None:
            fields["chance_limit"] = self.chance_limit
        return replace(facts, **fields)

    def of_check(self, facts: CheckFacts) -> CheckFacts:
        """Return the check as it is judged now."""
        return facts if self.chance_limit is None else replace(facts, chance_limit=self.chance_limit)

    def of_window(self, window: Window, *, initial_seconds: int | None) -> Window:
        """Return the window as it is judged now; only an initial period, of so many seconds, has a settling time."""
        if self.settle_seconds is None or initial_seconds is None:
            return window
        return replace(window, settle_seconds=float(min(self.settle_seconds, initial_seconds / 4)))

    def _fields_of(self, key: str, by_metric: Mapping[str, Fields]) -> dict[str, Any]:
        fields = by_metric.get(metric_key(key, by_metric), {})
        return {name: fields[name] for name in METRIC_FIELDS if name in fields}


def metric_key(finding_key: str, known: Mapping[str, Any]) -> str:
    """Return the key of the metric that a finding is about: "metric:cpu:3f2a" is about cpu. Empty: about none."""
    kind, _, rest = finding_key.partition(":")
    if kind != "metric":
        return ""
    return rest if rest in known else rest.rpartition(":")[0] or rest
