"""Ready-made rules for what a project measures and nobody watches yet."""

from deployments.models import Project
from monitoring.models import AlertRule, HealthCheck, Metric
from monitoring.suggestions import Measured, Suggestion, suggestions


def suggested_rules(project: Project) -> list[Suggestion]:
    """Return the suggestions for `project` that nobody has taken, in three queries."""
    names = set(AlertRule.objects.of(project).values_list("name", flat=True))
    measured = [_measured(metric) for metric in Metric.objects.of(project).filter(is_muted=False).order_by("name")]
    found = suggestions(measured, has_checks=HealthCheck.objects.of(project).exists())
    return [one for one in found if one.name not in names]


def suggestion(project: Project, key: str) -> Suggestion | None:
    """Return the suggestion of `key`, None when there is none any more."""
    return next((one for one in suggested_rules(project) if one.key == key), None)


def rule_of(project: Project, one: Suggestion) -> AlertRule:
    """Return the rule that a suggestion means, not saved."""
    fields = {("metric_id" if name == "metric" else name): value for name, value in one.definition.items()}
    return AlertRule(project=project, name=one.name, **fields)


def _measured(metric: Metric) -> Measured:
    return Measured(
        pk=metric.pk,
        key=metric.key,
        name=metric.name,
        unit=metric.unit,
        kind=metric.kind,
        bad_direction=metric.bad_direction,
        hard_limit=metric.hard_limit,
        capacity=getattr(metric, "capacity_limit", None),
    )
