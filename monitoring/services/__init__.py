"""Changes of this floor: periods, verdicts, checks, metrics."""

from monitoring.services.alerting import judge_rules
from monitoring.services.checks import (
    check_refusals,
    delete_check,
    pause_check,
    read_soon,
    resume_check,
    save_check,
    validate,
)
from monitoring.services.evidence import InputsChanged
from monitoring.services.judging import judge_again, judge_periods
from monitoring.services.metrics import Ingested, TooManySeries, ingest
from monitoring.services.periods import open_periods, quicken_checks
from monitoring.services.policies import ensure_policy, save_policy

__all__ = [
    "Ingested",
    "InputsChanged",
    "TooManySeries",
    "check_refusals",
    "delete_check",
    "ensure_policy",
    "ingest",
    "judge_again",
    "judge_periods",
    "judge_rules",
    "open_periods",
    "pause_check",
    "quicken_checks",
    "read_soon",
    "resume_check",
    "save_check",
    "save_policy",
    "validate",
]
