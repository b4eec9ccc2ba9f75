"""Deployments that follow each other closely: when one begins to change what runs, and what that cuts short."""

from datetime import datetime, timedelta

from django.db.models import DateTimeField, ExpressionWrapper, F, Q, Value
from django.db.models.functions import Coalesce, Greatest

from deployments.models import Deployment, DeploymentQuerySet, DeploymentStatus

#: A roll-out that is said to have taken longer than this was waiting for something else.
LONGEST_ROLL_OUT = timedelta(hours=2)


def began_at(deployment: Deployment) -> datetime | None:
    """When `deployment` began to change what runs: its start, else its end; None when neither is known."""
    started_at, finished_at = deployment.started_at, deployment.finished_at
    if finished_at is None:
        return started_at
    return max(started_at or finished_at, finished_at - LONGEST_ROLL_OUT)


def first_to_begin(rows: DeploymentQuerySet) -> Deployment | None:
    """Return which of these deployments, all of them live at some time, began before the others."""
    longest = ExpressionWrapper(F("finished_at") - Value(LONGEST_ROLL_OUT), output_field=DateTimeField())
    onset = Greatest(Coalesce("started_at", "finished_at"), longest)
    return rows.annotate(onset=onset).order_by("onset", "reported_at").first()


def cut_by(successor: Deployment, deployment: Deployment) -> datetime:
    """Where the watch of `deployment` ends for `successor`: where that begins, but not before it was live itself."""
    times = [at for at in (began_at(successor), deployment.finished_at) if at is not None]
    return max(times)


def cut_for_now(deployment: Deployment, *, at: datetime) -> datetime | None:
    """Where the watch of `deployment` would end if the roll-out under way in its environment succeeds; None without.

    A roll-out that is never said to have ended is forgotten after `LONGEST_ROLL_OUT`.
    """
    is_under_way = Q(
        status=DeploymentStatus.RUNNING, finished_at__isnull=True, started_at__range=(at - LONGEST_ROLL_OUT, at)
    )
    has_just_ended = Q(status=DeploymentStatus.SUCCEEDED, finished_at__gt=deployment.finished_at)
    rows = Deployment.objects.filter(is_under_way | has_just_ended, environment=deployment.environment_id)
    return min((cut_by(row, deployment) for row in rows.exclude(pk=deployment.pk)), default=None)
