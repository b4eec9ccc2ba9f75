"""Judging past deployments once more: what was asked, one deployment at a time, what came of it."""

from monitoring.services.replaying.requests import (
    MOST_DEPLOYMENTS,
    configured_metrics,
    request_replay,
    stop_replay,
    switch_on,
)
from monitoring.services.replaying.sweep import run_replays, run_whole_replay

__all__ = [
    "MOST_DEPLOYMENTS",
    "configured_metrics",
    "request_replay",
    "run_replays",
    "run_whole_replay",
    "stop_replay",
    "switch_on",
]
