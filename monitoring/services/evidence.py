"""What one look at a period is based on: gathered from the rows, kept with the verdict, found again from there."""

import hashlib
import logging
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from deployments.models import Deployment
from monitoring import store
from monitoring.judge.check import judge_check
from monitoring.judge.deployment import judge_deployment
from monitoring.judge.facts import (
    CHANCE_LIMIT,
    BadDirection,
    CheckFacts,
    Finding,
    FindingResult,
    Judgement,
    MetricFacts,
    MetricKind,
    OutageFacts,
    Reason,
    Series,
    Subject,
    Window,
)
from monitoring.judge.looks import LookPlan
from monitoring.judge.metric import judge_metric
from monitoring.models import HealthCheck, MonitoringPeriod, Outage, Stage
from monitoring.models import Series as SeriesRow
from monitoring.selectors import lines_of, read_lines, unit_of
from monitoring.services.overlap import began_at

logger = logging.getLogger(__name__)

#: How often a check failed before is told well enough by this much of its past.
CHECK_BASELINE = timedelta(days=1)


class InputsChanged(Exception):
    """Samples of a verdict's windows are not those that it was reached on; the text names the series."""


@dataclass(frozen=True)
class MetricEvidence:
    """One metric's series from before and after; `series_id` says whose samples they are."""

    facts: MetricFacts
    series_id: int
    samples: Series


@dataclass(frozen=True)
class CheckEvidence:
    """One check's readings, and the outage that lasted into the period."""

    facts: CheckFacts
    check_id: int
    series_id: int
    up: Series
    outage: OutageFacts | None


@dataclass(frozen=True)
class Evidence:
    """All that one look is based on. Spans are (from, to) of the samples read, in seconds since 1970."""

    window: Window
    look: LookPlan
    is_last: bool
    is_first_deployment: bool
    seed: int
    metric_span: tuple[float, float]
    check_span: tuple[float, float]
    metrics: tuple[MetricEvidence, ...]
    checks: tuple[CheckEvidence, ...]


def judge(evidence: Evidence) -> Judgement:
    """Judge all metrics and checks, and from them the deployment. The same evidence gives the same judgement."""
    findings = [_judge_metric(metric, evidence) for metric in evidence.metrics]
    has_before = not evidence.is_first_deployment
    findings += [judge_check(c.up, c.facts, evidence.window, c.outage, has_before) for c in evidence.checks]
    return judge_deployment(findings, window=evidence.window, look=evidence.look, is_last_look=evidence.is_last)


def _judge_metric(metric: MetricEvidence, evidence: Evidence) -> Finding:
    try:
        return judge_metric(metric.samples, metric.samples, metric.facts, evidence.window, evidence.seed)
    except Exception:  # one odd metric must not keep the others from being judged
        logger.exception("%s could not be judged (series %s)", metric.facts.key, metric.series_id)
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


# --- from the rows ----------------------------------------------------------------------------------------------------


def gather(
    period: MonitoringPeriod, *, window: Window, look: LookPlan, is_last: bool, conditions_only: bool = False
) -> Evidence:
    """Return what a look at `period` is based on.

    `conditions_only` leaves out what needs statistics: checks and hard limits are all that a look in between is for.
    """
    baseline = float(period.policy["baseline_seconds"])
    metric_span = (window.deployed_at - baseline, window.judged_until)
    check_span = (window.deployed_at - min(baseline, CHECK_BASELINE.total_seconds()), window.judged_until + 1e-6)
    is_first = _is_first(period.deployment)
    return Evidence(
        window=window,
        look=look,
        is_last=is_last,
        is_first_deployment=is_first,
        seed=zlib.crc32(f"{period.deployment_id}:{period.stage}".encode()),
        metric_span=metric_span,
        check_span=check_span,
        metrics=tuple(_metrics(period, metric_span, conditions_only)),
        checks=tuple(_checks(period, window, check_span, is_first)),
    )


def window_of(period: MonitoringPeriod, at: datetime) -> Window:
    """Return the window of a look at `at`; a superseded period is seen until its successor began to roll out."""
    deployment = period.deployment
    settle = min(period.policy["settle_seconds"], period.policy["initial_seconds"] / 4)
    return Window(
        opens_at=period.opens_at.timestamp(),
        closes_at=period.closes_at.timestamp(),
        deployed_at=(began_at(deployment) or period.opens_at).timestamp(),
        settle_seconds=settle if period.stage == Stage.INITIAL else 0.0,
        looked_at=min(at, period.ended_at or at, period.closes_at).timestamp(),
    )


def _is_first(deployment: Deployment) -> bool:
    """Whether nothing had been live here before: then there is nothing to compare with."""
    earlier = Deployment.objects.succeeded().filter(environment=deployment.environment_id)
    return not earlier.filter(finished_at__lt=deployment.finished_at).exists()


def _metrics(period: MonitoringPeriod, span: tuple[float, float], conditions_only: bool) -> Iterator[MetricEvidence]:
    rows = SeriesRow.objects.filter(environment=period.environment_id, metric__isnull=False)
    rows = rows.filter(metric__hard_limit__isnull=False) if conditions_only else rows
    series = list(rows.select_related("metric").order_by("metric__key", "labels_digest"))
    if not conditions_only:
        series += _response_times(period)
    found = read_lines(series, *_moments(span))
    for row in series:
        samples = Series(*found[row.pk])
        facts = replace(_metric_facts(row), step_seconds=_step(samples), chance_limit=_chance_limit(period))
        yield MetricEvidence(facts, row.pk, samples)


def _chance_limit(period: MonitoringPeriod) -> float:
    return float(period.policy.get("chance_limit", CHANCE_LIMIT))


def _response_times(period: MonitoringPeriod) -> list[SeriesRow]:
    rows = SeriesRow.objects.filter(
        environment=period.environment_id, aspect=SeriesRow.RESPONSE_TIME, health_check__paused_at__isnull=True
    )
    return list(rows.select_related("health_check").order_by("health_check__name", "pk"))


def _metric_facts(series: SeriesRow) -> MetricFacts:
    metric = series.metric
    if metric is None:
        return _response_time_facts(series)
    labels = ", ".join(f"{name} {value}" for name, value in sorted(series.labels.items()))
    digest = f":{series.labels_digest[:12]}" if series.labels_digest else ""
    return MetricFacts(
        key=f"metric:{metric.key}{digest}",
        name=f"{metric.name} ({labels})" if labels else metric.name,
        unit=unit_of(series),
        kind=MetricKind(metric.kind),
        bad_direction=BadDirection(metric.bad_direction),
        least_change=metric.least_change,
        least_change_absolute=metric.least_change_absolute,
        is_critical=metric.is_critical,
        is_muted=metric.is_muted,
        must_have_data=metric.must_have_data,
        hard_limit=metric.hard_limit,
    )


def _response_time_facts(series: SeriesRow) -> MetricFacts:
    assert series.health_check  # a database constraint: a series has one subject
    return MetricFacts(
        key=f"check:{series.health_check.pk}:response_time",
        name=f"{series.health_check.name} response time",
        unit="ms",
        kind=MetricKind.LATENCY,
        bad_direction=BadDirection.UP,
        least_change=0.2,
        least_change_absolute=5.0,
        must_have_data=False,  # a check that does not answer says so itself
    )


def _step(samples: Series) -> float:
    """Seconds between two samples, by the latest of them."""
    times = samples.times[-200:]
    return max(float(np.median(np.diff(times))), 1e-3) if len(times) > 2 else 60.0


def _checks(
    period: MonitoringPeriod, window: Window, span: tuple[float, float], is_first: bool
) -> Iterator[CheckEvidence]:
    checks = list(HealthCheck.objects.active().filter(environment=period.environment_id).order_by("name"))
    outages = _outages(checks, window, is_first)
    rows = SeriesRow.objects.filter(health_check__in=checks, aspect=SeriesRow.UP)
    series = dict(rows.values_list("health_check_id", "pk"))
    found = _read(list(series.values()), span)
    for check in checks:
        series_id = series.get(check.pk, 0)
        facts = CheckFacts(
            key=f"check:{check.pk}",
            name=check.name,
            is_critical=check.is_critical,
            failure_threshold=check.failure_threshold,
            step_seconds=float(min(check.interval_seconds, period.interval_seconds)),
            chance_limit=_chance_limit(period),
        )
        yield CheckEvidence(facts, check.pk, series_id, found.get(series_id, Series.empty()), outages.get(check.pk))


def _outages(checks: Sequence[HealthCheck], window: Window, is_first: bool) -> dict[int, OutageFacts]:
    """The latest outage of each check that lasted into the period and was confirmed by then.

    Before a first deployment nothing was there to answer: what was down then is judged by its readings since.
    """
    start, end = (
        datetime.fromtimestamp(at, UTC) for at in (max(window.opens_at, window.deployed_at), window.judged_until)
    )
    rows = Outage.objects.between(start, end + timedelta(microseconds=1)).filter(health_check__in=checks)
    found: dict[int, OutageFacts] = {}
    for outage in rows.filter(confirmed_at__lte=end).order_by("began_at"):
        if is_first and outage.began_at.timestamp() < window.deployed_at:
            continue
        ended_at = outage.ended_at.timestamp() if outage.ended_at and outage.ended_at <= end else None
        found[outage.health_check_id] = OutageFacts(
            outage.began_at.timestamp(), outage.confirmed_at.timestamp(), ended_at, outage.cause
        )
    return found


def _read(series_ids: Sequence[int], span: tuple[float, float]) -> dict[int, Series]:
    return {key: Series(*found) for key, found in lines_of(series_ids, *_moments(span)).items()}


def _moments(span: tuple[float, float]) -> tuple[datetime, datetime]:
    return datetime.fromtimestamp(span[0], UTC), datetime.fromtimestamp(span[1], UTC)


# --- with the verdict -------------------------------------------------------------------------------------------------


def to_json(evidence: Evidence) -> dict[str, Any]:
    """Return what is kept with a verdict: all facts, and of samples where they are and a digest of what they were."""
    return {
        "window": evidence.window.to_dict(),
        "look": asdict(evidence.look),
        "is_last": evidence.is_last,
        "is_first_deployment": evidence.is_first_deployment,
        "seed": evidence.seed,
        "metric_span": list(evidence.metric_span),
        "check_span": list(evidence.check_span),
        "metrics": [
            {"facts": m.facts.to_dict(), "series": m.series_id, **_imprint(m.samples)} for m in evidence.metrics
        ],
        "checks": [
            {
                "facts": c.facts.to_dict(),
                "check": c.check_id,
                "series": c.series_id,
                "outage": c.outage.to_dict() if c.outage else None,
                **_imprint(c.up),
            }
            for c in evidence.checks
        ],
    }


def from_json(inputs: Mapping[str, Any]) -> Evidence:
    """Return the evidence that `to_json` was given; InputsChanged if samples came in later or are gone."""
    metric_span, check_span = tuple(inputs["metric_span"]), tuple(inputs["check_span"])
    metric_samples = _read_again(inputs["metrics"], metric_span)
    check_samples = _read_again(inputs["checks"], check_span)
    return Evidence(
        window=Window.from_dict(inputs["window"]),
        look=LookPlan(**inputs["look"]),
        is_last=inputs["is_last"],
        is_first_deployment=inputs["is_first_deployment"],
        seed=inputs["seed"],
        metric_span=metric_span,
        check_span=check_span,
        metrics=tuple(
            MetricEvidence(MetricFacts.from_dict(kept["facts"]), kept["series"], samples)
            for kept, samples in zip(inputs["metrics"], metric_samples, strict=True)
        ),
        checks=tuple(
            CheckEvidence(
                CheckFacts.from_dict(kept["facts"]),
                kept["check"],
                kept["series"],
                samples,
                OutageFacts.from_dict(kept["outage"]) if kept["outage"] else None,
            )
            for kept, samples in zip(inputs["checks"], check_samples, strict=True)
        ),
    )


def hold(evidence: Evidence, *, verdict_id: int) -> None:
    """Have the samples that `evidence` rests on kept for as long as the verdict."""
    for span, series in (
        (evidence.metric_span, [metric.series_id for metric in evidence.metrics]),
        (evidence.check_span, [check.series_id for check in evidence.checks if check.series_id]),
    ):
        start, end = (datetime.fromtimestamp(at, UTC) for at in span)
        store.hold(series, start, end, verdict_id=verdict_id)


def _imprint(samples: Series) -> dict[str, Any]:
    digest = hashlib.sha256(samples.times.tobytes() + samples.values.tobytes()).hexdigest()[:32]
    return {"count": len(samples), "digest": digest}


def _read_again(kept: Iterable[Mapping[str, Any]], span: tuple[float, float]) -> list[Series]:
    rows = list(kept)
    found = _read([row["series"] for row in rows], span)
    samples = [found.get(row["series"], Series.empty()) for row in rows]
    changed = [
        row["facts"]["name"]
        for row, series in zip(rows, samples, strict=True)
        if _imprint(series)["digest"] != row["digest"]
    ]
    if changed:
        raise InputsChanged(f"the samples are not what they were when it was judged: {', '.join(changed)}")
    return samples
