"""Changes of this floor: reports in, projects and their people, tokens."""

from deployments.services.facts import Claim, ConfigurationChangeFacts, Report, SystemChangeFacts
from deployments.services.reports import (
    AlreadyEnded,
    Disagrees,
    NoEarlierVersion,
    Reported,
    add_changes,
    cancel_deployment,
    ensure_environment,
    record_status,
    report_deployment,
    roll_back,
)

__all__ = [
    "AlreadyEnded",
    "Claim",
    "ConfigurationChangeFacts",
    "Disagrees",
    "NoEarlierVersion",
    "Report",
    "Reported",
    "SystemChangeFacts",
    "add_changes",
    "cancel_deployment",
    "ensure_environment",
    "record_status",
    "report_deployment",
    "roll_back",
]
