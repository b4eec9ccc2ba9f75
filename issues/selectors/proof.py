"""Is it gone? What the checks behind an issue say of its resolution."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Max, Q

from issues import process
from issues.models import Issue
from monitoring.models import Alert, CheckState, Failure, Finding, HealthCheck, Outage, Series
from monitoring.selectors import latest_readings
from monitoring.selectors.gauges import median_response_ms
from monitoring.selectors.rules import clean_since
from postdeploy.lib import words

#: How long all sources must be clean before a resolution counts as proven.
PROOF = timedelta(minutes=10)
NOT_MEASURED = "Nothing that is polled shows it: a Maintainer verifies it and says why."


@dataclass(frozen=True)
class Proof:
    """What the measurements say of a resolution.

    `since` is when all sources became clean, None while one is not or none can tell (`why` says which); `needed` is how
    long they must stay clean, `measured_at` the latest reading that every source has.
    """

    needed: timedelta
    since: datetime | None = None
    measured_at: datetime | None = None
    why: str = ""
    is_down: bool = False

    @property
    def due_at(self) -> datetime | None:
        """When the issue becomes verified if nothing breaks it."""
        return self.since + self.needed if self.since else None

    @property
    def is_complete(self) -> bool:
        """True when every source was read clean at the end of the proof time or later."""
        return bool(self.due_at and self.measured_at and self.measured_at >= self.due_at)


def proof_time(issue: Issue) -> timedelta:
    """Return how long the sources of `issue` must be clean: ten minutes, or the initial period if that is shorter."""
    policy = getattr(issue.environment, "policy", None) if issue.environment else None
    return min(PROOF, timedelta(seconds=policy.initial_seconds)) if policy else PROOF


def checks_of(issue: Issue) -> list[HealthCheck]:
    """Return the checks whose outages or findings are sightings of `issue`."""
    findings = Finding.objects.filter(occurrence__issue=issue)
    seen = (
        Q(outages__occurrence__issue=issue)
        | Q(pk__in=findings.values("health_check"))
        | Q(pk__in=findings.values("series__health_check"))
    )
    return list(HealthCheck.objects.filter(seen).distinct().order_by("name"))


def alerts_of(issue: Issue) -> list[Alert]:
    """Return the latest alert of each rule and thing that are sightings of `issue`."""
    rows = Alert.objects.filter(occurrence__issue=issue).select_related(
        "rule__metric", "rule__health_check", "rule__objective__environment", "environment", "series", "answered_by"
    )
    latest = {(alert.rule_id, alert.key): alert for alert in rows.order_by("began_at", "pk")}
    return list(latest.values())


def proof_of(issue: Issue, *, now: datetime) -> Proof:
    """Return what the measurements say of a resolved issue; checks and alert rules can tell, people cannot."""
    needed, checks, alerts = proof_time(issue), checks_of(issue), alerts_of(issue)
    if not (checks or alerts) or issue.resolved_at is None:
        return Proof(needed, why=NOT_MEASURED)
    if obstacle := _obstacle(checks):
        return Proof(needed, why=obstacle, is_down=any(c.state == CheckState.DOWN for c in checks))
    by_checks = _proof_by_checks(issue, checks, needed, now) if checks else None
    if by_checks and by_checks.why:
        return by_checks
    return _with_alerts(by_checks, alerts, resolved_at=issue.resolved_at, needed=needed, now=now)


def _proof_by_checks(issue: Issue, checks: Sequence[HealthCheck], needed: timedelta, now: datetime) -> Proof:
    resolved_at = issue.resolved_at or now
    began_at = max([resolved_at, *(c.state_since for c in checks if c.state_since)])
    began_at = _latest_breach(checks, after=began_at) or began_at
    if slow := _slowdowns(issue):
        if still_slow := _still_slow(slow, max(began_at, now - needed), now):
            return Proof(needed, why=still_slow)
        began_at = max(began_at, issue.proof_since or now)
    latest = latest_readings([check.pk for check in checks])
    measured_at = min((latest[check.pk] for check in checks if check.pk in latest), default=None)
    return Proof(needed, began_at, measured_at)


def _with_alerts(
    proof: Proof | None, alerts: Sequence[Alert], *, resolved_at: datetime, needed: timedelta, now: datetime
) -> Proof:
    """Join what the alert rules measured since the resolution to what the checks say."""
    since, measured_at = (proof.since, proof.measured_at) if proof else (None, None)
    for alert in alerts:
        # only the end of the time since then can complete the proof
        clean = clean_since(alert, since=max(resolved_at, now - 2 * needed), now=now)
        if clean.measured_at is None:
            return Proof(needed, why=clean.why, is_down=clean.is_firing)
        ends = (clean.breached_at, alert.resolved_at)
        since = max([since or resolved_at, *(end for end in ends if end)])
        measured_at = min(measured_at or clean.measured_at, clean.measured_at)
    return Proof(needed, since, measured_at)


def _obstacle(checks: Sequence[HealthCheck]) -> str:
    """Return why nothing can be proven at the moment, or nothing."""
    for check in checks:
        if check.paused_at is not None:
            return f"{check.name} is paused: nothing is measured."
        if check.state == CheckState.DOWN:
            return f"{check.name} is still down."
        if check.state != CheckState.UP or check.first_reading_at is None:
            return f"{check.name} has not been read yet."
    return ""


def _latest_breach(checks: Sequence[HealthCheck], *, after: datetime) -> datetime | None:
    ids = [check.pk for check in checks]
    failed = Failure.objects.filter(health_check__in=ids, scheduled_at__gt=after)
    ended = Outage.objects.filter(health_check__in=ids, ended_at__gt=after)
    times = [
        failed.aggregate(at=Max("scheduled_at"))["at"],
        ended.aggregate(at=Max("ended_at"))["at"],
    ]
    return max((at for at in times if at), default=None)


def _slowdowns(issue: Issue) -> dict[HealthCheck, tuple[float, float]]:
    """Return for each check that was found slower its response time before and after, of the latest finding."""
    rows = Finding.objects.filter(occurrence__issue=issue, series__aspect=Series.RESPONSE_TIME)
    found: dict[HealthCheck, tuple[float, float]] = {}
    for finding in rows.select_related("series__health_check").order_by("verdict__looked_at"):
        before, after = finding.facts.get("before"), finding.facts.get("after")
        if finding.series and finding.series.health_check and before is not None and after is not None:
            found[finding.series.health_check] = (before, after)
    return found


def _still_slow(slow: Mapping[HealthCheck, tuple[float, float]], start: datetime, end: datetime) -> str:
    """Return which check is not as fast as before yet, or nothing."""
    for check, (before, after) in slow.items():
        current = median_response_ms(check.pk, start, end)
        if current is None:
            return f"{check.name} has not been read since."
        if not process.is_back(before=before, after=after, now=current):
            told = f"{words.quantity(round(current), 'ms')}, it was {words.quantity(round(before), 'ms')} before"
            return f"{check.name} still answers in {told}."
    return ""
