"""Reconciliations: two numbers that should agree, such as orders taken and payments booked. Data accuracy, measured."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from monitoring.conditions import Answer, Condition, find, parse_json_path
from monitoring.conditions.answers import NotJson
from monitoring.conditions.kinds import Difference
from monitoring.conditions.paths import Steps
from monitoring.conditions.problems import ConditionRefused
from monitoring.conditions.words import number, shown
from monitoring.probes.certificates import client_certificate
from monitoring.probes.definitions import Definition
from monitoring.probes.facts import Facts
from monitoring.probes.faults import Faults
from monitoring.probes.http import WELL, request_headers, seen_of
from monitoring.probes.readings import FailureKind, Seen, StepSeen
from monitoring.probes.secrets import Secrets
from postdeploy.lib.addresses import Network
from postdeploy.lib.http import Request, Timings, fetch_many

#: What is read of a metric: its latest value, the sum of its values, how much a counter grew.
READS = ("latest", "sum", "increase")
SIDES = ("left", "right")
EQUAL = Difference("==", 0.0)
LONGEST = 90 * 86_400


@dataclass(frozen=True, slots=True)
class Side:
    """Where one of the numbers comes from: a value in JSON at an address, or a metric over a stretch of time."""

    name: str
    request: Request | None = None
    path: str = ""
    steps: Steps = ()
    metric: str = ""
    read: str = "latest"
    over: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class ReconciliationCheck:
    """Two sides, and how far they may be apart."""

    left: Side
    right: Side
    conditions: tuple[Condition, ...] = (EQUAL,)
    timeout_ms: int = 10_000
    hidden: tuple[str, ...] = ()

    @property
    def needs_facts(self) -> bool:
        """True when a side is a metric."""
        return bool(self.left.metric or self.right.metric)

    @property
    def metrics(self) -> Mapping[str, Side]:
        """The sides that are metrics, by name."""
        return {name: side for name, side in zip(SIDES, (self.left, self.right), strict=True) if side.metric}

    def look(
        self, allowed_networks: Iterable[Network | str], *, facts: Facts | None = None, **_unneeded: object
    ) -> Seen:
        """Fetch both numbers at once and lay them side by side."""
        asked = [(name, side) for name, side in zip(SIDES, (self.left, self.right), strict=True) if side.request]
        outcomes = fetch_many([side.request for _, side in asked if side.request], allowed_networks)
        got = {
            name: self._fetched(side, seen_of(outcome)) for (name, side), outcome in zip(asked, outcomes, strict=True)
        }
        for name, side in self.metrics.items():
            got[name] = _measured(side, (facts or Facts()).numbers.get(name))
        return self._side_by_side(got["left"], got["right"])

    def _fetched(self, side: Side, seen: Seen) -> "tuple[float | None, Seen, FailureKind | None, str]":
        if seen.failure or seen.answer is None:
            return None, seen, seen.failure or FailureKind.OTHER, f"{side.name}: {seen.detail}"
        if complaint := WELL.complaint(seen.answer):
            return None, seen, FailureKind.STATUS, f"{side.name}: {complaint}"
        try:
            value = find(seen.answer.document(), side.steps)
        except NotJson as error:
            return None, seen, FailureKind.JSON, f"{side.name}: {error}"
        amount = _number(value)
        if amount is None:
            what = shown(value) if isinstance(value, str | int | float | bool | list | dict | None) else "not there"
            return None, seen, FailureKind.JSON, f"{side.name}: {side.path} is {what}, expected a number"
        return amount, seen, None, ""

    def _side_by_side(self, left: "_Got", right: "_Got") -> Seen:
        phases = Timings(total_ms=max(left[1].phases.total_ms, right[1].phases.total_ms))
        steps = tuple(
            StepSeen(side.name, value is not None, detail or number(value or 0.0), seen.phases)
            for side, (value, seen, _, detail) in ((self.left, left), (self.right, right))
        )
        for value, seen, failure, detail in (left, right):
            if value is None:
                answer = seen.answer
                return Seen(
                    answer=answer, failure=failure, detail=detail, phases=phases, steps=steps, address=seen.address
                )
        answer = Answer(phases.total_ms, left=left[0] or 0.0, right=right[0] or 0.0)
        words = f"{self.left.name} {number(answer.left)}, {self.right.name} {number(answer.right)}"
        return Seen(answer=answer, words=words, phases=phases, steps=steps)


_Got = tuple[float | None, Seen, FailureKind | None, str]


def _measured(side: Side, value: float | None) -> _Got:
    if value is None:
        return None, Seen(), FailureKind.NUMBER, f"{side.name}: the metric {side.metric} has no sample"
    return value, Seen(), None, ""


def _number(value: object) -> float | None:
    """A JSON number, or a text that is one."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float | str):
        try:
            amount = float(value)
        except (ValueError, OverflowError):
            return None
        return amount if amount - amount == 0 else None  # neither NaN nor infinite
    return None


def compile_reconciliation(row: Definition, faults: Faults) -> ReconciliationCheck | None:
    """The check of a definition, or ``None`` with its faults noted."""
    faults.only(row.options, dict.fromkeys(SIDES, dict))
    secrets = faults.secrets(row)
    left, right = (_side(row, name, secrets, faults) for name in SIDES)
    conditions = faults.conditions(row)
    faults.timeout_s(row)
    if faults.found or left is None or right is None:
        return None
    has_difference = any(isinstance(condition, Difference) for condition in conditions)
    return ReconciliationCheck(
        left, right, conditions if has_difference else (EQUAL, *conditions), row.timeout_ms, secrets.hidden()
    )


_SIDE = ("name", "url", "path", "metric", "read", "over_seconds")


def _side(row: Definition, which: str, secrets: Secrets, faults: Faults) -> Side | None:
    options: Any = row.options.get(which)
    if not isinstance(options, Mapping):
        faults.note(f"options.{which}", "Say where this number comes from: an address and a path, or a metric.")
        return None
    if unknown := sorted(set(options) - set(_SIDE)):
        faults.note(f"options.{which}", f"{unknown[0]} is not known here; a number has {', '.join(_SIDE)}.")
    texts = {name: str(options.get(name) or "").strip() for name in _SIDE}
    if bool(texts["url"]) == bool(texts["metric"]):
        faults.note(f"options.{which}", "Give an address or the key of a metric; not both.")
        return None
    if texts["metric"]:
        return _metric_side(which, options, texts, faults)
    return _url_side(row, which, texts, secrets, faults)


def _metric_side(which: str, options: Mapping[str, Any], texts: Mapping[str, str], faults: Faults) -> Side:
    read, over = texts["read"] or "latest", options.get("over_seconds", 3600)
    if read not in READS:
        faults.note(f"options.{which}.read", f"What is read of a metric is one of {', '.join(READS)}.")
    if not isinstance(over, int) or isinstance(over, bool) or not 1 <= over <= LONGEST:
        faults.note(f"options.{which}.over_seconds", "The stretch of time must be between 1 second and 90 days.")
        over = 1
    return Side(texts["name"] or texts["metric"], metric=texts["metric"], read=read, over=timedelta(seconds=over))


def _url_side(row: Definition, which: str, texts: Mapping[str, str], secrets: Secrets, faults: Faults) -> Side | None:
    url = faults.url(f"options.{which}.url", texts["url"])
    steps: Steps = ()
    try:
        steps = parse_json_path(texts["path"])
    except ConditionRefused as refused:
        faults.note(f"options.{which}.path", str(refused))
    headers, certificate = request_headers(secrets, faults), client_certificate(secrets, faults)
    if faults.found:
        return None
    request = faults.request(
        url=url, headers=headers, timeout_s=row.timeout_ms / 1000, follow=True, certificate=certificate
    )
    return Side(texts["name"] or which, request=request, path=texts["path"] or "$", steps=steps)
