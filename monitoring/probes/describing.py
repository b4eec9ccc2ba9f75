"""What a check asks, in a few words: for lists and pages, from what was saved."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from monitoring.probes.definitions import Kind
from postdeploy.lib.words import duration, plural


def asked(kind: str, options: Mapping[str, Any]) -> str:
    """What a check of a kind asks beside its target, such as ``every 15 min, 1 min of grace``."""
    if kind == Kind.HEARTBEAT:
        return _heartbeat(options)
    if kind == Kind.FLOW:
        steps = sum(line.startswith("###") for line in str(options.get("steps", "")).splitlines())
        return plural(steps, "step")
    if kind == Kind.RECONCILIATION:
        return " and ".join(_side(options.get(side)) for side in ("left", "right"))
    if kind == Kind.DNS:
        resolver = options.get("resolver")
        return f"{options.get('record', 'A')} records{f', asked of {resolver}' if resolver else ''}"
    return ""


def _heartbeat(options: Mapping[str, Any]) -> str:
    grace = duration(timedelta(seconds=options.get("grace_seconds", 60)))
    if options.get("cron"):
        return f"{options['cron']} ({options.get('time_zone', 'UTC')}), {grace} of grace"
    return f"every {duration(timedelta(seconds=options.get('period_seconds', 0)))}, {grace} of grace"


def _side(side: object) -> str:
    if not isinstance(side, Mapping):
        return "?"
    return str(side.get("name") or side.get("metric") or side.get("url") or "?")
