"""What of an environment's history says nothing of what is normal, and why."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from deployments.models import Deployment, Environment
from monitoring import maintenance
from monitoring.judge import stretches
from monitoring.judge.stretches import Stretch
from monitoring.models import MaintenanceWindow, MonitoringPeriod, Outage, ProberOutage, Ruling, RulingKind, Stage
from monitoring.services.evidence.reading import moments
from monitoring.services.evidence.shapes import Anomaly, LeftOut
from monitoring.services.overlap import began_at
from monitoring.watch import BAD


def anomalies(environment: Environment, span: Stretch, *, but: Collection[UUID]) -> tuple[LeftOut, ...]:
    """Return what lies in `span`: outages of critical checks, planned maintenance, bad deployments, our own outages.

    `but` are deployments that do not count: the one that is judged, and the one that it is compared with. Four queries.
    """
    start, end = moments(span)
    found = [
        *_outages(environment, start, end),
        *_maintenance(environment, start, end),
        *bad_deployments(environment, start, end, but=but),
        *_our_outages(start, end),
    ]
    cut = (LeftOut(one.kind, one.name, one.reference, stretches.cut(one.spans, *span)) for one in found)
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
    """Yield earlier deployments that were degraded or failed: from their onset until they were replaced, or their watch
    was over."""
    of_them = MonitoringPeriod.objects.filter(environment=environment, opens_at__lt=end, closes_at__gt=start)
    bad = of_them.filter(result__in=BAD).exclude(deployment__in=but).exclude(deployment__in=_acquitted())
    rows = (
        MonitoringPeriod.objects.filter(deployment__in=bad.values("deployment"))
        .select_related("deployment")
        .order_by("opens_at", "pk")
    )
    periods: defaultdict[UUID, list[MonitoringPeriod]] = defaultdict(list)
    for row in rows.order_by("opens_at", "pk"):
        periods[row.deployment_id].append(row)
    for found in periods.values():
        deployment = found[0].deployment
        yield LeftOut(Anomaly.DEPLOYMENT, deployment.version, str(deployment.pk), (_time_of(deployment, found),))


def _acquitted() -> QuerySet[Ruling, Any]:
    """Deployments of which people said that what was found was not theirs, or was meant to be: it is normal now."""
    kinds = (RulingKind.NOT_US, RulingKind.EXPECTED)
    return Ruling.objects.current().of_deployments().filter(kind__in=kinds).values("deployment")


def _time_of(deployment: Deployment, periods: Iterable[MonitoringPeriod]) -> Stretch:
    onset = min(
        (began_at(deployment) if period.stage == Stage.INITIAL else None) or period.opens_at
        for period in periods
        if period.result in BAD
    )
    return _stretch(onset, max(period.ended_at or period.closes_at for period in periods))


def _our_outages(start: datetime, end: datetime) -> Iterator[LeftOut]:
    rows = ProberOutage.objects.filter(Q(ended_at__isnull=True) | Q(ended_at__gt=start), began_at__lt=end)
    for row in rows.order_by("began_at", "pk"):
        yield LeftOut(Anomaly.PROBER, row.reason, str(row.pk), (_stretch(row.began_at, row.ended_at or end),))


def _stretch(start: datetime, end: datetime) -> Stretch:
    return start.timestamp(), end.timestamp()
