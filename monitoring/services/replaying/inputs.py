"""What a look of then was based on, changed to what is asked now."""

from collections.abc import Iterable
from dataclasses import replace

from monitoring.changes import Changes
from monitoring.judge.facts import Floats
from monitoring.judge.looks import look_plan, look_times
from monitoring.models import MonitoringPeriod, PeriodStatus, Stage
from monitoring.services.evidence import CheckEvidence, Evidence, MetricEvidence, gather, window_of
from monitoring.services.judging import LOOKS
from monitoring.services.replaying.histories import with_history, with_reference


class CannotReplay(Exception):
    """A look cannot be judged once more as asked; the text says why, as a sentence."""


def changed(evidence: Evidence, period: MonitoringPeriod, changes: Changes) -> tuple[Evidence, str]:
    """Return `evidence` as it is judged with `changes`, and a note where that is not quite as asked."""
    initial_seconds = period.policy["initial_seconds"] if period.stage == Stage.INITIAL else None
    judged = replace(
        evidence,
        window=changes.of_window(evidence.window, initial_seconds=initial_seconds),
        metrics=tuple(replace(one, facts=changes.of_metric(one.facts)) for one in evidence.metrics),
        checks=tuple(replace(one, facts=changes.of_check(one.facts)) for one in evidence.checks),
    )
    note = ""
    if changes.reference is not None:
        judged, note = with_reference(judged, period, changes)
    if changes.baseline_seconds is None or (judged.pinned and changes.reference is not None):
        return judged, note
    if judged.pinned:
        note = f"It was compared with {judged.pinned.version}: how long the history is makes no difference."
        return judged, note
    judged, shortness = with_history(judged, period, changes.baseline_seconds)
    return judged, f"{note} {shortness}".strip()


def at_the_end(period: MonitoringPeriod, early: Evidence) -> Evidence:
    """Return what a look at the end of `period` is based on, which nobody took: an early one, `early`, had decided.

    It is gathered from what is still kept, with checks and metrics as they were then. CannotReplay if nothing is.
    """
    window = replace(window_of(period, period.closes_at), settle_seconds=early.window.settle_seconds)
    times = look_times(window.opens_at, period.closes_at.timestamp(), LOOKS)
    plan = look_plan(times, window.opens_at, window.looked_at)
    is_last = period.status == PeriodStatus.CLOSED
    late = gather(period, window=window, look=plan, is_last=is_last)
    metrics, checks = tuple(_as_then(late.metrics, early.metrics)), tuple(_as_then(late.checks, early.checks))
    had, has = _times(early.metrics, early.checks), _times(metrics, checks)
    until = early.window.judged_until
    if any(len(times) for times in had) and not any((times > until).any() for times in has):
        raise CannotReplay(
            "An early look had decided it, and no samples are kept from after that: nobody knows what the end would "
            "have said."
        )
    return replace(late, metrics=metrics, checks=checks)


def _as_then(late: Iterable, early: Iterable) -> Iterable:  # type: ignore[type-arg]
    """What there was then, with its facts of then and its samples until the end."""
    facts = {one.facts.key: one.facts for one in early}
    return (replace(one, facts=facts[one.facts.key]) for one in late if one.facts.key in facts)


def _times(metrics: Iterable[MetricEvidence], checks: Iterable[CheckEvidence]) -> list[Floats]:
    return [one.samples.times for one in metrics] + [one.up.times for one in checks]
