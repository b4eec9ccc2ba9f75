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
from monitoring.models.sources import (
    DEFAULT_MAX_SERIES,
    PULLED,
    MetricLimits,
    Refusal,
    RefusalReason,
    Source,
    SourceKind,
)

__all__ = [
    "DEFAULT_MAX_SERIES",
    "PULLED",
    "BadDirection",
    "CheckState",
    "Failure",
    "Finding",
    "FindingResult",
    "HealthCheck",
    "Metric",
    "MetricCategory",
    "MetricKind",
    "MetricLimits",
    "MonitoringPeriod",
    "MonitoringPolicy",
    "Outage",
    "PeriodStatus",
    "Refusal",
    "RefusalReason",
    "Result",
    "Sample",
    "Series",
    "Source",
    "SourceKind",
    "Stage",
    "Verdict",
]
