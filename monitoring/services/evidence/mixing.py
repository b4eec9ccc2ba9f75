"""Wholes and their parts: a metric without labels, and the same by route or region."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from monitoring.judge.facts import Finding, FindingResult, MetricKind, Reason, Series, Window
from monitoring.judge.mix import Mix, Part, take_apart, told
from monitoring.services.evidence.shapes import Evidence, MetricEvidence

_Labels = frozenset[tuple[str, str]]
_LEAST_STEPS = 12


def with_mixes(findings: Sequence[Finding], evidence: Evidence) -> list[Finding]:
    """Tell for each whole how much of its change lies in its parts; a change of the mix alone is no regression."""
    known = {finding.key: finding for finding in findings}
    counted = {(metric.metric, frozenset(metric.labels.items())): metric for metric in evidence.metrics}
    for whole, parts in _families(evidence.metrics):
        mix = take_apart([_part(part, counted, known, evidence) for part in parts])
        if mix is not None:
            volume = counted[parts[0].volume, frozenset(parts[0].labels.items())]
            key = whole.facts.key
            known[key] = _told(known[key], mix, parts, known, is_traffic=volume.facts.kind is MetricKind.THROUGHPUT)
    return [known[finding.key] for finding in findings]


def _families(metrics: Iterable[MetricEvidence]) -> Iterable[tuple[MetricEvidence, list[MetricEvidence]]]:
    """Wholes with their parts; where there are several ways to part a whole, that with the most parts."""
    wholes: dict[str, MetricEvidence] = {}
    ways: defaultdict[str, defaultdict[tuple[str, ...], list[MetricEvidence]]] = defaultdict(lambda: defaultdict(list))
    for metric in metrics:
        if metric.metric and not metric.labels:
            wholes[metric.metric] = metric
        elif metric.volume:
            ways[metric.metric][tuple(sorted(metric.labels))].append(metric)
    for key, found in ways.items():
        parts = max(found.values(), key=len)
        if key in wholes and len(parts) >= 2:
            yield wholes[key], parts


def _part(
    part: MetricEvidence,
    counted: Mapping[tuple[str, _Labels], MetricEvidence],
    known: Mapping[str, Finding],
    evidence: Evidence,
) -> Part:
    volume = counted[part.volume, frozenset(part.labels.items())]
    before, after = _levels(part, known, evidence)
    volume_before, volume_after = _levels(volume, known, evidence)
    name = ", ".join(value for _, value in sorted(part.labels.items()))
    return Part(name, before, after, volume_before or 0.0, volume_after or 0.0)


def _levels(
    metric: MetricEvidence, known: Mapping[str, Finding], evidence: Evidence
) -> tuple[float | None, float | None]:
    """Before and after, as the judge found them; by plain means where it could not judge."""
    finding = known[metric.facts.key]
    if finding.before is not None and finding.after is not None:
        return finding.before, finding.after
    window, samples = evidence.window, metric.samples.clean()
    length = max(window.judged_until - window.judged_from, _LEAST_STEPS * metric.facts.step_seconds)
    before = samples.between(window.deployed_at - length, window.deployed_at)
    return _mean(before), _mean(_after(samples, window))


def _after(samples: Series, window: Window) -> Series:
    return samples.between(window.judged_from, window.judged_until)


def _mean(samples: Series) -> float | None:
    return float(np.mean(samples.values)) if len(samples) else None


def _told(
    whole: Finding, mix: Mix, parts: Sequence[MetricEvidence], known: Mapping[str, Finding], *, is_traffic: bool
) -> Finding:
    found = replace(whole, mix=mix.to_dict())
    if whole.change is None or whole.result not in (FindingResult.REGRESSED, FindingResult.IMPROVED):
        return found
    names = sorted(parts[0].labels)
    is_any_worse = any(known[part.facts.key].result is FindingResult.REGRESSED for part in parts)
    words = told(
        mix,
        whole.change,
        noun=names[0].replace("_", " ") if len(names) == 1 else "part",
        counts_traffic=is_traffic,
        is_any_worse=is_any_worse,
    )
    sentence = f"{whole.sentence} {words}".strip()
    is_statistical = Reason.CHANGED in whole.reasons and not whole.is_hard_limit_broken
    if is_statistical and whole.result is FindingResult.REGRESSED and not is_any_worse and mix.explains(whole.change):
        # its users do something else, and nothing they do got worse; it is shown, and counts among nothing compared
        return replace(found, chance=None).ruled(FindingResult.INCONCLUSIVE, Reason.MIX_SHIFT, sentence)
    return replace(found, sentence=sentence)
