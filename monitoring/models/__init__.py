"""Is it healthy since? Checks, metrics, monitoring periods, verdicts and their findings, outages."""

from monitoring.models.checks import (
    CheckState,
    Failure,
    HealthCheck,
    Outage,
)
from monitoring.models.metrics import BadDirection, Metric, MetricCategory, MetricKind, Sample, Series
from monitoring.models.periods import (
    Finding,
    FindingResult,
    MonitoringPeriod,
    MonitoringPolicy,
    PeriodStatus,
    Result,
    Stage,
    Verdict,
)

__all__ = [
    "BadDirection",
    "CheckState",
    "Failure",
    "Finding",
    "FindingResult",
    "HealthCheck",
    "Metric",
    "MetricCategory",
    "MetricKind",
    "MonitoringPeriod",
    "MonitoringPolicy",
    "Outage",
    "PeriodStatus",
    "Result",
    "Sample",
    "Series",
    "Stage",
    "Verdict",
]
