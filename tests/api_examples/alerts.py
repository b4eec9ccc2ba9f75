"""Alert rules, objectives, alerts, maintenance and sources."""

from datetime import timedelta

from django.utils import timezone

from tests.api_examples.registry import Request, example
from tests.factories import (
    AlertFactory,
    AlertRuleFactory,
    EnvironmentFactory,
    HealthCheckFactory,
    MaintenanceWindowFactory,
    MetricFactory,
    ObjectiveFactory,
    PulledSourceFactory,
)


@example("list_rules", 200)
def list_rules(project):
    AlertRuleFactory(metric=MetricFactory(project=project))
    return Request("/rules")


@example("list_rules", 404)
def list_rules_elsewhere(project):
    return Request("/rules", query="project=nothing")


@example("make_rule", 201)
def make_rule(project):
    MetricFactory(project=project, key="checkout_p95", unit="ms")
    what = {
        "metric": "checkout_p95",
        "aggregate": "mean",
        "direction": "above",
        "threshold": 800,
        "window_seconds": 300,
    }
    return Request("/rules", {"project": "shop", "name": "Slow checkout", **what, "hold_seconds": 600})


@example("make_rule", 404)
def make_rule_elsewhere(project):
    return Request("/rules", {**make_rule(project).body, "project": "nothing"})


def ruled(project):
    return AlertRuleFactory(metric=MetricFactory(project=project))


@example("read_rule", 200)
def read_rule(project):
    return Request(f"/rules/{ruled(project).pk}")


@example("change_rule", 200)
def change_rule(project):
    return Request(f"/rules/{ruled(project).pk}", {"threshold": 900, "clear_threshold": None}, verb="PATCH")


@example("delete_rule", 204)
def delete_rule(project):
    return Request(f"/rules/{ruled(project).pk}", {}, verb="DELETE")


@example("read_rule", 404)
def no_such_rule(project):
    return Request("/rules/999999")


@example("change_rule", 404)
def no_such_rule_to_change(project):
    return Request("/rules/999999", {}, verb="PATCH")


@example("delete_rule", 404)
def no_such_rule_to_delete(project):
    return Request("/rules/999999", {}, verb="DELETE")


def promised(project):
    check = HealthCheckFactory(environment=EnvironmentFactory(project=project))
    return ObjectiveFactory(health_check=check)


@example("list_objectives", 200)
def list_objectives(project):
    promised(project)
    return Request("/objectives")


@example("list_objectives", 404)
def list_objectives_elsewhere(project):
    return Request("/objectives", query="project=nothing")


@example("make_objective", 201)
def make_objective(project):
    check = HealthCheckFactory(environment=EnvironmentFactory(project=project, name="production"))
    what = {"name": "Shop answers", "check": check.pk, "target_percent": 99.5, "guard": True}
    return Request("/objectives", {"project": "shop", "environment": "production", **what})


@example("make_objective", 404)
def make_objective_elsewhere(project):
    return Request("/objectives", {**make_objective(project).body, "project": "nothing"})


@example("read_objective", 200)
def read_objective(project):
    return Request(f"/objectives/{promised(project).pk}")


@example("change_objective", 200)
def change_objective(project):
    return Request(f"/objectives/{promised(project).pk}", {"target_percent": 99.5}, verb="PATCH")


@example("delete_objective", 204)
def delete_objective(project):
    return Request(f"/objectives/{promised(project).pk}", {}, verb="DELETE")


@example("read_objective", 404)
def no_such_objective(project):
    return Request("/objectives/999999")


@example("change_objective", 404)
def no_such_objective_to_change(project):
    return Request("/objectives/999999", {}, verb="PATCH")


@example("delete_objective", 404)
def no_such_objective_to_delete(project):
    return Request("/objectives/999999", {}, verb="DELETE")


@example("list_maintenance", 200)
def list_maintenance(project):
    MaintenanceWindowFactory(project=project)
    return Request("/maintenance", query="is_over=false")


@example("list_maintenance", 404)
def list_maintenance_elsewhere(project):
    return Request("/maintenance", query="project=nothing")


@example("plan_maintenance", 201)
def plan_maintenance(project):
    ends_at = (timezone.now() + timedelta(hours=1)).isoformat()
    return Request("/maintenance", {"project": "shop", "reason": "Database upgrade", "ends_at": ends_at})


@example("plan_maintenance", 404)
def plan_maintenance_elsewhere(project):
    return Request("/maintenance", {**plan_maintenance(project).body, "project": "nothing"})


@example("end_maintenance", 200)
def end_maintenance(project):
    return Request(f"/maintenance/{MaintenanceWindowFactory(project=project).pk}/end", {})


@example("end_maintenance", 404)
def no_such_maintenance(project):
    return Request("/maintenance/999999/end", {})


@example("list_sources", 200)
def list_sources(project):
    source, now = PulledSourceFactory(project=project), timezone.now()
    source.refusals.create(reason="TOO_OLD", sentence="Is too old.", count=1, first_at=now, latest_at=now)
    return Request("/sources", query="kind=scrape")


@example("list_sources", 404)
def list_sources_elsewhere(project):
    return Request("/sources", query="project=nothing")


@example("list_alerts", 200)
def list_alerts(project):
    AlertFactory(environment=EnvironmentFactory(project=project))
    return Request("/alerts", query="state=firing")


@example("list_alerts", 404)
def list_alerts_elsewhere(project):
    return Request("/alerts", query="project=nothing")
