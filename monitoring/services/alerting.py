"""The sweep of alert rules: each is judged at every moment of its grid that has come, whoever runs when.

An alert is a row from its first breach on; what does not last leaves none. Which moments were judged is kept with the
rule, under its lock: two workers, or a crash in between, judge no moment twice and leave none out.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
from django.db import InterfaceError, OperationalError, transaction

from monitoring import rules
from monitoring.models import Aggregate, Alert, AlertEnd, AlertRule, AlertState
from monitoring.rules import Standing, Transition
from monitoring.selectors.rule_words import alert_sentence
from monitoring.selectors.rules import Reading, RuleFault, at, condition_of, readings, step_of, watched_by
from monitoring.signals import alert_fired, alert_resolved
from postdeploy.lib.bells import ring
from postdeploy.lib.sweeps import each

logger = logging.getLogger(__name__)

#: After an interruption so much is judged afterwards; older moments are history.
CATCH_UP = timedelta(hours=6)
#: Senders deliver in batches, often once a minute.
LAG = timedelta(minutes=1)
#: A rule that cannot be judged is tried again after this long.
PARKED = timedelta(minutes=1)
#: Rules that one sweep judges; the next sweep goes on.
BATCH = 500
#: What the sweep writes of an alert.
MEASURED = (
    "state", "began_at", "fired_at", "resolved_at", "seen_at", "value", "worst", "latest", "detail", "ended_by",
)  # fmt: skip
RULE_PARTS = ("project", "environment", "metric", "health_check", "objective__environment", "objective__health_check")


def judge_rules(*, now: datetime) -> int:
    """Judge every rule whose time has come; return at how many something changed."""
    due = list(AlertRule.objects.due(at=now).values_list("pk", flat=True)[:BATCH])
    return each(due, lambda pk: _judge_or_park(pk, now), name="judge_rules")


def _judge_or_park(pk: int, now: datetime) -> bool:
    try:
        with transaction.atomic():
            rule = _claimed(pk, now)
            return rule is not None and _judge(rule, now)
    except (OperationalError, InterfaceError):
        raise  # the database is everybody's
    except RuleFault as fault:
        _park(pk, now, str(fault))
    except Exception as error:
        logger.exception("rule %s could not be judged", pk)
        _park(pk, now, f"It could not be judged: {type(error).__name__}.")
    return False


def _claimed(pk: int, now: datetime) -> AlertRule | None:
    """Return the rule under its lock, None when another worker has it or was first."""
    rows = AlertRule.objects.due(at=now).filter(pk=pk).select_related(*RULE_PARTS)
    return rows.select_for_update(skip_locked=True, no_key=True, of=("self",)).first()


def _park(pk: int, now: datetime, sentence: str) -> None:
    AlertRule.objects.filter(pk=pk).update(error=sentence[:300], next_judge_at=now + PARKED)


def _judge(rule: AlertRule, now: datetime) -> bool:
    """Judge the moments that have come since the last time."""
    step, until = step_of(rule), now - _lag(rule)
    moments = rules.moments_between(_judged_until(rule, now).timestamp(), until.timestamp(), step)
    if not len(moments):
        AlertRule.objects.filter(pk=rule.pk).update(next_judge_at=now + timedelta(seconds=step), error="")
        return False
    found = readings(rule, watched_by(rule), moments)
    open_ones = {alert.key: alert for alert in rule.alerts.open().select_related("environment")}
    changed = [_apply(rule, reading, open_ones.get(reading.watched.key)) for reading in found]
    _keep(rule, at(moments[-1]), found)
    return any(changed)


def _lag(rule: AlertRule) -> timedelta:
    """Sums and counts wait for samples on their way: a late one would look like too few."""
    return LAG if rule.aggregate in (Aggregate.SUM, Aggregate.COUNT) else timedelta(0)


def _judged_until(rule: AlertRule, now: datetime) -> datetime:
    """A new rule looks back for as long as its condition must last, so that it need not wait for what is so already."""
    begin = timedelta(seconds=rule.hold_seconds + 2 * step_of(rule)) + _lag(rule)
    return max(rule.judged_until or now - begin, now - max(CATCH_UP, begin))


def _keep(rule: AlertRule, judged_until: datetime, found: Sequence[Reading]) -> None:
    """Remember how far the rule was judged; a sweep comes again when its next moment has come."""
    AlertRule.objects.filter(pk=rule.pk).update(
        judged_until=judged_until,
        next_judge_at=judged_until + timedelta(seconds=step_of(rule)) + _lag(rule),
        error="",
        series_count=len(found),
        silent_count=sum(not np.isfinite(reading.values[-1]) for reading in found),
    )


# --- one thing a rule looks at ----------------------------------------------------------------------------------------


@dataclass
class _Case:
    """The alert of one series while the moments are gone through, and what has to be written."""

    rule: AlertRule
    reading: Reading
    alert: Alert | None
    is_changed: bool = False
    bells: list[object] = field(default_factory=list)


def _apply(rule: AlertRule, reading: Reading, alert: Alert | None) -> bool:
    condition = condition_of(rule)
    walked = rules.walk(condition, reading.moments, reading.values, _standing(alert))
    case = _Case(rule, reading, alert)
    for change in walked.transitions:
        _ACTS[change.to](case, change)
    if case.alert is not None:
        _see(case, walked.standing, condition.direction)
        _write(case.alert)
    return case.is_changed


def _standing(alert: Alert | None) -> Standing:
    if alert is None:
        return Standing()
    return Standing(alert.state, alert.began_at.timestamp(), alert.seen_at.timestamp())


def _began(case: _Case, change: Transition) -> None:
    watched = case.reading.watched
    case.alert = Alert(
        rule=case.rule,
        series=watched.series,
        environment=watched.environment,
        key=watched.key,
        subject=watched.subject[:300],
        severity=case.rule.severity,
        began_at=at(change.at),
        seen_at=at(change.at),
        value=change.value,
        worst=change.value,
        latest=change.value,
    )
    case.is_changed = True


def _passed(case: _Case, change: Transition) -> None:
    """It was pending and did not last: no trace is left."""
    if case.alert is not None and case.alert.pk:
        case.alert.delete()
    case.alert, case.is_changed = None, True


def _fired(case: _Case, change: Transition) -> None:
    alert, rule = case.alert, case.rule
    if alert is None:
        raise ValueError("nothing was pending")
    alert.state, alert.fired_at, alert.began_at = AlertState.FIRING, at(change.at), at(change.since)
    alert.value, alert.severity, alert.is_muted = change.value, rule.severity, rule.muted_at is not None
    alert.detail = alert_sentence(rule, alert.subject, alert.environment.name, change.value)[:500]
    _write(alert, "is_muted", "severity")
    ring(alert_fired, alert_id=alert.pk)
    case.is_changed = True


def _resolved(case: _Case, change: Transition) -> None:
    alert = case.alert
    if alert is None:
        raise ValueError("nothing was firing")
    alert.state, alert.resolved_at, alert.ended_by = AlertState.RESOLVED, at(change.at), AlertEnd.MEASURED
    alert.seen_at, alert.latest = at(change.at), change.value
    _write(alert)
    ring(alert_resolved, alert_id=alert.pk)
    case.alert, case.is_changed = None, True


def _write(alert: Alert, *more: str) -> None:
    """Keep what was measured; what people say of an alert is not ours: it may have changed since."""
    alert.save(update_fields=None if alert._state.adding else [*MEASURED, *more])


_ACTS = {rules.PENDING: _began, rules.QUIET: _passed, rules.FIRING: _fired, rules.RESOLVED: _resolved}


def _see(case: _Case, standing: Standing, direction: str) -> None:
    """Keep the latest value of an open alert, and the worst since it began."""
    alert, reading = case.alert, case.reading
    if alert is None or standing.seen is None:
        return
    if standing.since is not None:
        alert.began_at = at(standing.since)
    own = reading.values[reading.moments >= alert.began_at.timestamp()]
    own = own[np.isfinite(own)]
    if len(own):
        worst = np.max if direction == "ABOVE" else np.min
        alert.latest = float(own[-1])
        alert.worst = float(worst(np.append(own, alert.worst)))
    alert.seen_at = at(standing.seen)
