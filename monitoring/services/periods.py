"""Opening monitoring periods, and ending them where the next deployment begins."""

import uuid
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import DurationField, Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet, Value

from deployments.models import Deployment, DeploymentStatus, Environment
from monitoring.models import MonitoringPeriod, MonitoringPolicy, PeriodStatus, Stage
from monitoring.services.overlap import LONGEST_ROLL_OUT, cut_by, first_to_begin
from monitoring.services.policies import ensure_policy
from monitoring.signals import period_opened
from monitoring.watch import BAD, LOOK_BACK
from postdeploy.lib.bells import ring
from postdeploy.lib.sweeps import each

SECOND = timedelta(seconds=1)
_ENDING = ("status", "superseded_by", "ended_at", "next_look_at")


def open_periods(*, now: datetime) -> int:
    """Give each deployment that went live its two monitoring periods; return how many deployments got them."""
    withdraw_periods(now=now)
    return each(unwatched(now), lambda deployment: _open(deployment, now), name="open_periods")


def withdraw_periods(*, now: datetime) -> None:
    """End the watch of deployments that, as was reported later, did not go live after all.

    What was not decided goes without trace: should the deployment be said to have succeeded again, it is watched again.
    What it had ended goes on.
    """
    mistaken = MonitoringPeriod.objects.open().exclude(deployment__status=DeploymentStatus.SUCCEEDED)
    with transaction.atomic():
        deployments = set(mistaken.values_list("deployment", flat=True))
        mistaken.filter(result__isnull=False).update(status=PeriodStatus.SUPERSEDED, ended_at=now, next_look_at=None)
        mistaken.filter(result__isnull=True).delete()
        if deployments:
            _resume(deployments, now)


def _resume(mistaken: Collection[uuid.UUID], now: datetime) -> None:
    """Let periods go on that were ended by deployments that did not go live, unless another one ended them as well."""
    ended = MonitoringPeriod.objects.select_for_update(no_key=True, of=("self",)).filter(superseded_by__in=mistaken)
    periods = list(ended.exclude(deployment__in=mistaken).select_related("deployment").order_by("pk"))
    for period in periods:
        period.status, period.superseded_by, period.ended_at, period.next_look_at = PeriodStatus.OPEN, None, None, now
        if period.result is None:
            period.looks_taken = 0  # what its last look spent was spent on a mistake
        if successor := _successor(period.deployment):
            _end([period], by=successor, now=now)
    MonitoringPeriod.objects.bulk_update(periods, [*_ENDING, "looks_taken"])
    for deployment_id in {period.deployment_id for period in periods if period.status == PeriodStatus.OPEN}:
        ring(period_opened, deployment_id=deployment_id)


def unwatched(now: datetime) -> QuerySet[Deployment]:
    """Deployments that went live, without periods: of the last days, or such that their watch would still run."""
    watch = ExpressionWrapper(
        (F("environment__policy__initial_seconds") + F("environment__policy__extended_seconds")) * Value(SECOND),
        output_field=DurationField(),
    )
    periods = MonitoringPeriod.objects.filter(deployment=OuterRef("pk"))
    return (
        Deployment.objects.succeeded()
        .filter(~Exists(periods), finished_at__lte=now + timedelta(minutes=10))
        .filter(Q(finished_at__gte=now - LOOK_BACK) | Q(finished_at__gt=Value(now) - watch))
        .select_related("environment")
        .order_by("finished_at")
    )


def _open(deployment: Deployment, now: datetime) -> bool:
    """Open the periods of one deployment; False when another worker was first."""
    with transaction.atomic():
        environment = Environment.objects.select_for_update(no_key=True).get(pk=deployment.environment_id)
        if MonitoringPeriod.objects.filter(deployment=deployment).exists():
            return False
        policy = ensure_policy(environment=environment)
        periods = MonitoringPeriod.objects.bulk_create(_planned(deployment, policy, now))
        _supersede_older(deployment, now)
        if any(period.status == PeriodStatus.OPEN for period in periods):
            ring(period_opened, deployment_id=deployment.pk)
    return True


def _planned(deployment: Deployment, policy: MonitoringPolicy, now: datetime) -> list[MonitoringPeriod]:
    assert deployment.finished_at  # a database constraint: what went live has a time
    initial_end = deployment.finished_at + policy.initial_seconds * SECOND
    spans = (
        (Stage.INITIAL, deployment.finished_at, initial_end, policy.initial_interval_seconds),
        (Stage.EXTENDED, initial_end, initial_end + policy.extended_seconds * SECOND, policy.extended_interval_seconds),
    )
    periods = [
        MonitoringPeriod(
            deployment=deployment,
            environment_id=deployment.environment_id,
            stage=stage,
            opens_at=opens_at,
            closes_at=closes_at,
            policy=policy.snapshot(),
            interval_seconds=interval,
            next_look_at=max(opens_at, now),
        )
        for stage, opens_at, closes_at, interval in spans
    ]
    if successor := _successor(deployment):
        _end(periods, by=successor, now=now)
    return periods


def _successor(deployment: Deployment) -> Deployment | None:
    """The deployment that ends the watch of this one: of those that went live later, the first to begin."""
    same_time = Q(finished_at=deployment.finished_at, reported_at__gt=deployment.reported_at)
    later = Deployment.objects.succeeded().filter(
        Q(finished_at__gt=deployment.finished_at) | same_time, environment=deployment.environment_id
    )
    return first_to_begin(later)


def _supersede_older(deployment: Deployment, now: datetime) -> None:
    """End what ran in the environment when this deployment began.

    A report that comes late may also show that something ended earlier than was thought.
    """
    assert deployment.finished_at  # a database constraint: what went live has a time
    same_time = Q(deployment__finished_at=deployment.finished_at, deployment__reported_at__lt=deployment.reported_at)
    older = MonitoringPeriod.objects.select_for_update(no_key=True, of=("self",)).filter(
        Q(deployment__finished_at__lt=deployment.finished_at) | same_time,
        Q(ended_at__isnull=True) | Q(status=PeriodStatus.SUPERSEDED),
        environment=deployment.environment_id,
        closes_at__gt=deployment.finished_at - LONGEST_ROLL_OUT,
    )
    ended = _end(older.select_related("deployment").order_by("pk"), by=deployment, now=now)
    MonitoringPeriod.objects.bulk_update(ended, _ENDING)


def _end(periods: Iterable[MonitoringPeriod], *, by: Deployment, now: datetime) -> list[MonitoringPeriod]:
    """Mark those that run beyond where `by` begins as superseded.

    What had begun undecided gets a last look, and of what was found bad the blame is shared with what is known by now.
    """
    ended = [period for period in periods if cut_by(by, period.deployment) < (period.ended_at or period.closes_at)]
    for period in ended:
        period.status = PeriodStatus.SUPERSEDED
        period.superseded_by = by
        period.ended_at = cut_by(by, period.deployment)
        is_undecided = period.result is None and period.opens_at < period.ended_at
        period.next_look_at = now if is_undecided or period.result in BAD else None
    return ended
