"""The history of a look of then: a shorter or longer one, or that under another reference."""

import copy
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from monitoring.changes import BEFORE, Changes
from monitoring.judge.facts import Series, Window
from monitoring.judge.stretches import LEAST_VALUES
from monitoring.models import MonitoringPeriod
from monitoring.selectors import lines_of
from monitoring.services.evidence import Evidence, MetricEvidence
from monitoring.services.evidence.anomalies import anomalies
from monitoring.services.evidence.references import NoReference, pinned_baseline
from monitoring.services.evidence.shapes import Baseline
from postdeploy.lib import words

#: A history that begins this share of its length too late is short enough to be told.
_TOLD_FROM = 0.05


def with_history(evidence: Evidence, period: MonitoringPeriod, seconds: int) -> tuple[Evidence, str]:
    """Cut the history of metrics to `seconds`, or add what is still kept of a longer one.

    A check's readings are compared with a day at most, whatever the policy says.
    """
    start, then = evidence.window.deployed_at - seconds, evidence.before.start
    if start >= then:
        cut = tuple(replace(one, samples=one.samples.between(start, np.inf)) for one in evidence.metrics)
        return replace(evidence, metrics=cut), ""
    older = lines_of([one.series_id for one in evidence.metrics], _moment(start), _moment(then))
    longer = tuple(
        replace(one, samples=_joined(Series(*older[one.series_id]), one.samples)) for one in evidence.metrics
    )
    left_out = anomalies(period.environment, (start, then), but=(period.deployment_id,))
    before = replace(evidence.before, start=start, left_out=(*evidence.before.left_out, *left_out))
    return replace(evidence, metrics=longer, before=before), _shortness(longer, evidence.window, seconds)


# --- another reference ------------------------------------------------------------------------------------------------


def with_reference(evidence: Evidence, period: MonitoringPeriod, changes: Changes) -> tuple[Evidence, str]:
    """Compare with the reference of `changes`, or with the hours before, as far as either is still kept.

    What came after the deployment stays what was judged then. The note says what is not quite as asked.
    """
    pinned, why = _pinned(evidence.window, period, changes)
    metrics = _against_hours_before(evidence)
    if pinned:
        metrics = _under(pinned, metrics, evidence.window)
        if metrics and not any(one.is_pinned for one in metrics):
            why, pinned = f"{pinned.version}, the pinned reference, has no samples any more", None
    left_out = () if pinned else evidence.before.spans(with_ours=False)
    judged = replace(
        evidence,
        window=replace(evidence.window, left_out=left_out),
        metrics=metrics,
        pinned=pinned,
        no_reference=why,
    )
    if why:
        return judged, f"Compared with the hours before: {why}."
    if pinned:
        compared = tuple(one for one in metrics if one.is_pinned)
        return judged, _shortness(compared, judged.window, pinned.end - pinned.start, of=f"under {pinned.version}")
    were_pinned = {one.series_id for one in evidence.metrics if one.is_pinned}
    back = tuple(one for one in metrics if one.series_id in were_pinned)
    length = evidence.window.deployed_at - evidence.before.start
    return judged, _shortness(back, judged.window, length) if back else ""


def _pinned(window: Window, period: MonitoringPeriod, changes: Changes) -> tuple[Baseline | None, str]:
    if changes.reference == BEFORE:
        return None, ""
    asked = copy.copy(period)
    asked.policy = {**period.policy, **changes.policy, "reference": changes.reference}
    try:
        return pinned_baseline(asked, window), ""
    except NoReference as reason:
        return None, str(reason)


def _against_hours_before(evidence: Evidence) -> tuple[MetricEvidence, ...]:
    window, pinned = evidence.window, [one.series_id for one in evidence.metrics if one.is_pinned]
    hours = lines_of(pinned, _moment(evidence.before.start), _moment(window.deployed_at))
    return tuple(
        replace(one, samples=_joined(Series(*hours[one.series_id]), _since(one, window)), is_pinned=False)
        if one.is_pinned
        else one
        for one in evidence.metrics
    )


def _under(pinned: Baseline, metrics: tuple[MetricEvidence, ...], window: Window) -> tuple[MetricEvidence, ...]:
    then = lines_of([one.series_id for one in metrics], _moment(pinned.start), _moment(pinned.end))
    found = []
    for one in metrics:
        times, values = then[one.series_id]
        samples = _joined(Series(times + pinned.shift, values), _since(one, window))
        found.append(replace(one, samples=samples, is_pinned=True, changes=()) if len(times) >= LEAST_VALUES else one)
    return tuple(found)


def _since(metric: MetricEvidence, window: Window) -> Series:
    return metric.samples.between(window.deployed_at, np.inf)


# --- both -------------------------------------------------------------------------------------------------------------


def _joined(older: Series, newer: Series) -> Series:
    return Series(np.concatenate([older.times, newer.times]), np.concatenate([older.values, newer.values]))


def _shortness(metrics: Iterable[MetricEvidence], window: Window, seconds: float, *, of: str = "of history") -> str:
    """Say how much of the history that was asked for is kept, by the metric that has most of it."""
    begins = [float(one.samples.times.min()) for one in metrics if len(one.samples)]
    kept = window.deployed_at - min(begins, default=window.deployed_at)
    if kept >= seconds * (1 - _TOLD_FROM):
        return ""
    asked = words.duration(seconds, coarse=True)
    return f"Of {asked} {of} {words.duration(max(kept, 0.0), coarse=True)} are still kept."


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
