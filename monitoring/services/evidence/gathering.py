"""A look's evidence, from the rows."""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from deployments.models import Deployment
from monitoring.judge.facts import CHANCE_LIMIT, BadDirection, CheckFacts, MetricFacts, MetricKind, OutageFacts, Window
from monitoring.judge.facts import Series as Samples
from monitoring.judge.levels import LevelChange, lasting
from monitoring.judge.looks import LookPlan
from monitoring.judge.stretches import LEAST_VALUES, Stretch
from monitoring.models import HealthCheck, MonitoringPeriod, Outage, Series, Stage
from monitoring.selectors import lines_of, read_lines, unit_of
from monitoring.selectors.quiet import Subject, quiet_spans
from monitoring.services.evidence.anomalies import anomalies
from monitoring.services.evidence.levels import level_changes
from monitoring.services.evidence.reading import moments, outside, read_before, read_pinned
from monitoring.services.evidence.references import NoReference, pinned_baseline
from monitoring.services.evidence.shapes import Baseline, CheckEvidence, Evidence, MetricEvidence
from monitoring.services.evidence.tails import AsOf
from monitoring.services.evidence.volumes import volumes_of
from monitoring.services.overlap import began_at

#: How often a check failed before is told well enough by this much of its past.
CHECK_BASELINE = timedelta(days=1)
#: Of a metric with its labels people read so many characters; of its labels at least so many.
_LONGEST_NAME, _SHORTEST_LABELS = 150, 30

#: When work is planned, by the key of a check, or of everything in the environment.
Quiet = Mapping[str, tuple[Stretch, ...]]
_EVERYTHING = ""


def gather(
    period: MonitoringPeriod, *, window: Window, look: LookPlan, is_last: bool, conditions_only: bool = False
) -> Evidence:
    """Return what a look at `period` is based on.

    `conditions_only` leaves out what needs statistics: checks and hard limits are all that a look in between is for.
    """
    length = float(period.policy["baseline_seconds"])
    span = (window.deployed_at - length, window.deployed_at)
    check_span = (window.deployed_at - min(length, CHECK_BASELINE.total_seconds()), window.judged_until + 1e-6)
    is_first = _is_first(period.deployment)
    before, pinned, no_reference = Baseline(*span), None, ""
    if not conditions_only:
        before = Baseline(*span, anomalies(period.environment, span, but=[period.deployment_id]))
        pinned, no_reference = _pinned(period, window)
    read = AsOf(window.judged_until)
    checks = list(HealthCheck.objects.active().filter(environment=period.environment_id).order_by("name"))
    quiet = _maintenance(period, checks, window)
    metrics = tuple(_metrics(period, window, before, pinned, conditions_only, read, quiet))
    if pinned and metrics and not any(metric.is_pinned for metric in metrics):
        no_reference, pinned = f"{pinned.version}, the pinned reference, has no samples any more", None
    return Evidence(
        window=window if pinned else replace(window, left_out=before.spans(with_ours=False)),
        look=look,
        is_last=is_last,
        is_first_deployment=is_first,
        seed=zlib.crc32(f"{period.deployment_id}:{period.stage}".encode()),
        metric_span=(before.start, window.judged_until),
        check_span=check_span,
        metrics=metrics,
        checks=tuple(_checks(period, checks, window, check_span, is_first, read, quiet)),
        before=before,
        pinned=pinned,
        no_reference=no_reference,
        read=read,
        planned=quiet[_EVERYTHING],
    )


def window_of(period: MonitoringPeriod, at: datetime) -> Window:
    """Return the window of a look at `at`; a superseded period is seen until its successor began to roll out."""
    settle = min(period.policy["settle_seconds"], period.policy["initial_seconds"] / 4)
    return Window(
        opens_at=period.opens_at.timestamp(),
        closes_at=period.closes_at.timestamp(),
        deployed_at=(began_at(period.deployment) or period.opens_at).timestamp(),
        settle_seconds=settle if period.stage == Stage.INITIAL else 0.0,
        looked_at=min(at, period.ended_at or at, period.closes_at).timestamp(),
    )


def _is_first(deployment: Deployment) -> bool:
    """Whether nothing had been live here before: then there is nothing to compare with."""
    earlier = Deployment.objects.succeeded().filter(environment=deployment.environment_id)
    return not earlier.filter(finished_at__lt=deployment.finished_at).exists()


def _pinned(period: MonitoringPeriod, window: Window) -> tuple[Baseline | None, str]:
    try:
        return pinned_baseline(period, window), ""
    except NoReference as reason:
        return None, str(reason)


def _maintenance(period: MonitoringPeriod, checks: Sequence[HealthCheck], window: Window) -> Quiet:
    """When work on everything and on each check was planned, from the roll-out to the look."""
    subjects = [Subject(str(check.pk), period.environment, check.pk) for check in checks]
    subjects.append(Subject(_EVERYTHING, period.environment))
    found = quiet_spans(subjects, *moments((window.deployed_at, window.judged_until)))
    return {key: tuple(spans) for key, spans in found.items()}


def _chance_limit(period: MonitoringPeriod) -> float:
    return float(period.policy.get("chance_limit", CHANCE_LIMIT))


# --- metrics ----------------------------------------------------------------------------------------------------------


def _metrics(
    period: MonitoringPeriod,
    window: Window,
    before: Baseline,
    pinned: Baseline | None,
    conditions_only: bool,
    read: AsOf,
    quiet: Quiet,
) -> Iterator[MetricEvidence]:
    series = _series_of_metrics(period, conditions_only)
    volumes = {} if conditions_only else volumes_of(series)
    then = read_pinned(lambda start, end: read_lines(series, start, end, read=read), pinned, window) if pinned else {}
    under_it = {pk: found for pk, found in then.items() if (found.times < window.deployed_at).sum() >= LEAST_VALUES}
    others = [row for row in series if row.pk not in under_it]
    span = (before.start, window.judged_until)
    found = under_it | read_before(lambda start, end: read_lines(others, start, end, read=read), span)
    changes = {} if conditions_only else level_changes(period.environment, *moments(span), but=[period.deployment_id])
    for row in series:
        planned = quiet.get(str(row.health_check_id), quiet[_EVERYTHING])
        samples = outside(found[row.pk], planned)
        facts = replace(_metric_facts(row), step_seconds=_step(samples), chance_limit=_chance_limit(period))
        yield MetricEvidence(
            facts,
            row.pk,
            samples,
            metric=row.metric.key if row.metric else "",
            labels=row.labels,
            volume=volumes.get(row.pk, ""),
            is_pinned=row.pk in under_it,
            maintenance=planned,
            changes=() if row.pk in under_it else _lasting(changes.get(facts.key, ()), samples, window),
        )


def _lasting(changes: Sequence[LevelChange], samples: Samples, window: Window) -> tuple[LevelChange, ...]:
    earlier = [change for change in changes if change.at < window.deployed_at]
    return lasting(earlier, samples.between(-np.inf, window.deployed_at)) if earlier else ()


def _series_of_metrics(period: MonitoringPeriod, conditions_only: bool) -> list[Series]:
    rows = Series.objects.filter(environment=period.environment_id, metric__isnull=False)
    rows = rows.filter(metric__hard_limit__isnull=False) if conditions_only else rows
    series = list(rows.select_related("metric").order_by("metric__key", "labels_digest"))
    return series if conditions_only else series + _response_times(period)


def _response_times(period: MonitoringPeriod) -> list[Series]:
    rows = Series.objects.filter(
        environment=period.environment_id, aspect=Series.RESPONSE_TIME, health_check__paused_at__isnull=True
    )
    return list(rows.select_related("health_check").order_by("health_check__name", "pk"))


def _metric_facts(series: Series) -> MetricFacts:
    metric = series.metric
    if metric is None:
        return _response_time_facts(series)
    digest = f":{series.labels_digest[:12]}" if series.labels_digest else ""
    return MetricFacts(
        key=f"metric:{metric.key}{digest}",
        name=_name_of(metric.name, series),
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


def _name_of(metric: str, series: Series) -> str:
    """The metric with its labels: "Requests (route /list)". Many labels are cut, with a mark that tells them apart."""
    labels = ", ".join(f"{name} {value}" for name, value in sorted(series.labels.items()))
    room = max(_LONGEST_NAME - len(metric), _SHORTEST_LABELS)
    if len(labels) > room:
        labels = f"{labels[:room].rstrip(', ')}… {series.labels_digest[:6]}"
    return f"{metric} ({labels})" if labels else metric


def _response_time_facts(series: Series) -> MetricFacts:
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


def _step(samples: Samples) -> float:
    """Seconds between two samples, by the latest of them."""
    times = samples.times[-200:]
    return max(float(np.median(np.diff(times))), 1e-3) if len(times) > 2 else 60.0


# --- checks -----------------------------------------------------------------------------------------------------------


def _checks(
    period: MonitoringPeriod,
    checks: Sequence[HealthCheck],
    window: Window,
    span: tuple[float, float],
    is_first: bool,
    read: AsOf,
    quiet: Quiet,
) -> Iterator[CheckEvidence]:
    outages = _outages(checks, window, is_first)
    series = dict(Series.objects.filter(health_check__in=checks, aspect=Series.UP).values_list("health_check_id", "pk"))
    found = read_before(lambda start, end: lines_of(list(series.values()), start, end, read=read), span)
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
        up, outage = found.get(series_id, Samples.empty()), outages.get(check.pk)
        yield CheckEvidence(facts, check.pk, series_id, up, outage, quiet[str(check.pk)])


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
