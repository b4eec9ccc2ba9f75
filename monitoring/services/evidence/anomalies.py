"""What of an environment's history says nothing of what is normal, and why."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from deployments.models import Environment
from monitoring import maintenance
from monitoring.judge import stretches
from monitoring.judge.stretches import Stretch
from monitoring.models import (
    HealthCheck,
    MaintenanceWindow,
    MonitoringPeriod,
    Outage,
    ProberOutage,
    Ruling,
    RulingKind,
    Stage,
)
from monitoring.services.evidence.reading import moments
from monitoring.services.evidence.shapes import Anomaly, LeftOut
from monitoring.services.overlap import began_at
from monitoring.watch import BAD

_ACQUITTED = (RulingKind.NOT_US, RulingKind.EXPECTED)
_IS_BAD = Q(result__in=BAD) | Exists(
    Ruling.objects.current().of_deployments().filter(kind=RulingKind.US, deployment=OuterRef("deployment"))
)


def anomalies(environment: Environment, span: Stretch, *, but: Collection[UUID]) -> tuple[LeftOut, ...]:
    """Return what lies in `span`: outages of critical checks, planned maintenance, bad deployments, our own outages.

    `but` are deployments that do not count: the one that is judged, and the one that it is compared with. Six queries.
    """
    start, end = moments(span)
    found = [
        *_outages(environment, start, end),
        *_maintenance(environment, start, end),
        *bad_deployments(environment, start, end, but=but),
        *_our_outages(environment, start, end),
    ]
    cut = (replace(one, spans=stretches.cut(one.spans, *span)) for one in found)
    return tuple(one for one in cut if one.spans)


def _outages(environment: Environment, start: datetime, end: datetime) -> Iterator[LeftOut]:
    rows = Outage.objects.between(start, end).filter(
        health_check__environment=environment, health_check__is_critical=True
    )
    spans: defaultdict[tuple[str, int], list[Stretch]] = defaultdict(list)
    for name, check, began, ended in rows.values_list("health_check__name", "health_check_id", "began_at", "ended_at"):
        spans[name, check].append(_stretch(began, ended or end))
    for (name, check), found in sorted(spans.items()):
        yield LeftOut(Anomaly.OUTAGE, name, str(check), tuple(found))


def _maintenance(environment: Environment, start: datetime, end: datetime) -> Iterator[LeftOut]:
    """Of the whole environment: work on one check says nothing of the metrics."""
    rows = MaintenanceWindow.objects.filter(
        Q(environment=environment) | Q(environment=None), project=environment.project_id, health_check=None
    )
    for row in rows.between(start, end).order_by("starts_at", "pk"):
        window = maintenance.Window(row.starts_at, row.ends_at, row.every_week, row.ended_at)
        spans = tuple(_stretch(*span) for span in maintenance.spans(window, start, end))
        yield LeftOut(Anomaly.MAINTENANCE, row.reason, str(row.pk), spans)


def bad_deployments(
    environment: Environment, start: datetime, end: datetime, *, but: Collection[UUID]
) -> Iterator[LeftOut]:
    """Yield earlier deployments that were bad: from their onset until they were replaced, or their watch was over.

    Bad is what was found degraded or failed, unless people ruled that it was not theirs or was meant to be (then it is
    normal now, of one finding for that metric alone), and of what people said that it was them.
    """
    rows = MonitoringPeriod.objects.filter(environment=environment, opens_at__lt=end).exclude(deployment__in=but)
    known = {row["deployment"] for row in rows.filter(_IS_BAD, closes_at__gt=start).values("deployment")}
    rulings: defaultdict[UUID, dict[str, str]] = defaultdict(dict)
    for deployment, key, kind in (
        Ruling.objects.current().filter(deployment__in=known).values_list("deployment", "key", "kind")
    ):
        rulings[deployment][key] = kind
    periods: defaultdict[UUID, list[MonitoringPeriod]] = defaultdict(list)
    for row in rows.filter(deployment__in=known).select_related("deployment").order_by("opens_at", "pk"):
        periods[row.deployment_id].append(row)
    for pk, found in periods.items():
        if rulings[pk].get("") not in _ACQUITTED:
            normal = tuple(sorted(key for key, kind in rulings[pk].items() if kind in _ACQUITTED))
            version, span = found[0].deployment.version, _time_of(found)
            yield LeftOut(Anomaly.DEPLOYMENT, version, str(pk), (span,), normal_for=normal)


def _time_of(periods: Collection[MonitoringPeriod]) -> Stretch:
    bad = [period for period in periods if period.result in BAD] or periods
    onset = min(
        (began_at(period.deployment) if period.stage == Stage.INITIAL else None) or period.opens_at for period in bad
    )
    return _stretch(onset, max(period.ended_at or period.closes_at for period in periods))


def _our_outages(environment: Environment, start: datetime, end: datetime) -> Iterator[LeftOut]:
    """Yield what was lost from sight at home, or at a location from which something here is read."""
    seen_from = HealthCheck.objects.filter(environment=environment).order_by().values("location")
    rows = ProberOutage.objects.filter(Q(ended_at__isnull=True) | Q(ended_at__gt=start), began_at__lt=end)
    for row in rows.filter(Q(location="") | Q(location__in=seen_from)).order_by("began_at", "pk"):
        yield LeftOut(Anomaly.PROBER, row.reason, str(row.pk), (_stretch(row.began_at, row.ended_at or end),))


def _stretch(start: datetime, end: datetime) -> Stretch:
    return start.timestamp(), end.timestamp()
