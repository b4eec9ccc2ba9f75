"""For how long a project keeps what it measures."""

from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import transaction

from deployments.models import Project
from monitoring.models import MonitoringPolicy, Retention
from postdeploy.lib import words

LEAST, MOST = 1, 3650
TIERS = ("raw_days", "minute_days", "hour_days")
_RANGE = f"Type a whole number of days between {LEAST} and {MOST:,}."


def save_retention(*, project: Project, raw_days: int, minute_days: int, hour_days: int) -> Retention:
    """Say for how many days `project` keeps samples, and their roll-ups of a minute and of an hour.

    What is older goes within the hour. ValidationError names the field and the fix.
    """
    days = {"raw_days": raw_days, "minute_days": minute_days, "hour_days": hour_days}
    with transaction.atomic():
        Project.objects.select_for_update(no_key=True).get(pk=project.pk)
        if errors := _errors(project, days):
            raise ValidationError({name: [sentence] for name, sentence in errors.items()})
        return Retention.objects.update_or_create(project=project, defaults=days)[0]


def _errors(project: Project, days: dict[str, int]) -> dict[str, str]:
    errors = {name: _RANGE for name in TIERS if not LEAST <= days[name] <= MOST}
    if errors:
        return errors
    if days["minute_days"] < days["raw_days"]:
        errors["minute_days"] = (
            f"Keep them at least as long as samples ({days['raw_days']} d): they are what is left of those."
        )
    if days["hour_days"] < days["minute_days"]:
        errors["hour_days"] = f"Keep them at least as long as roll-ups of a minute ({days['minute_days']} d)."
    return errors | _too_short_to_compare(project, days["raw_days"])


def _too_short_to_compare(project: Project, raw_days: int) -> dict[str, str]:
    """A verdict compares with samples of earlier days: they must not be gone when it does."""
    policies = MonitoringPolicy.objects.filter(environment__project=project).select_related("environment")
    longest = max(policies, key=lambda policy: policy.baseline_seconds, default=None)
    if longest is None or longest.baseline_seconds <= raw_days * 86_400:
        return {}
    compared = words.period(timedelta(seconds=longest.baseline_seconds))
    sentence = f"A deployment to {longest.environment.name} is compared with the {compared} before it: keep samples"
    return {"raw_days": f"{sentence} as long, or compare with less under Watching."}
