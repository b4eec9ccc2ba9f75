"""How long and how often an environment is watched, how carefully, and what it is compared with."""

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError

from deployments.models import Deployment, DeploymentStatus, Environment
from monitoring.models import POLICY_OF_TIER, MonitoringPolicy, Retention

DAY_SECONDS = 86_400


def ensure_policy(*, environment: Environment) -> MonitoringPolicy:
    """Return the environment's policy, made from its tier's defaults if there is none yet."""
    policy, _ = MonitoringPolicy.objects.get_or_create(
        environment=environment, defaults=dict(POLICY_OF_TIER[environment.tier])
    )
    return policy


def save_policy(*, environment: Environment, now: datetime, **changes: Any) -> MonitoringPolicy:
    """Change how `environment` will be watched; periods under way keep the policy they began with.

    Raises django's ValidationError naming the field: out of range, beyond what is kept, or no reference.
    """
    del now  # a policy has no time of its own: each period carries the one it began with
    _refuse_reference(changes.get("reference"), environment)
    if (limit := changes.get("chance_limit")) != limit:  # not a number: it is within no range, and beyond none
        raise ValidationError({"chance_limit": "It must be a number."})
    policy = ensure_policy(environment=environment)
    for name, value in changes.items():
        setattr(policy, name, value)
    policy.full_clean(exclude=["environment"])
    if "baseline_seconds" in changes:
        _refuse_baseline(policy)
    policy.save()
    return policy


def pin_reference(*, deployment: Deployment, now: datetime) -> MonitoringPolicy:
    """Compare what will be deployed to the same environment with how it was under `deployment`."""
    return save_policy(environment=deployment.environment, now=now, reference=deployment)


def _refuse_baseline(policy: MonitoringPolicy) -> None:
    """What a deployment is compared with must still be kept."""
    kept = Retention.objects.filter(project=policy.environment.project_id).first() or Retention()
    if policy.baseline_seconds > kept.raw_days * DAY_SECONDS:
        sentence = f"Samples are kept for {kept.raw_days} d: compare with less, or keep them longer under Retention."
        raise ValidationError({"baseline_seconds": sentence})


def _refuse_reference(reference: Deployment | None, environment: Environment) -> None:
    if reference is None:
        return
    if reference.environment_id != environment.pk:
        raise ValidationError({"reference": "It went to another environment; choose one of this environment."})
    if reference.status != DeploymentStatus.SUCCEEDED:
        raise ValidationError({"reference": "It did not go live; choose a deployment that succeeded."})
