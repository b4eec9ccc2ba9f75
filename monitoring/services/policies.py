"""How long and how often an environment is watched."""

from datetime import datetime
from typing import Any

from deployments.models import Environment, Tier
from monitoring.models import MonitoringPolicy

MINUTE, HOUR, DAY = 60, 3600, 86_400

#: What an environment starts with; a maintainer may change it. The rest is the model's default.
POLICY_OF_TIER: dict[str, dict[str, int]] = {
    Tier.PRODUCTION: {"initial_seconds": 60 * MINUTE, "extended_seconds": 72 * HOUR},
    Tier.STAGING: {"initial_seconds": 30 * MINUTE, "extended_seconds": 24 * HOUR},
    Tier.TESTING: {"initial_seconds": 15 * MINUTE, "extended_seconds": 4 * HOUR, "initial_interval_seconds": 30},
    Tier.DEVELOPMENT: {"initial_seconds": 15 * MINUTE, "extended_seconds": 1 * HOUR, "initial_interval_seconds": 30},
    Tier.OTHER: {"initial_seconds": 60 * MINUTE, "extended_seconds": 24 * HOUR},
}


def ensure_policy(*, environment: Environment) -> MonitoringPolicy:
    """Return the environment's policy, made from its tier's defaults if there is none yet."""
    policy, _ = MonitoringPolicy.objects.get_or_create(
        environment=environment, defaults=POLICY_OF_TIER[environment.tier]
    )
    return policy


def save_policy(*, environment: Environment, now: datetime, **numbers: int) -> MonitoringPolicy:
    """Change how `environment` will be watched; periods under way keep the policy they began with."""
    del now  # a policy has no time of its own: each period carries the one it began with
    policy = ensure_policy(environment=environment)
    for name, value in numbers.items():
        setattr(policy, name, value)
    policy.full_clean(exclude=["environment"])
    policy.save()
    return policy


def default_policy(environment: Environment) -> dict[str, Any]:
    """Return the numbers that `ensure_policy` would start with, without storing anything."""
    return MonitoringPolicy(environment=environment, **POLICY_OF_TIER[environment.tier]).snapshot()
