"""The deployment that a policy compares with, found for one look."""

from django.core.exceptions import ValidationError

from deployments.models import Deployment
from monitoring.judge import stretches
from monitoring.judge.facts import Window
from monitoring.models import MonitoringPeriod
from monitoring.services.evidence.anomalies import anomalies
from monitoring.services.evidence.shapes import Baseline
from monitoring.services.overlap import cut_by, first_to_begin


class NoReference(Exception):
    """A pinned reference that cannot be used; the text says why, as a part of a sentence."""


def pinned_baseline(period: MonitoringPeriod, window: Window) -> Baseline | None:
    """Return the stretch under the policy's reference, None where nothing is pinned; NoReference says what is wrong.

    It begins when the reference had settled and ends where the next roll-out began, and is as long as the policy's
    history at most.
    """
    pinned = period.policy.get("reference")
    if not pinned:
        return None
    reference = _find(pinned, period)
    finished_at = reference.finished_at
    if finished_at is None or finished_at.timestamp() >= window.deployed_at:
        raise NoReference(f"{reference.version}, the pinned reference, did not go live before it")
    settled = finished_at.timestamp() + _settle_seconds(period)
    start, end, shift = stretches.aligned(
        max(settled, _until(reference, window) - float(period.policy["baseline_seconds"])),
        _until(reference, window),
        window.deployed_at,
    )
    if start >= end:
        raise NoReference(f"{reference.version}, the pinned reference, was replaced before it had settled")
    left_out = anomalies(period.environment, (start, end), but=(period.deployment_id, reference.pk))
    return Baseline(start, end, left_out, shift, str(reference.pk), reference.version)


def _find(pinned: str, period: MonitoringPeriod) -> Deployment:
    if pinned == str(period.deployment_id):
        raise NoReference("it is the pinned reference itself")
    try:
        found = Deployment.objects.succeeded().filter(environment=period.environment_id, pk=pinned).first()
    except (ValidationError, ValueError):
        found = None
    if found is None:
        raise NoReference("the pinned reference is no deployment of this environment any more")
    return found


def _settle_seconds(period: MonitoringPeriod) -> float:
    return float(min(period.policy["settle_seconds"], period.policy["initial_seconds"] / 4))


def _until(reference: Deployment, window: Window) -> float:
    """Where the next roll-out in the environment began, or the one that is judged."""
    later = Deployment.objects.succeeded().filter(
        environment=reference.environment_id, finished_at__gt=reference.finished_at
    )
    following = first_to_begin(later)
    return min(window.deployed_at, cut_by(following, reference).timestamp()) if following else window.deployed_at
