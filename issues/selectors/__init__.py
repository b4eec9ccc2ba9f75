"""Reads of the issue log."""

from issues.selectors.log import (
    IssueFilter,
    by_status,
    find_issue,
    open_by_severity,
    search,
    watched_deployment,
)
from issues.selectors.proof import PROOF, Proof, alerts_of, checks_of, proof_of, proof_time

__all__ = [
    "PROOF",
    "IssueFilter",
    "Proof",
    "alerts_of",
    "by_status",
    "checks_of",
    "find_issue",
    "open_by_severity",
    "proof_of",
    "proof_time",
    "search",
    "watched_deployment",
]
