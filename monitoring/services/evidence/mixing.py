"""Wholes and their parts: a metric without labels, and the same by route or region."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from monitoring.judge import phrases
from monitoring.judge.facts import BadDirection, Finding, FindingResult, MetricKind, Reason, Series, Window
from monitoring.judge.mix import EXPLAINED, Mix, Part, take_apart, told
from monitoring.services.evidence.shapes import MetricEvidence
from monitoring.services.evidence.wholes import Counted, counted_of, noun_of, parts_of_metrics, volume_of

_LEAST_STEPS = 12
#: What is counted: the parts of these add up.
_COUNTS = (MetricKind.THROUGHPUT, MetricKind.BUSINESS_COUNT)


def with_mixes(findings: Sequence[Finding], metrics: Sequence[MetricEvidence], window: Window) -> list[Finding]:
    """Tell for each whole how much of its change lies in its parts; a change of the mix alone is no regression."""
    known = {finding.key: finding for finding in findings}
    counted = counted_of(metrics)
    for key, parts in parts_of_metrics(metrics).items():
        whole = counted.get((key, frozenset()))
        mix = take_apart([_part(part, counted, known, window) for part in parts]) if whole else None
        if whole and mix:
            known[whole.facts.key] = _told(known[whole.facts.key], mix, parts, known, counted)
    for parts in _counts_by_part(metrics):
        known |= _gone_elsewhere(parts, known, window)
    return [known[finding.key] for finding in findings]


def _part(part: MetricEvidence, counted: Counted, known: Mapping[str, Finding], window: Window) -> Part:
    before, after = _levels(part, known, window)
    volume_before, volume_after = _levels(volume_of(part, counted), known, window)
    name = ", ".join(value for _, value in sorted(part.labels.items()))
    return Part(name, before, after, volume_before or 0.0, volume_after or 0.0)


def _levels(metric: MetricEvidence, known: Mapping[str, Finding], window: Window) -> tuple[float | None, float | None]:
    """Before and after, as the judge found them; by plain means where it could not judge."""
    finding = known[metric.facts.key]
    if finding.before is not None and finding.after is not None:
        return finding.before, finding.after
    samples = metric.samples.clean()
    length = max(window.judged_until - window.judged_from, _LEAST_STEPS * metric.facts.step_seconds)
    before = samples.between(window.deployed_at - length, window.deployed_at)
    return _mean(before), _mean(_after(samples, window))


def _after(samples: Series, window: Window) -> Series:
    return samples.between(window.judged_from, window.judged_until)


def _mean(samples: Series) -> float | None:
    return float(np.mean(samples.values)) if len(samples) else None


def _told(
    whole: Finding, mix: Mix, parts: Sequence[MetricEvidence], known: Mapping[str, Finding], counted: Counted
) -> Finding:
    found = replace(whole, mix=mix.to_dict())
    if whole.change is None or whole.result not in (FindingResult.REGRESSED, FindingResult.IMPROVED):
        return found
    is_any_worse = any(known[part.facts.key].result is FindingResult.REGRESSED for part in parts)
    words = told(
        mix,
        whole.change,
        noun=noun_of(parts[0]),
        counts_traffic=volume_of(parts[0], counted).facts.kind is MetricKind.THROUGHPUT,
        is_any_worse=is_any_worse,
    )
    sentence = f"{whole.sentence} {words}".strip()
    is_statistical = Reason.CHANGED in whole.reasons and not whole.is_hard_limit_broken
    if is_statistical and whole.result is FindingResult.REGRESSED and not is_any_worse and mix.explains(whole.change):
        # its users do something else, and nothing they do got worse; it is shown, and counts among nothing compared
        return replace(found, chance=None).ruled(FindingResult.INCONCLUSIVE, Reason.MIX_SHIFT, sentence)
    return replace(found, sentence=sentence)


# --- counts: what left one part and came to another -------------------------------------------------------------------


def _counts_by_part(metrics: Sequence[MetricEvidence]) -> list[list[MetricEvidence]]:
    """The parts of each count of which less is worse, by each way to part it."""
    ways: defaultdict[tuple[str, ...], list[MetricEvidence]] = defaultdict(list)
    for metric in metrics:
        is_count = metric.facts.kind in _COUNTS and metric.facts.bad_direction is BadDirection.DOWN
        if metric.labels and is_count:
            ways[metric.metric, *sorted(metric.labels)].append(metric)
    return [parts for parts in ways.values() if len(parts) >= 2]


def _gone_elsewhere(
    parts: Sequence[MetricEvidence], known: Mapping[str, Finding], window: Window
) -> dict[str, Finding]:
    """Parts that fell while all of them together did not: their users do something else, which is shown."""
    levels = [_levels(part, known, window) for part in parts]
    before, after = (sum(side or 0.0 for side in sides) for sides in zip(*levels, strict=True))
    together = f"all {noun_of(parts[0])}s together {phrases.pair(before, after, parts[0].facts.unit)}"
    found = {}
    for part in parts:
        finding = known[part.facts.key]
        is_fallen = finding.result is FindingResult.REGRESSED and (finding.change or 0.0) < 0
        is_statistical = Reason.CHANGED in finding.reasons and not finding.is_hard_limit_broken
        if is_fallen and is_statistical and before - after <= (1 - EXPLAINED) * abs(finding.change or 0.0):
            sentence = f"{finding.sentence} What is missing here came elsewhere: {together}."
            shown = replace(finding, chance=None)
            found[finding.key] = shown.ruled(FindingResult.INCONCLUSIVE, Reason.MIX_SHIFT, sentence)
    return found
