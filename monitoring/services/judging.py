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
from monitoring.judge.looks import FALSE_ALARM_BUDGET, LookPlan, look_plan, look_times
from monitoring.models import Finding, MonitoringPeriod, PeriodStatus, Result, Verdict
from monitoring.services.blaming import Overlap, overlap_of, share
from monitoring.services.evidence import Evidence, InputsChanged, from_json, gather, hold, judge, to_json, window_of
from monitoring.services.overlap import LONGEST_ROLL_OUT, cut_for_now
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
    """Look at every period whose time has come, in each environment one after the other; return how many verdicts were
    written."""
    due, looked, written = MonitoringPeriod.objects.due_for_look(at=now).in_turn(at=now), set[int](), 0
    while turn := list(due.exclude(pk__in=looked).values_list("pk", flat=True)[: BATCH - len(looked)]):
        looked.update(turn)
        written += each(turn, lambda pk: _look_or_park(pk, now), name="judge_periods")
    return written


def judge_again(verdict: Verdict) -> judged.Judgement:
    """Judge what `verdict` was reached on once more; InputsChanged if its samples are not what they were."""
    evidence = from_json(verdict.inputs)
    judgement, _ = share(judge(evidence), evidence, Overlap.from_json(verdict.inputs.get("overlap")))
    return judgement


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
        cut_at = _cut_of(period, now)
        verdict = None if _is_settled(period, now, cut_at) else _judge(period, now, cut_at)
        _move_on(period, now, cut_at)
        if verdict is None and period.result in BAD and period.status != PeriodStatus.OPEN:
            verdict = complete_blame(period)
        if verdict is not None:
            ring(verdict_reached, verdict_id=verdict.pk)
    return verdict is not None


def _cut_of(period: MonitoringPeriod, now: datetime) -> datetime | None:
    """Where the roll-out under way would end the period; None without one, and when it is too late to wait for it."""
    if period.status != PeriodStatus.OPEN or now >= period.closes_at + LONGEST_ROLL_OUT:
        return None
    return cut_for_now(period.deployment, at=now)


def _is_settled(period: MonitoringPeriod, now: datetime, cut_at: datetime | None) -> bool:
    """Whether nothing that a look could find would change what stands; a bad verdict is completed at the end."""
    if cut_at and cut_at <= period.opens_at:
        return True  # nothing of it can be told from the roll-out under way
    if period.result is not None and period.status == PeriodStatus.SUPERSEDED:
        return True  # a verdict that was reached stays; only who may have caused it is still open
    return period.result == Result.FAILED and now < period.closes_at


# --- one look ---------------------------------------------------------------------------------------------------------


def _judge(period: MonitoringPeriod, now: datetime, cut_at: datetime | None) -> Verdict | None:
    """Look at what lies before `cut_at`, where the next roll-out begins; a look before the end says no HEALTHY."""
    window = window_of(period, min(now, cut_at or now))
    is_over = period.status == PeriodStatus.SUPERSEDED or window.looked_at >= window.closes_at
    # a period that was cut short can still be found bad, but cannot be cleared
    is_last = is_over and period.status == PeriodStatus.OPEN
    plan = _plan(period, window.looked_at, is_over=is_over)
    is_planned = is_over or _looks_due(period, window.looked_at) > period.looks_taken
    if not is_planned and _is_well_at_a_glance(period, window, plan):
        return None
    evidence = gather(period, window=window, look=plan, is_last=is_last)
    return _keep(period, judge(evidence), evidence, now)


def _is_well_at_a_glance(period: MonitoringPeriod, window: judged.Window, plan: LookPlan) -> bool:
    glance = judge(gather(period, window=window, look=plan, is_last=False, conditions_only=True))
    return glance.result not in BAD


def _times(period: MonitoringPeriod) -> tuple[float, ...]:
    return look_times(period.opens_at.timestamp(), period.closes_at.timestamp(), LOOKS)


def _plan(period: MonitoringPeriod, at: float, *, is_over: bool) -> LookPlan:
    """The plan of a look at `at`, with what it may spend: the share of the time since the look before.

    The last look spends what is left. A look that is not planned, or happens again, spends nothing: so many looks would
    raise more false alarms than the period may.
    """
    times = _times(period)
    moments = (period.opens_at.timestamp(), *times)
    spent_until = moments[period.looks_taken]
    spends_until = moments[-1] if is_over else moments[_looks_due(period, at)]
    share = max(0.0, spends_until - spent_until) / (moments[-1] - moments[0])
    return replace(look_plan(times, moments[0], at), budget=FALSE_ALARM_BUDGET * share)


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
    overlap = overlap_of(period, judgement, evidence)
    judgement, blame = share(judgement, evidence, overlap)
    is_final = evidence.is_last or result in BAD
    verdict = Verdict.objects.create(
        period=period,
        looked_at=now,
        result=result,
        is_final=is_final,
        sentence=judgement.sentence,
        reasons=list(judgement.reasons),
        rule_version=RULE_VERSION,
        inputs=_finite(to_json(evidence) | ({"overlap": overlap.to_json()} if overlap else {})),
        blame=[part.to_dict() for part in blame],
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


# --- who may have caused it, once more at the end ---------------------------------------------------------------------


def complete_blame(period: MonitoringPeriod) -> Verdict | None:
    """Share the blame of the bad verdict that stands with what is known at the end; None where nothing changes.

    Reports come late, and other watches find out more. The verdict stays what it is; nothing is told a second time.
    """
    verdict = period.verdicts.final().filter(result__in=BAD, rule_version=RULE_VERSION).first()
    if verdict is None:
        return None
    try:
        evidence = from_json(verdict.inputs)
    except InputsChanged:
        return None  # it stays as it was said
    judgement = judge(evidence)
    overlap = overlap_of(period, judgement, evidence)
    kept = _finite(overlap.to_json()) if overlap else None
    if str(judgement.result) != verdict.result or kept == verdict.inputs.get("overlap"):
        return None
    judgement, blame = share(judgement, evidence, overlap)
    verdict.inputs = {name: part for name, part in verdict.inputs.items() if name != "overlap"}
    verdict.inputs |= {"overlap": kept} if kept else {}
    verdict.sentence, verdict.reasons = judgement.sentence, list(judgement.reasons)
    verdict.blame = [part.to_dict() for part in blame]
    verdict.save(update_fields=["inputs", "sentence", "reasons", "blame"])
    facts = {found.key: _finite(found.to_dict()) for found in judgement.findings}
    rows = [row for row in verdict.findings.all() if row.key in facts]
    for row in rows:
        row.facts = row.facts | {name: facts[row.key][name] for name in ("blame", "reasons")}
    Finding.objects.bulk_update(rows, ["facts"])
    return verdict


# --- what comes next --------------------------------------------------------------------------------------------------


def _move_on(period: MonitoringPeriod, now: datetime, cut_at: datetime | None = None) -> None:
    """Set when the next look is due, or close what is over; a roll-out under way decides whether it was cut short."""
    seen_until = min(now, cut_at or now).timestamp()
    period.looks_taken = max(period.looks_taken, _looks_due(period, seen_until))
    if period.status == PeriodStatus.SUPERSEDED:
        period.looks_taken, period.next_look_at = LOOKS, None
    elif now >= period.closes_at and cut_at and cut_at < period.closes_at:
        period.next_look_at = now + PARKED
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
