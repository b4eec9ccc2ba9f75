"""Changes of this floor: periods, verdicts, checks, metrics."""

from monitoring.services.checks import (
    check_refusals,
    delete_check,
    pause_check,
    resume_check,
    save_check,
    validate,
)
from monitoring.services.metrics import Ingested, Point, TooManySeries, ingest
from monitoring.services.periods import open_periods, quicken_checks
from monitoring.services.policies import ensure_policy, save_policy

__all__ = [
    "Ingested",
    "Point",
    "TooManySeries",
    "check_refusals",
    "delete_check",
    "ensure_policy",
    "ingest",
    "open_periods",
    "pause_check",
    "quicken_checks",
    "resume_check",
    "save_check",
    "save_policy",
    "validate",
]
