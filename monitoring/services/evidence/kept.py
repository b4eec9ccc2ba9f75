"""A look's evidence beside its verdict: kept by what it says and where its samples lie, and found again from there."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from monitoring import store
from monitoring.judge.facts import CheckFacts, MetricFacts, OutageFacts, Series, Window
from monitoring.judge.levels import LevelChange
from monitoring.judge.looks import LookPlan
from monitoring.judge.stretches import Stretch
from monitoring.selectors import lines_of
from monitoring.selectors.ratios import with_parts
from monitoring.services.evidence.reading import Reader, moments, outside, read_before, read_pinned
from monitoring.services.evidence.shapes import (
    Baseline,
    CheckEvidence,
    Evidence,
    InputsChanged,
    LeftOut,
    MetricEvidence,
)
from monitoring.services.evidence.tails import AsOf


def to_json(evidence: Evidence) -> dict[str, Any]:
    """Return what is kept with a verdict: all facts, and of samples where they are and a digest of what they were.

    `left_out` is what was left out of the time before, `reference` what was compared with instead of it, if anything.
    """
    return {
        "window": evidence.window.to_dict(),
        "look": asdict(evidence.look),
        "is_last": evidence.is_last,
        "is_first_deployment": evidence.is_first_deployment,
        "seed": evidence.seed,
        "metric_span": list(evidence.metric_span),
        "check_span": list(evidence.check_span),
        "left_out": [one.to_dict() for one in evidence.before.left_out],
        "reference": evidence.pinned.to_dict() if evidence.pinned else None,
        "no_reference": evidence.no_reference,
        "metrics": [_kept_metric(metric) for metric in evidence.metrics],
        "checks": [_kept_check(check) for check in evidence.checks],
        "tails": evidence.read.to_json() if evidence.read else {},
        "planned": [list(span) for span in evidence.planned],
    }


def _kept_metric(metric: MetricEvidence) -> dict[str, Any]:
    return {
        "facts": metric.facts.to_dict(),
        "series": metric.series_id,
        "metric": metric.metric,
        "labels": dict(metric.labels),
        "volume": metric.volume,
        "is_pinned": metric.is_pinned,
        "maintenance": [list(span) for span in metric.maintenance],
        "changes": [change.to_dict() for change in metric.changes],
        **_imprint(metric.samples),
    }


def _kept_check(check: CheckEvidence) -> dict[str, Any]:
    return {
        "facts": check.facts.to_dict(),
        "check": check.check_id,
        "series": check.series_id,
        "outage": check.outage.to_dict() if check.outage else None,
        "maintenance": [list(span) for span in check.maintenance],
        **_imprint(check.up),
    }


def from_json(inputs: Mapping[str, Any]) -> Evidence:
    """Return the evidence that `to_json` was given; InputsChanged if its samples are gone or others came in."""
    window = Window.from_dict(inputs["window"])
    metric_span, check_span = tuple(inputs["metric_span"]), tuple(inputs["check_span"])
    left_out = tuple(LeftOut.from_dict(one) for one in inputs.get("left_out", ()))
    pinned = Baseline.from_dict(inputs["reference"]) if inputs.get("reference") else None
    read = AsOf.from_json(inputs.get("tails", {}))
    return Evidence(
        window=window,
        look=LookPlan(**inputs["look"]),
        is_last=inputs["is_last"],
        is_first_deployment=inputs["is_first_deployment"],
        seed=inputs["seed"],
        metric_span=metric_span,
        check_span=check_span,
        metrics=tuple(_metrics(inputs["metrics"], metric_span, pinned, window, read)),
        checks=tuple(_checks(inputs["checks"], check_span, read)),
        before=Baseline(metric_span[0], window.deployed_at, left_out),
        pinned=pinned,
        no_reference=inputs.get("no_reference", ""),
        read=read,
        planned=_spans(inputs.get("planned", ())),
    )


def _metrics(
    rows: Sequence[Mapping[str, Any]], span: tuple[float, float], pinned: Baseline | None, window: Window, read: AsOf
) -> list[MetricEvidence]:
    under_it = [row["series"] for row in rows if row.get("is_pinned")]
    found = read_before(_reader([row["series"] for row in rows if not row.get("is_pinned")], read), span)
    if pinned and under_it:
        found |= read_pinned(_reader(under_it, read), pinned, window)
    planned = {row["series"]: _spans(row.get("maintenance", ())) for row in rows}
    found = {pk: outside(samples, planned.get(pk, ())) for pk, samples in found.items()}
    return [
        MetricEvidence(
            MetricFacts.from_dict(row["facts"]),
            row["series"],
            samples,
            metric=row.get("metric", ""),
            labels=row.get("labels", {}),
            volume=row.get("volume", ""),
            is_pinned=row.get("is_pinned", False),
            maintenance=planned[row["series"]],
            changes=tuple(LevelChange.from_dict(one) for one in row.get("changes", ())),
        )
        for row, samples in _unchanged(rows, found)
    ]


def _checks(rows: Sequence[Mapping[str, Any]], span: tuple[float, float], read: AsOf) -> list[CheckEvidence]:
    found = read_before(_reader([row["series"] for row in rows], read), span)
    return [
        CheckEvidence(
            CheckFacts.from_dict(row["facts"]),
            row["check"],
            row["series"],
            samples,
            OutageFacts.from_dict(row["outage"]) if row["outage"] else None,
            _spans(row.get("maintenance", ())),
        )
        for row, samples in _unchanged(rows, found)
    ]


def hold(evidence: Evidence, *, verdict_id: int) -> None:
    """Have the samples of `evidence` kept for as long as the verdict; of ratios what they are computed of."""
    before = [metric.series_id for metric in evidence.metrics if not metric.is_pinned]
    under_it = [metric.series_id for metric in evidence.metrics if metric.is_pinned]
    checks = [check.series_id for check in evidence.checks if check.series_id]
    spans = [(evidence.metric_span, before), (evidence.check_span, checks)]
    if evidence.pinned:
        then = (evidence.pinned.start, evidence.pinned.end)
        spans += [(then, under_it), ((evidence.window.deployed_at, evidence.window.judged_until), under_it)]
    for span, series in spans:
        store.hold(with_parts(series), *moments(span), verdict_id=verdict_id)


def _spans(kept: Iterable[Sequence[float]]) -> tuple[Stretch, ...]:
    return tuple((start, end) for start, end in kept)


def _reader(series: Sequence[int], read: AsOf) -> Reader:
    return lambda start, end: lines_of(series, start, end, read=read)


def _imprint(samples: Series) -> dict[str, Any]:
    digest = hashlib.sha256(samples.times.tobytes() + samples.values.tobytes()).hexdigest()[:32]
    return {"count": len(samples), "digest": digest}


def _unchanged(
    rows: Sequence[Mapping[str, Any]], found: Mapping[int, Series]
) -> Iterable[tuple[Mapping[str, Any], Series]]:
    samples = [found.get(row["series"], Series.empty()) for row in rows]
    changed = [
        row["facts"]["name"]
        for row, series in zip(rows, samples, strict=True)
        if _imprint(series)["digest"] != row["digest"]
    ]
    if changed:
        raise InputsChanged(f"the samples are not what they were when it was judged: {', '.join(changed)}")
    return zip(rows, samples, strict=True)
