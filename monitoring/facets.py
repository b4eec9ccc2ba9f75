"""What a deployment's API answer shows of this floor: its watch and its verdict."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from django.conf import settings
from django.db.models import Exists, Model, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.urls import reverse
from rest_framework import serializers

from deployments.models import Deployment
from monitoring.models import MonitoringPeriod, PeriodStatus
from monitoring.selectors import PlannedWatch, planned_watches, watch_states
from monitoring.watch import LOOK_BACK, WORST_FIRST, WatchState
from postdeploy.api import Moment

#: A deployment's words, for the filter and the description.
STATES = (
    "pending", "watching", "healthy", "degraded", "failed", "inconclusive", "blind", "superseded", "cancelled",
    "not_deployed", "not_watched",
)  # fmt: skip
STAGES = ("not_begun", "initial", "extended", "ended", "none")


class WatchOutput(serializers.Serializer[Any]):
    """When the monitoring periods end."""

    state = serializers.ChoiceField(STAGES, help_text="Which period runs; `none`: nothing went live.")
    initial_until = Moment(allow_null=True)
    extended_until = Moment(allow_null=True)
    ended_at = Moment(allow_null=True, help_text="When the watch ended, or a newer deployment ended it.")


class VerdictOutput(serializers.Serializer[Any]):
    """What is known of the deployment so far; `verdict_url` has the findings."""

    state = serializers.ChoiceField(STATES)
    is_final = serializers.BooleanField(help_text="True when `state` is a verdict, or when there will be none.")
    sentence = serializers.CharField()
    decided_at = Moment(allow_null=True)
    next_look_at = Moment(allow_null=True)


class WatchFields(serializers.Serializer[Any]):
    """The added fields."""

    watch = WatchOutput()
    verdict = VerdictOutput()


class WatchFacet:
    """Adds `watch` and `verdict` to a deployment, and the filter `verdict` to their list."""

    serializer = WatchFields
    filters = {"verdict": f"One of: {', '.join(STATES)}."}

    def describe(self, rows: Sequence[Model], *, now: datetime) -> dict[Any, dict[str, Any]]:
        """Return the added fields by primary key, in three queries."""
        deployments = cast(Sequence[Deployment], rows)
        states = watch_states(deployments, now)
        plans = planned_watches(row for row in deployments if not states[row.pk].initial)
        return {
            pk: {"watch": watch_facts(state, plans.get(pk)), "verdict": verdict_facts(state)}
            for pk, state in states.items()
        }

    def narrow(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Return the deployments whose state is `value`; ValueError for an unknown one."""
        if value not in STATES:
            raise ValueError(f"Must be one of: {', '.join(STATES)}.")
        return rows.filter(_condition(value))


def watch_facts(state: WatchState, plan: PlannedWatch | None) -> dict[str, Any]:
    """Return the values of `WatchOutput`."""
    plan = plan or PlannedWatch()
    return {
        "state": _stage(state),
        "initial_until": state.initial.closes_at if state.initial else plan.initial_until,
        "extended_until": state.extended.closes_at if state.extended else plan.extended_until,
        "ended_at": state.ended_at,
    }


def verdict_facts(state: WatchState) -> dict[str, Any]:
    """Return the values of `VerdictOutput`."""
    return {
        "state": state.state,
        "is_final": state.is_final,
        "sentence": state.sentence,
        "decided_at": state.decided_at,
        "next_look_at": state.next_look_at,
    }


def verdict_address(deployment: Deployment) -> str:
    """Return where the gate of a deployment answers."""
    return f"{settings.SITE_URL}{reverse('api_verdict', kwargs={'deployment': deployment.pk})}"


def _stage(state: WatchState) -> str:
    if state.initial and state.initial.is_open:
        return "initial"
    if state.extended and state.extended.is_open:
        return "extended"
    if state.initial:
        return "ended"
    return "none" if state.is_final else "not_begun"


# --- the same words, as conditions of the database --------------------------------------------------------------------


def _has(**lookups: Any) -> Exists:
    return Exists(MonitoringPeriod.objects.filter(deployment=OuterRef("pk"), **lookups))


def _condition(state: str) -> Q:
    if state in (result.lower() for result in WORST_FIRST):
        worse = WORST_FIRST[: WORST_FIRST.index(state.upper())]
        return Q(_has(result=state.upper()), ~_has(result__in=worse), status="SUCCEEDED")
    undecided = Q(~_has(result__isnull=False), status="SUCCEEDED")
    is_recent = Q(finished_at__gte=Now() - LOOK_BACK)
    conditions = {
        "pending": Q(status__in=("PENDING", "RUNNING")),
        "cancelled": Q(status="CANCELLED"),
        "not_deployed": Q(status="FAILED"),
        "watching": undecided & (Q(_has(status=PeriodStatus.OPEN)) | (Q(~_has()) & is_recent)),
        "superseded": undecided & Q(_has(), ~_has(status=PeriodStatus.OPEN)),
        "not_watched": undecided & Q(~_has()) & ~is_recent,
    }
    return conditions[state]
