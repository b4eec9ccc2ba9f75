"""Between the flat fields of a form and the options of a check."""

from collections.abc import Mapping
from typing import Any

from monitoring.models import HealthCheck
from monitoring.probes import Kind

#: The options of each kind that are fields of the same name; the others are made of several fields.
OPTIONS: Mapping[str, tuple[str, ...]] = {
    Kind.HTTP: ("method", "body", "http_version", "follow"),
    Kind.TCP: ("send",),
    Kind.TLS: ("server_name",),
    Kind.DNS: ("record", "resolver"),
    Kind.FLOW: ("steps",),
}
_SIDE = {"name": "name", "url": "url", "path": "path", "metric": "metric", "read": "read", "over": "over_seconds"}


def options_of(kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The options that a form's values mean; empty ones are left out."""
    if kind == Kind.HEARTBEAT:
        return _heartbeat_options(values)
    if kind == Kind.RECONCILIATION:
        return {side: _side(side, values) for side in ("left", "right")}
    options = {name: values.get(name) for name in OPTIONS[kind]}
    return {name: value for name, value in options.items() if value not in ("", None)}


def _heartbeat_options(values: Mapping[str, Any]) -> dict[str, Any]:
    options = {"period_seconds": values.get("period"), "cron": values.get("cron"), "grace_seconds": values.get("grace")}
    if values.get("cron"):
        options["time_zone"] = values.get("time_zone") or "UTC"
    return {name: value for name, value in options.items() if value not in ("", None)}


def _side(side: str, values: Mapping[str, Any]) -> dict[str, Any]:
    found = {option: values.get(f"{side}_{field}") for field, option in _SIDE.items()}
    for unused in ("read", "over_seconds") if not found["metric"] else ("path",):
        found.pop(unused)
    return {name: value for name, value in found.items() if value not in ("", None)}


def stored_options(check: HealthCheck) -> dict[str, Any]:
    """The fields that a check's options fill."""
    options: Mapping[str, Any] = check.options
    if check.kind == Kind.HEARTBEAT:
        names = {"period": "period_seconds", "cron": "cron", "time_zone": "time_zone", "grace": "grace_seconds"}
        return {field: options[option] for field, option in names.items() if option in options}
    if check.kind == Kind.RECONCILIATION:
        return {
            f"{side}_{field}": options[side][option]
            for side in ("left", "right")
            for field, option in _SIDE.items()
            if option in options.get(side, {})
        }
    return {name: options[name] for name in OPTIONS[check.kind] if name in options}


def field_of(name: str) -> str:
    """The field beside which a refusal of ``options.left.url`` (or any other name) is shown."""
    parts = name.split(".")
    if parts[0] != "options":
        return parts[0]
    if parts[1] in ("left", "right"):
        tail = {"over_seconds": "over"}.get(parts[2], parts[2]) if len(parts) > 2 else "url"
        return f"{parts[1]}_{tail}"
    return {"period_seconds": "period", "grace_seconds": "grace"}.get(parts[1], parts[1])
