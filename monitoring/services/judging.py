"""Looking at periods: what is found is kept as a verdict with its findings; each period gets one that stands."""

import json
import logging
import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db import InterfaceError, OperationalError, transaction

from monitoring.judge import RULE_VERSION
from monitoring.judge import facts as judged
from monitoring.judge.looks import LookPlan, look_plan, look_times
from monitoring.models import Finding, MonitoringPeriod, PeriodStatus, Result, Verdict
from monitoring.services.evidence import Evidence, from_json, gather, hold, judge, to_json, window_of
from monitoring.signals import verdict_reached
from monitoring.watch import BAD
from postdeploy.lib.bells import ring
from postdeploy.lib.sweeps import each

logger = logging.getLogger(__name__)

#: Planned looks at a period: after 1/32 of it, then each time after twice as long, the last one at its end.
LOOKS = 6
#: Looks in between see whether a check is down or a hard limit broken; so many in a period, but not more often than:
LOOKS_BETWEEN = 60
SHORTEST_PAUSE = timedelta(seconds=5)
#: A period whose judging fails is tried again after this long, and given up so long after its end.
PARKED = timedelta(minutes=1)
GIVEN_UP_AFTER = timedelta(minutes=10)
#: Periods that one sweep looks at; the next sweep goes on.
BATCH = 200


def judge_periods(*, now: datetime) -> int:
    """Look at every period whose time has come; return how many verdicts were written."""
    due = list(MonitoringPeriod.objects.due_for_look(at=now).values_list("pk", flat=True)[:BATCH])
    return each(due, lambda pk: _look_or_park(pk, now), name="judge_periods")


def judge_again(verdict: Verdict) -> judged.Judgement:
    """Judge what `verdict` was reached on once more; InputsChanged if its samples are not what they were."""
    return judge(from_json(verdict.inputs))


def _look_or_park(pk: int, now: datetime) -> bool:
    try:
        return _look(pk, now)
    except (OperationalError, InterfaceError):
        raise  # the database is everybody's
    except Exception as error:
        logger.exception("period %s could not be judged", pk)
        _park(pk, now, error)
        return False


def _look(pk: int, now: datetime) -> bool:
    """Look at one period; True when a verdict was written."""
    with transaction.atomic():
        due = MonitoringPeriod.objects.due_for_look(at=now)
        due = due.select_for_update(skip_locked=True, no_key=True, of=("self",))
        period = due.filter(pk=pk).select_related("deployment").first()
        if period is None:  # another worker was first
            return False
        verdict = None if _is_settled(period, now) else _judge(period, now)
        _move_on(period, now)
        if verdict is not None:
            ring(verdict_reached, verdict_id=verdict.pk)
    return verdict is not None


def _is_settled(period: MonitoringPeriod, now: datetime) -> bool:
    """Whether nothing that a look could find would change what stands; a bad verdict is completed at the end."""
    return period.result == Result.FAILED and now < period.closes_at


# --- one look ---------------------------------------------------------------------------------------------------------


def _judge(period: MonitoringPeriod, now: datetime) -> Verdict | None:
    window = window_of(period, now)
    plan = _plan(period, window.looked_at)
    is_over = window.looked_at >= window.closes_at
    # a period that was cut short can still be found bad, but cannot be cleared
    is_last = is_over and period.status == PeriodStatus.OPEN
    is_planned = is_over or _looks_due(period, window.looked_at) > period.looks_taken
    if not is_planned:
        # no statistics at a glance: so many looks would raise more false alarms than the period may
        no_budget = replace(plan, budget=0.0)
        glance = judge(gather(period, window=window, look=no_budget, is_last=False, conditions_only=True))
        if glance.result not in BAD:
            return None
    evidence = gather(period, window=window, look=plan, is_last=is_last)
    return _keep(period, judge(evidence), evidence, now)


def _times(period: MonitoringPeriod) -> tuple[float, ...]:
    return look_times(period.opens_at.timestamp(), period.closes_at.timestamp(), LOOKS)


def _plan(period: MonitoringPeriod, at: float) -> LookPlan:
    return look_plan(_times(period), period.opens_at.timestamp(), at)


def _looks_due(period: MonitoringPeriod, at: float) -> int:
    """How many planned looks have come by then."""
    return sum(time <= at for time in _times(period))


def _keep(period: MonitoringPeriod, judgement: judged.Judgement, evidence: Evidence, now: datetime) -> Verdict | None:
    """Write the look down, and let it stand if it is the last one or finds something bad."""
    result = str(judgement.result) if judgement.result else None
    if period.result is not None:  # what stands is replaced by worse, or at the end by the same with all findings
        is_worse = result == Result.FAILED and period.result != Result.FAILED
        if not is_worse and not (evidence.is_last and result == period.result):
            return None
        period.verdicts.final().update(is_final=False)
    is_final = evidence.is_last or result in BAD
    verdict = Verdict.objects.create(
        period=period,
        looked_at=now,
        result=result,
        is_final=is_final,
        sentence=judgement.sentence,
        reasons=list(judgement.reasons),
        rule_version=RULE_VERSION,
        inputs=_finite(to_json(evidence)),
    )
    Finding.objects.bulk_create(_findings(verdict, judgement, evidence))
    hold(evidence, verdict_id=verdict.pk)
    if is_final and result != period.result:
        period.result, period.decided_at = result, now
    return verdict


def _findings(verdict: Verdict, judgement: judged.Judgement, evidence: Evidence) -> list[Finding]:
    series = {m.facts.key: m.series_id for m in evidence.metrics} | {c.facts.key: c.series_id for c in evidence.checks}
    checks = {c.facts.key: c.check_id for c in evidence.checks}
    return [
        Finding(
            verdict=verdict,
            series_id=series.get(found.key) or None,
            health_check_id=checks.get(found.key),
            key=found.key,
            name=found.name[:200],
            result=str(found.result),
            is_critical=found.is_critical,
            sentence=found.sentence,
            position=position,
            facts=_finite(found.to_dict()),
        )
        for position, found in enumerate(judgement.findings)
    ]


def _finite(value: Any) -> Any:
    """Replace what JSON cannot hold (NaN, infinities) by null, at any depth."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(part) for key, part in value.items()}
    return [_finite(part) for part in value] if isinstance(value, list | tuple) else value


# --- what comes next --------------------------------------------------------------------------------------------------


def _move_on(period: MonitoringPeriod, now: datetime) -> None:
    """Set when the next look is due, or close what is over."""
    period.looks_taken = _looks_due(period, now.timestamp())
    if period.status == PeriodStatus.SUPERSEDED:
        period.next_look_at = None
    elif now >= period.closes_at:
        period.status, period.ended_at, period.next_look_at = PeriodStatus.CLOSED, period.closes_at, None
    else:
        period.next_look_at = _next_look(period, now)
    period.save(update_fields=["status", "ended_at", "next_look_at", "looks_taken", "result", "decided_at"])


def _next_look(period: MonitoringPeriod, now: datetime) -> datetime:
    if period.result == Result.FAILED:
        return period.closes_at
    pause = max(period.length / LOOKS_BETWEEN, SHORTEST_PAUSE, timedelta(seconds=2 * period.interval_seconds))
    planned = next((time for time in _times(period) if time > now.timestamp()), None)
    until_planned = timedelta(seconds=planned - now.timestamp()) if planned else period.closes_at - now
    return min(now + pause, now + until_planned, period.closes_at)


def _park(pk: int, now: datetime, error: Exception) -> None:
    """Try again a little later; long after its end give up, and say so: that is not healthy."""
    with transaction.atomic():
        rows = MonitoringPeriod.objects.due_for_look(at=now).select_for_update(skip_locked=True, no_key=True)
        period = rows.filter(pk=pk).first()
        if period is None:
            return
        if period.status == PeriodStatus.OPEN and now < period.closes_at + GIVEN_UP_AFTER:
            period.next_look_at = now + PARKED
            period.save(update_fields=["next_look_at"])
            return
        if period.result is None and period.status == PeriodStatus.OPEN:
            _give_up(period, now, error)
        _move_on(period, now)


def _give_up(period: MonitoringPeriod, now: datetime, error: Exception) -> None:
    verdict = Verdict.objects.create(
        period=period,
        looked_at=now,
        result=Result.INCONCLUSIVE,
        is_final=True,
        sentence="It could not be judged: the judge failed. The log of the installation says why.",
        reasons=["JUDGE_FAILED"],
        rule_version=RULE_VERSION,
        inputs={"error": json.dumps(str(error))[:500]},
    )
    period.result, period.decided_at = Result.INCONCLUSIVE, now
    ring(verdict_reached, verdict_id=verdict.pk)
