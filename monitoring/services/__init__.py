"""Changes of this floor: periods, verdicts, checks, metrics."""

from monitoring.services.alerting import judge_rules
from monitoring.services.bulk import BulkResult, change_checks, pause_checks, resume_checks
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
from monitoring.services.locations import mind_locations
from monitoring.services.maintenance import end_maintenance, plan_maintenance
from monitoring.services.metrics import NamesRefused, Sender, Taken, Untimely, ingest
from monitoring.services.periods import open_periods
from monitoring.services.pings import TooManyPings, record_ping
from monitoring.services.policies import ensure_policy, pin_reference, save_policy
from monitoring.services.pulled_sources import (
    PulledFacts,
    add_pulled_source,
    change_pulled_source,
    definition_of,
    delete_pulled_source,
    pause_source,
    pull_soon,
    resume_source,
)
from monitoring.services.pulling import pull_sources
from monitoring.services.replaying import (
    configured_metrics,
    request_replay,
    run_replays,
    run_whole_replay,
    stop_replay,
    switch_on,
)
from monitoring.services.retention import save_retention
from monitoring.services.rules import (
    answer_alert,
    complete_rule,
    delete_objective,
    delete_rule,
    guard_objective,
    mute_rule,
    pause_rule,
    refuse_senseless,
    resume_rule,
    save_objective,
    save_rule,
    unmute_rule,
    validate_rule,
)
from monitoring.services.rulings import rule, withdraw
from monitoring.services.series import Rehearsal, rehearse
from monitoring.services.sources import (
    count_folded,
    ensure_source,
    forget_refusals,
    note_refusals,
    save_metric,
    sender_of,
    set_environment,
    set_max_series,
)

__all__ = [
    "BulkResult",
    "InputsChanged",
    "NamesRefused",
    "PulledFacts",
    "Rehearsal",
    "Sender",
    "Taken",
    "TooManyPings",
    "Untimely",
    "add_pulled_source",
    "answer_alert",
    "change_checks",
    "change_pulled_source",
    "check_refusals",
    "complete_rule",
    "configured_metrics",
    "count_folded",
    "definition_of",
    "delete_check",
    "delete_objective",
    "delete_pulled_source",
    "delete_rule",
    "end_maintenance",
    "ensure_policy",
    "ensure_source",
    "forget_refusals",
    "guard_objective",
    "ingest",
    "judge_again",
    "judge_periods",
    "judge_rules",
    "mind_locations",
    "mute_rule",
    "note_refusals",
    "open_periods",
    "pause_check",
    "pause_checks",
    "pause_rule",
    "pause_source",
    "pin_reference",
    "plan_maintenance",
    "pull_soon",
    "pull_sources",
    "read_soon",
    "record_ping",
    "refuse_senseless",
    "rehearse",
    "request_replay",
    "resume_check",
    "resume_checks",
    "resume_rule",
    "resume_source",
    "rule",
    "run_replays",
    "run_whole_replay",
    "save_check",
    "save_metric",
    "save_objective",
    "save_policy",
    "save_retention",
    "save_rule",
    "sender_of",
    "set_environment",
    "set_max_series",
    "stop_replay",
    "switch_on",
    "unmute_rule",
    "validate",
    "validate_rule",
    "withdraw",
]
