"""A look's judgement, from its evidence alone: the same evidence gives the same judgement."""

import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from monitoring.judge import phrases
from monitoring.judge.check import judge_check
from monitoring.judge.deployment import judge_deployment
from monitoring.judge.facts import Finding, FindingResult, Judgement, Reason, Series, Subject, Window
from monitoring.judge.levels import at_new_level
from monitoring.judge.metric import judge_metric
from monitoring.judge.stretches import (
    Stretch,
    between,
    cut,
    inside,
    is_mostly_inside,
    on_a_stopped_clock,
    ordinary,
    seconds,
    undisturbed,
)
from monitoring.services.evidence.mixing import with_mixes
from monitoring.services.evidence.shapes import Anomaly, Baseline, CheckEvidence, Evidence, MetricEvidence
from monitoring.services.evidence.wholes import wholes_of

logger = logging.getLogger(__name__)

#: So long before a deployment, and so many steps at least, most values were already as they are since: so many of them.
#: A roll-out whose begin nobody reported has mostly begun later than that.
_RIGHT_BEFORE, _RIGHT_BEFORE_STEPS, _SO_ALREADY = 600.0, 5, 0.8

_WORST_FIRST = (
    FindingResult.REGRESSED,
    FindingResult.NO_DATA,
    FindingResult.INCONCLUSIVE,
    FindingResult.IMPROVED,
    FindingResult.UNCHANGED,
)


def judge(evidence: Evidence) -> Judgement:
    """Judge all metrics and checks, and from them the deployment."""
    metrics = [*evidence.metrics, *wholes_of(evidence.metrics)]
    findings = with_mixes([_metric(metric, evidence) for metric in metrics], metrics, evidence.window)
    findings += [_check(check, evidence) for check in evidence.checks]
    judgement = judge_deployment(findings, window=evidence.window, look=evidence.look, is_last_look=evidence.is_last)
    if evidence.is_last and _is_all_of_it(evidence.planned, evidence.window):
        sentence = f"{judgement.sentence} Maintenance was planned all along."
        judgement = replace(judgement, reasons=(*judgement.reasons, Reason.PLANNED), sentence=sentence)
    if evidence.no_reference:
        sentence = f"{judgement.sentence} Compared with the hours before: {evidence.no_reference}."
        return replace(judgement, reasons=(*judgement.reasons, Reason.NO_REFERENCE), sentence=sentence)
    if evidence.pinned:
        return replace(judgement, sentence=f"{judgement.sentence} Compared with {evidence.pinned.version}.")
    return judgement


# --- metrics ----------------------------------------------------------------------------------------------------------


def _metric(metric: MetricEvidence, evidence: Evidence) -> Finding:
    try:
        finding = _planned(_at_new_level(metric, evidence), metric, evidence.window)
        finding = replace(finding, part_of=metric.metric if metric.labels else "")
    except Exception:  # one odd metric must not keep the others from being judged
        logger.exception("%s could not be judged (series %s)", metric.facts.key, metric.series_id)
        return _failed(metric)
    if evidence.pinned and not metric.is_pinned and finding.before is not None:
        words = f"It has no values under {evidence.pinned.version}, so it was compared with the hours before."
        return _noted(finding, Reason.NO_REFERENCE, words)
    return finding


def _at_new_level(metric: MetricEvidence, evidence: Evidence) -> Finding:
    """The finding against a history that is where earlier deployments brought the metric."""
    if not metric.changes:
        return _compared(metric, evidence)
    samples = at_new_level(metric.samples, metric.changes)
    finding = _compared(replace(metric, samples=samples), evidence)
    last = metric.changes[-1]
    levels = phrases.pair(last.before, last.after, metric.facts.unit)
    words = f"What was before {last.version} is compared at the level that {last.version} brought ({levels})."
    return _noted(finding, Reason.NEW_LEVEL, words) if finding.before is not None else finding


def _compared(metric: MetricEvidence, evidence: Evidence) -> Finding:
    """The finding, in doubt where what it says was so right before the deployment: it did not begin with it."""
    finding, window = _with_baseline(metric, evidence), evidence.window
    is_shift = finding.result is FindingResult.REGRESSED and Reason.CHANGED in finding.reasons
    if not is_shift or finding.is_hard_limit_broken or metric.is_pinned:
        return finding
    assert finding.before is not None  # a shift is from somewhere to somewhere
    assert finding.after is not None
    length = max(_RIGHT_BEFORE, _RIGHT_BEFORE_STEPS * metric.facts.step_seconds)
    values = metric.samples.clean().between(window.deployed_at - length, window.deployed_at).values
    is_so = np.abs(values - finding.after) < np.abs(values - finding.before)
    if values.size < _RIGHT_BEFORE_STEPS or is_so.mean() < _SO_ALREADY:
        return finding
    sentence = f"{finding.sentence} It was so already right before the deployment."
    return finding.ruled(FindingResult.INCONCLUSIVE, Reason.WAS_WORSE, sentence)


def _with_baseline(metric: MetricEvidence, evidence: Evidence) -> Finding:
    """The finding against a history without its anomalies, or with them where too little would be left."""
    window, plain = evidence.window_for(metric), replace(evidence.window, left_out=())
    if not window.left_out:
        return _judged(metric, plain, evidence)
    history = metric.samples.clean().between(-np.inf, window.deployed_at)
    can_be_left_out = ordinary(history, window.left_out)[1]
    finding = _judged(metric, window, evidence) if can_be_left_out else None
    if finding is None or Reason.TOO_LITTLE in finding.reasons:
        whole = _judged(metric, plain, evidence)
        if whole.before is None:
            return whole
        words = "Nothing was left out of its history: too little would remain."
        return _noted(whole, Reason.WITH_ANOMALIES, words)
    return _inherited(finding, metric, window, evidence)


def _judged(metric: MetricEvidence, window: Window, evidence: Evidence) -> Finding:
    """The finding outside of planned work; of two parts the worse one, each with half the chance of a false alarm."""
    parts = undisturbed(window, metric.maintenance, metric.facts.step_seconds)
    facts = replace(metric.facts, chance_limit=metric.facts.chance_limit / len(parts))
    findings = [judge_metric(metric.samples, metric.samples, facts, part, evidence.seed) for part in parts]
    worst = min(findings, key=lambda found: (_WORST_FIRST.index(found.result), found.chance or 0.0))
    return worst if worst.chance is None else replace(worst, chance=min(1.0, len(parts) * worst.chance))


def _planned(finding: Finding, metric: MetricEvidence, window: Window) -> Finding:
    """With a word on planned work in the time that was judged; a metric that had nothing else was not judged."""
    planned = _since(metric.maintenance, window)
    if not planned:
        return finding
    lasted = phrases.duration(seconds(planned))
    if _is_all_of_it(planned, window):
        words = f"{metric.facts.name} was not judged: maintenance was planned all along, {lasted}."
        return replace(finding, reasons=(*finding.reasons, Reason.PLANNED), sentence=words)
    if finding.result is FindingResult.NO_DATA and _was_measured(metric, window):
        words = f"{metric.facts.name} stopped: no values since the planned maintenance."
        finding = replace(finding, result=FindingResult.INCONCLUSIVE, sentence=words)
    return _noted(finding, Reason.PLANNED, f"Planned maintenance of {lasted} was left out.")


def _was_measured(metric: MetricEvidence, window: Window) -> bool:
    return len(metric.samples.clean().between(window.judged_from, window.judged_until)) > 0


def _since(planned: Sequence[Stretch], window: Window) -> tuple[Stretch, ...]:
    return cut(planned, max(window.opens_at, window.deployed_at), window.judged_until)


def _is_all_of_it(planned: Sequence[Stretch], window: Window) -> bool:
    begin = max(window.opens_at, window.deployed_at)
    return begin < window.judged_until and not between(_since(planned, window), begin, window.judged_until)


def _inherited(finding: Finding, metric: MetricEvidence, window: Window, evidence: Evidence) -> Finding:
    """What is worse than normal, and was already right before, was not brought by this deployment."""
    length = max(window.judged_until - window.judged_from, 12 * metric.facts.step_seconds)
    is_near = is_mostly_inside(window.left_out, window.deployed_at - length, window.deployed_at)
    if finding.result is not FindingResult.REGRESSED or not is_near or metric.is_pinned:
        return finding
    against_right_before = _judged(metric, replace(window, left_out=()), evidence)
    if against_right_before.result is FindingResult.REGRESSED:
        return finding
    words = f"It was so already right before the deployment{_under(evidence.before, window)}."
    doubted = replace(finding, chance=against_right_before.chance, score=against_right_before.score)
    doubted = replace(doubted, is_hard_limit_broken=False)
    return doubted.ruled(FindingResult.INCONCLUSIVE, Reason.WAS_WORSE, f"{finding.sentence} {words}")


def _under(before: Baseline, window: Window) -> str:
    """The bad deployment that lasted until this one, in words."""
    for one in before.left_out:
        if one.kind == Anomaly.DEPLOYMENT and one.spans[-1][1] >= window.deployed_at:
            return f", under {one.name}"
    return ""


def _noted(finding: Finding, reason: Reason, words: str) -> Finding:
    return replace(finding, reasons=(*finding.reasons, reason), sentence=f"{finding.sentence} {words}")


def _failed(metric: MetricEvidence) -> Finding:
    return Finding(
        key=metric.facts.key,
        name=metric.facts.name,
        subject=Subject.METRIC,
        result=FindingResult.INCONCLUSIVE,
        sentence=f"{metric.facts.name} could not be judged: the judge failed on it.",
        reasons=(Reason.TOO_LITTLE,),
        is_critical=metric.facts.is_critical,
        is_muted=metric.facts.is_muted,
        must_have_data=metric.facts.must_have_data,
    )


# --- checks -----------------------------------------------------------------------------------------------------------


def _check(check: CheckEvidence, evidence: Evidence) -> Finding:
    """The finding on the readings outside of planned maintenance; of those before, on what our own view let us see."""
    planned = cut(check.maintenance, evidence.window.deployed_at, evidence.window.judged_until)
    seen = _seen(check.up, evidence)
    up, window, outage = on_a_stopped_clock(seen, evidence.window, check.outage, planned)
    finding = judge_check(up, check.facts, window, outage, not evidence.is_first_deployment)
    if not planned:
        return finding
    lasted = phrases.duration(seconds(planned))
    if window.judged_until <= window.opens_at:
        words = f"{check.facts.name} was not read since the deployment: maintenance was planned all along, {lasted}."
        return replace(finding, reasons=(*finding.reasons, Reason.PLANNED), sentence=words)
    return _noted(finding, Reason.PLANNED, f"Planned maintenance of {lasted} was left out.")


def _seen(up: Series, evidence: Evidence) -> Series:
    """The readings; of those before the deployment only such that we could see."""
    ours = [span for one in evidence.before.left_out if one.kind == Anomaly.PROBER for span in one.spans]
    kept = ~inside(up.times, cut(ours, -np.inf, evidence.window.deployed_at))
    return up if kept.all() else Series(up.times[kept], up.values[kept])
