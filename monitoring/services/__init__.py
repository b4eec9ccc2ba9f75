"""Changes of this floor: periods, verdicts, checks, metrics."""

from monitoring.services.metrics import Ingested, Point, TooManySeries, ingest
from monitoring.services.periods import open_periods, quicken_checks
from monitoring.services.policies import ensure_policy, save_policy

__all__ = [
    "Ingested",
    "Point",
    "TooManySeries",
    "ensure_policy",
    "ingest",
    "open_periods",
    "quicken_checks",
    "save_policy",
]
