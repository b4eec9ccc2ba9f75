"""What is known of deployments: their watch, its verdicts and findings."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F, OuterRef, QuerySet, Subquery

from deployments.models import Deployment, DeploymentStatus, Environment
from monitoring.models import Finding, MonitoringPeriod, MonitoringPolicy, Verdict
from monitoring.watch import LOOK_BACK, Period, Subject, WatchState, watch_state

WatchStates = dict[uuid.UUID, WatchState]


def watch_states(deployments: Iterable[Deployment], now: datetime, *, until: str | None = None) -> WatchStates:
    """Return what is known of each deployment, by its id; `until` as in `watch.watch_state`.

    Two queries, and a third one where a verdict waits for a roll-out.
    """
    rows = list(deployments)
    periods = _periods(rows)
    looks = _standing_verdicts(period for found in periods.values() for period in found)
    facts = {row.pk: [_facts(period, looks.get(period.pk)) for period in periods[row.pk]] for row in rows}
    waiting = awaited_by(pk for pk, found in facts.items() if any(period.is_overdue for period in found))
    return {
        row.pk: watch_state(_subject(row, periods[row.pk], now, waiting.get(row.pk, "")), facts[row.pk], until=until)
        for row in rows
    }


def awaited_by(deployment_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, str]:
    """Return the version whose roll-out the overdue verdict of each deployment waits for; one query if there are any.

    A verdict is overdue when its period is over and still to be judged: the roll-out began while it ran.
    """
    overdue = MonitoringPeriod.objects.open().filter(
        deployment__in=list(deployment_ids), result__isnull=True, next_look_at__gt=F("closes_at")
    )
    under_way = Deployment.objects.filter(
        status=DeploymentStatus.RUNNING, environment=OuterRef("environment"), started_at__lt=OuterRef("closes_at")
    )
    version = under_way.exclude(pk=OuterRef("deployment")).order_by("-started_at").values("version")[:1]
    found = overdue.annotate(version=Subquery(version)).values_list("deployment", "version")
    return {deployment: name for deployment, name in found if name}


def _periods(deployments: Sequence[Deployment]) -> defaultdict[uuid.UUID, list[MonitoringPeriod]]:
    found: defaultdict[uuid.UUID, list[MonitoringPeriod]] = defaultdict(list)
    rows = MonitoringPeriod.objects.filter(deployment__in=[row.pk for row in deployments])
    for period in rows.select_related("superseded_by").order_by("opens_at"):
        found[period.deployment_id].append(period)
    return found


def _standing_verdicts(periods: Iterable[MonitoringPeriod]) -> dict[int, Verdict]:
    """The final verdict of each period, else its latest look."""
    ids = [period.pk for period in periods]
    looks = (
        Verdict.objects.filter(period__in=ids).order_by("period_id", "-is_final", "-looked_at").distinct("period_id")
    )
    return {look.period_id: look for look in looks.defer("inputs", "reasons")}


def _subject(deployment: Deployment, periods: Sequence[MonitoringPeriod], now: datetime, waits_for: str) -> Subject:
    successor = next((period.superseded_by for period in periods if period.superseded_by), None)
    return Subject(
        id=deployment.pk,
        status=deployment.status,
        is_too_old=deployment.finished_at is not None and deployment.finished_at < now - LOOK_BACK,
        superseded_by=successor.version if successor else "",
        superseded_by_id=successor.pk if successor else None,
        waits_for=waits_for,
    )


def _facts(period: MonitoringPeriod, look: Verdict | None) -> Period:
    return Period(
        stage=period.stage,
        status=period.status,
        opens_at=period.opens_at,
        closes_at=period.closes_at,
        ended_at=period.ended_at,
        result=period.result,
        decided_at=period.decided_at,
        next_look_at=period.next_look_at,
        verdict_id=look.pk if look else None,
        so_far=look.result if look else None,
        sentence=look.sentence if look else "",
        looked_at=look.looked_at if look else None,
        is_dry_run=period.is_dry_run,
    )


def findings_of(deployment: Deployment) -> list[Finding]:
    """Return the findings behind the word that stands for `deployment`, what matters most first."""
    state = watch_states([deployment], deployment.reported_at)[deployment.pk]
    return list(findings_of_verdict(state.verdict_id))


def findings_of_verdict(verdict_id: int | None) -> QuerySet[Finding]:
    """Return the findings of one look, what matters most first, with their series, metric and check."""
    found = Finding.objects.filter(verdict_id=verdict_id) if verdict_id else Finding.objects.none()
    return found.select_related("series__metric", "health_check").order_by("position", "pk")


@dataclass(frozen=True)
class PlannedWatch:
    """When the two periods of a deployment end, or will end by its environment's policy."""

    initial_until: datetime | None = None
    extended_until: datetime | None = None


def planned_watches(deployments: Iterable[Deployment]) -> dict[uuid.UUID, PlannedWatch]:
    """Return when the watch of deployments that went live would end by today's policies, in one query."""
    rows = [row for row in deployments if row.finished_at and row.status == "SUCCEEDED"]
    policies = {policy.environment_id: policy for policy in _policies({row.environment_id for row in rows})}
    return {
        row.pk: _plan(row.finished_at, policies.get(row.environment_id) or MonitoringPolicy.of_tier(row.environment))
        for row in rows
        if row.finished_at
    }


def policies_of(environments: Sequence[Environment]) -> list[MonitoringPolicy]:
    """Return the policy of each environment, in their order and in one query; unsaved where there is none yet."""
    known = {policy.environment_id: policy for policy in _policies({row.pk for row in environments})}
    policies = [known.get(row.pk) or MonitoringPolicy.of_tier(row) for row in environments]
    for policy, environment in zip(policies, environments, strict=True):
        policy.environment = environment
    return policies


def _policies(environment_ids: set[int]) -> Iterable[MonitoringPolicy]:
    return MonitoringPolicy.objects.filter(environment__in=environment_ids) if environment_ids else ()


def _plan(finished_at: datetime, policy: MonitoringPolicy) -> PlannedWatch:
    initial_until = finished_at + timedelta(seconds=policy.initial_seconds)
    return PlannedWatch(initial_until, initial_until + timedelta(seconds=policy.extended_seconds))
