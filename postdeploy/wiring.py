"""The whole flow on one page: which bell wakes which task, what beats when, and what the ground takes from the floors.

Everything is named by string, so that the ground imports no floor; a house-rule test resolves every name.
"""

from typing import Any

# Polls are kept apart: they wait on other people's servers, the flow must not wait behind them. The workers of a named
# location read a queue of their own, such as `polls.eu-west`, which `mind_locations` fills.
QUEUES = ("flow", "polls")
#: Tasks that are not of the first queue, with theirs.
ROUTES = {"monitoring.tasks.poll_due": "polls", "monitoring.tasks.pull_sources": "polls"}

# (bell, task): a bell is a signal rung after commit, the task is a sweep. A lost bell heals on the next beat.
BELLS = (
    ("deployments.signals.deployment_finished", "monitoring.tasks.open_periods"),
    ("monitoring.signals.period_opened", "monitoring.tasks.poll_due"),
    ("monitoring.signals.source_due", "monitoring.tasks.pull_sources"),
    ("monitoring.signals.outage_began", "monitoring.tasks.judge_periods"),
    ("monitoring.signals.outage_began", "issues.tasks.open_issues"),
    ("monitoring.signals.outage_ended", "issues.tasks.verify_issues"),
    ("monitoring.signals.replay_requested", "monitoring.tasks.run_replays"),
    ("monitoring.signals.alert_fired", "issues.tasks.open_issues"),
    ("monitoring.signals.alert_resolved", "issues.tasks.verify_issues"),
    ("monitoring.signals.verdict_reached", "issues.tasks.open_issues"),
    ("monitoring.signals.verdict_reached", "support.tasks.announce_verdicts"),
    ("monitoring.signals.verdict_reached", "reports.tasks.summarise_deployments"),
    ("issues.signals.issue_changed", "support.tasks.route_issues"),
    ("issues.signals.issue_changed", "reports.tasks.summarise_deployments"),
    ("support.signals.assignment_made", "support.tasks.announce_issues"),
    ("support.signals.notification_queued", "support.tasks.send_notifications"),
    ("reports.signals.lesson_written", "reports.tasks.summarise_deployments"),
)

# task: seconds between two beats.
BEATS = {
    "monitoring.tasks.poll_due": 1,
    "monitoring.tasks.mind_locations": 2,
    "monitoring.tasks.pull_sources": 2,
    "postdeploy.tasks.tick": 2,
    "monitoring.tasks.judge_periods": 2,
    "monitoring.tasks.judge_rules": 5,
    "monitoring.tasks.open_periods": 5,
    "monitoring.tasks.run_replays": 5,
    "issues.tasks.open_issues": 5,
    "issues.tasks.verify_issues": 5,
    "support.tasks.route_issues": 5,
    "support.tasks.escalate_overdue": 2,
    "support.tasks.announce_issues": 5,
    "support.tasks.announce_verdicts": 5,
    "support.tasks.send_notifications": 5,
    "reports.tasks.summarise_deployments": 5,
    "postdeploy.tasks.forget_old_keys": 3600,
    "monitoring.tasks.compact_samples": 5,
    "monitoring.tasks.drop_old_samples": 3600,
}

# What a resource of a lower floor shows of the floors above it; see `postdeploy.lib.facets`.
FACETS = {
    "deployment": ("monitoring.facets.WatchFacet",),
    "issue": ("support.facets.TierFacet",),
}

# Parts of `/readyz` that only a floor can examine: name -> function returning `postdeploy.health.Part`.
READINESS = {
    "polls": "monitoring.selectors.poll_lag",
    "locations": "monitoring.selectors.locations.locations_ready",
    "samples": "monitoring.selectors.folding.samples_waiting",
}

CONTEXT_PROCESSORS = ("reports.navigation.navigation",)

# What adds to the API's description: addresses that are no endpoints of REST framework.
DESCRIBED = ("monitoring.ingest.described.add_ways_in",)


#: A tick that nobody took is dropped after this long: what comes later does its work. Hosts whose clocks are some
#: minutes apart must still take each other's ticks, since it is the worker's clock that says when one is too old.
TICK_EXPIRES_SECONDS = 600


def beat_schedule() -> dict[str, dict[str, Any]]:
    """Return Celery's beat schedule."""
    return {
        task: {"task": task, "schedule": float(seconds), "options": {"expires": max(seconds, TICK_EXPIRES_SECONDS)}}
        for task, seconds in BEATS.items()
    }
