"""Reads across checks, metrics, periods and verdicts; all of them answer plain data in a fixed number of queries."""

from monitoring.selectors.checks import (
    RANGES,
    STATES,
    CheckGroup,
    CheckRow,
    ChecksPage,
    CheckStory,
    check_rows,
    check_story,
    checks_for_api,
    checks_page,
    state_of,
)
from monitoring.selectors.readiness import POLL_LATE_SECONDS, oldest_due_check
from monitoring.selectors.watch import (
    PlannedWatch,
    findings_of,
    findings_of_verdict,
    planned_watches,
    watch_states,
)

__all__ = [
    "POLL_LATE_SECONDS",
    "RANGES",
    "STATES",
    "CheckGroup",
    "CheckRow",
    "CheckStory",
    "ChecksPage",
    "PlannedWatch",
    "check_rows",
    "check_story",
    "checks_for_api",
    "checks_page",
    "findings_of",
    "findings_of_verdict",
    "oldest_due_check",
    "planned_watches",
    "state_of",
    "watch_states",
]
