"""Reads across checks, metrics, periods and verdicts; all of them answer plain data in a fixed number of queries."""

from monitoring.selectors.check_story import CheckStory, check_story
from monitoring.selectors.checks import (
    STATES,
    CheckGroup,
    CheckRow,
    ChecksPage,
    check_rows,
    checks_for_api,
    checks_page,
    matches,
    state_of,
)
from monitoring.selectors.coverage import NotWatched, not_watched, not_watched_in, push_line, report_line
from monitoring.selectors.facts import facts_of
from monitoring.selectors.heartbeats import latest_pings, ping_line, ping_url
from monitoring.selectors.lines import lines_of, read_lines, unit_of
from monitoring.selectors.locations import locations
from monitoring.selectors.readiness import POLL_LATE_SECONDS, poll_lag
from monitoring.selectors.readings import latest_readings
from monitoring.selectors.references import ComparedWith, compared_with, comparison_of, references_for
from monitoring.selectors.spans import RANGES, Span, span_of
from monitoring.selectors.watch import (
    PlannedWatch,
    findings_of,
    findings_of_verdict,
    planned_watches,
    policies_of,
    watch_states,
)
from monitoring.watch import Period, WatchState

__all__ = [
    "POLL_LATE_SECONDS",
    "RANGES",
    "STATES",
    "CheckGroup",
    "CheckRow",
    "CheckStory",
    "ChecksPage",
    "ComparedWith",
    "NotWatched",
    "Period",
    "PlannedWatch",
    "Span",
    "WatchState",
    "check_rows",
    "check_story",
    "checks_for_api",
    "checks_page",
    "compared_with",
    "comparison_of",
    "facts_of",
    "findings_of",
    "findings_of_verdict",
    "latest_pings",
    "latest_readings",
    "lines_of",
    "locations",
    "matches",
    "not_watched",
    "not_watched_in",
    "ping_line",
    "ping_url",
    "planned_watches",
    "policies_of",
    "poll_lag",
    "push_line",
    "read_lines",
    "references_for",
    "report_line",
    "span_of",
    "state_of",
    "unit_of",
    "watch_states",
]
