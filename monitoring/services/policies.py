"""How long and how often an environment is watched."""

from datetime import datetime

from deployments.models import Environment
from monitoring.models import POLICY_OF_TIER, MonitoringPolicy


def ensure_policy(*, environment: Environment) -> MonitoringPolicy:
    """Return the environment's policy, made from its tier's defaults if there is none yet."""
    policy, _ = MonitoringPolicy.objects.get_or_create(
        environment=environment, defaults=dict(POLICY_OF_TIER[environment.tier])
    )
    return policy


def save_policy(*, environment: Environment, now: datetime, **numbers: int) -> MonitoringPolicy:
    """Change how `environment` will be watched; periods under way keep the policy they began with.

    Raises django's ValidationError naming the field that is out of range.
    """
    del now  # a policy has no time of its own: each period carries the one it began with
    policy = ensure_policy(environment=environment)
    for name, value in numbers.items():
        setattr(policy, name, value)
    policy.full_clean(exclude=["environment"])
    policy.save()
    return policy
