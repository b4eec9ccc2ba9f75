"""PURE: ready-made alert rules for what a project measures, by what sort of number it is."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

HOUR, MINUTE = 3_600, 60


@dataclass(frozen=True, slots=True)
class Measured:
    """One metric of a project, as far as a suggestion needs it. Words as in the database."""

    pk: int
    key: str
    name: str
    unit: str
    kind: str
    bad_direction: str
    hard_limit: float | None = None
    capacity: float | None = None


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A rule that somebody may want: `definition` are the fields of a rule, `why` one sentence."""

    key: str
    name: str
    why: str
    definition: dict[str, Any] = field(hash=False)


def suggestions(metrics: Iterable[Measured], *, has_checks: bool) -> list[Suggestion]:
    """Return what may be worth a rule, the most telling first."""
    found = [one for metric in metrics for one in _of_metric(metric)]
    return ([*_of_checks()] if has_checks else []) + found


def _of_checks() -> Iterator[Suggestion]:
    certificate: dict[str, Any] = {"kind": "THRESHOLD", "aspect": "certificate_days", "direction": "BELOW"}
    certificate |= {
        "aggregate": "MIN",
        "threshold": 14.0,
        "clear_threshold": 20.0,
        "window_seconds": 6 * HOUR,
        "severity": "MAJOR",
    }
    yield Suggestion(
        "checks:certificate", "A certificate runs out", "Two weeks are time enough to renew it.", certificate
    )
    yield Suggestion(
        "checks:slower",
        "A check answers more slowly than last week",
        "What was normal at this time a week ago is the best measure of slow.",
        {"aspect": "response_time", "aggregate": "P95", "severity": "MINOR"}
        | _rise(100, versus="WEEK", hold=15 * MINUTE),
    )


def _of_metric(metric: Measured) -> Iterator[Suggestion]:
    for part, name, why, definition in _wanted(metric):
        yield Suggestion(f"{metric.key}:{part}", name, why, {"metric": metric.pk, **definition})


Wanted = tuple[str, str, str, dict[str, Any]]


def _wanted(metric: Measured) -> Iterator[Wanted]:
    if metric.hard_limit is not None and metric.bad_direction != "BOTH":
        yield _limit(metric, metric.hard_limit)
    elif metric.capacity is not None:
        yield "capacity", f"{metric.name} is nearly full", "90 % of its limit.", _above(0.9 * metric.capacity)
    elif metric.kind in _BY_KIND:
        yield _BY_KIND[metric.kind](metric)
    if metric.kind in ("THROUGHPUT", "BUSINESS_COUNT"):
        why = "Silence is not health: nothing arrives when nothing is sent, or when nobody comes."
        silent = {"kind": "ABSENCE", "window_seconds": 15 * MINUTE, "severity": "MAJOR"}
        yield "silent", f"{metric.name} has gone silent", why, silent


def _limit(metric: Measured, limit: float) -> Wanted:
    is_up = metric.bad_direction == "UP"
    bound = {
        "direction": "ABOVE" if is_up else "BELOW",
        "threshold": limit,
        "clear_threshold": limit * (0.9 if is_up else 1.1),
    }
    if limit <= 0:
        bound["clear_threshold"] = limit
    way = "above" if is_up else "below"
    definition = {"kind": "THRESHOLD", "window_seconds": 5 * MINUTE, "hold_seconds": 5 * MINUTE, "severity": "CRITICAL"}
    return (
        "limit",
        f"{metric.name} is {way} its hard limit",
        "A deployment fails there; so may anything.",
        definition | bound,
    )


def _above(threshold: float, *, severity: str = "MAJOR") -> dict[str, Any]:
    bounds = {"direction": "ABOVE", "threshold": threshold, "clear_threshold": 0.9 * threshold}
    return {
        "kind": "THRESHOLD",
        **bounds,
        "window_seconds": 5 * MINUTE,
        "hold_seconds": 10 * MINUTE,
        "severity": severity,
    }


def _rise(percent: float, *, versus: str, hold: int = 10 * MINUTE) -> dict[str, Any]:
    return _change("ABOVE", percent, versus, hold)


def _fall(percent: float, *, versus: str, hold: int = 10 * MINUTE) -> dict[str, Any]:
    return _change("BELOW", -percent, versus, hold)


def _change(direction: str, percent: float, versus: str, hold: int) -> dict[str, Any]:
    compared = {"versus": versus, "is_relative": True, "direction": direction, "threshold": percent}
    return {
        "kind": "RATE_OF_CHANGE", **compared, "clear_threshold": percent / 2, "window_seconds": 15 * MINUTE,
        "hold_seconds": hold,
    }  # fmt: skip


def _latency(metric: Measured) -> Wanted:
    name, why = f"{metric.name} is slower than last week", "Half as slow again as at the same time a week ago."
    return "slower", name, why, {**_rise(50, versus="WEEK"), "severity": "MAJOR"}


def _error_rate(metric: Measured) -> Wanted:
    threshold = 5.0 if metric.unit == "%" else 0.05
    why = "One in twenty fails: people notice."
    return "errors", f"{metric.name} is above 5 %", why, _above(threshold, severity="CRITICAL")


def _errors(metric: Measured) -> Wanted:
    name, why = f"{metric.name} is three times last week's", "Some errors are normal; three times as many are not."
    return "errors", name, why, {**_rise(200, versus="WEEK"), "severity": "MAJOR"}


def _cpu(metric: Measured) -> Wanted:
    threshold = 90.0 if metric.unit == "%" else 0.9
    return "busy", f"{metric.name} is above 90 %", "Little is left for a busy hour.", _above(threshold)


def _traffic(metric: Measured) -> Wanted:
    name, why = f"{metric.name} is half of last week's", "People stay away, or cannot come in."
    return "fewer", name, why, {**_fall(50, versus="WEEK"), "severity": "MAJOR"}


def _ratio(metric: Measured) -> Wanted:
    name, why = f"{metric.name} fell since yesterday", "A tenth less than at the same time a day ago."
    return "lower", name, why, {**_fall(10, versus="DAY"), "severity": "MINOR"}


def _other(metric: Measured) -> Wanted:
    if metric.bad_direction == "DOWN":
        return _ratio(metric)
    name, why = f"{metric.name} is three times yesterday's", "It piles up."
    return "more", name, why, {**_rise(200, versus="DAY"), "severity": "MINOR"}


_BY_KIND = {
    "LATENCY": _latency,
    "ERROR_RATE": _error_rate,
    "ERROR_COUNT": _errors,
    "CPU": _cpu,
    "THROUGHPUT": _traffic,
    "BUSINESS_COUNT": _traffic,
    "RATIO": _ratio,
    "OTHER": _other,
}
