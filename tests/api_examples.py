"""One request for each success, and for each refusal of its own, of every operation of the API.

`tests/postdeploy/test_openapi.py` requires one for every documented answer, and derives
those that all operations share.
"""

import uuid
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from django.utils import timezone

from deployments.models import Project
from deployments.services import report_deployment
from deployments.services.facts import Report
from monitoring.services import open_periods
from reports.services import summarise_deployments
from tests.factories import (
    AlertFactory,
    AlertRuleFactory,
    DeploymentFactory,
    EnvironmentFactory,
    FindingFactory,
    HealthCheckFactory,
    IssueFactory,
    MaintenanceWindowFactory,
    MetricFactory,
    MonitoringPeriodFactory,
    ObjectiveFactory,
    PulledSourceFactory,
    RulingFactory,
    VerdictFactory,
)

LEAST = {"project": "shop", "environment": "production", "version": "1.42.0"}


@dataclass(frozen=True)
class Request:
    """What is sent to /api/v1; a `body` of None is a GET, one of bytes is sent as it is."""

    path: str
    body: Any = None
    query: str = ""
    before: tuple["Request", ...] = field(default=(), kw_only=True)
    verb: str = field(default="", kw_only=True)
    content_type: str = field(default="application/json", kw_only=True)
    headers: dict[str, str] = field(default_factory=dict, kw_only=True)

    @property
    def method(self):
        return self.verb or ("GET" if self.body is None else "POST")

    def elsewhere(self, path):
        return replace(self, path=path)


EXAMPLES = {}


def example(operation, *statuses):
    """Register a function that sets the stage in a project and returns the Request that is answered so."""

    def register(function):
        for status in statuses:
            assert (operation, status) not in EXAMPLES
            EXAMPLES[operation, status] = function
        return function

    return register


# --- deployments --------------------------------------------------------------------------------------------


def running(project: Project):
    return DeploymentFactory(
        environment=EnvironmentFactory(project=project), status="RUNNING", finished_at=None, version="2.0"
    )


def live(project: Project, version="2.0", minutes=60, environment=None):
    return DeploymentFactory(
        environment=environment or EnvironmentFactory(project=project),
        version=version,
        finished_at=timezone.now() - timedelta(minutes=minutes),
    )


@example("report_deployment", 201)
def report(project):
    return Request("/deployments", LEAST)


@example("report_deployment", 200)
def report_again(project):
    first = Request("/deployments", {**LEAST, "external_id": "1"})
    return replace(first, before=(first,))


@example("report_deployment", 404)
def report_elsewhere(project):
    return Request("/deployments", {**LEAST, "project": "nothing"})


@example("report_deployment", 409)
def report_otherwise(project):
    first = Request("/deployments", {**LEAST, "external_id": "1"})
    return Request("/deployments", {**first.body, "version": "2"}, before=(first,))


@example("list_deployments", 200)
def list_deployments(project):
    running(project)
    return Request("/deployments", query="limit=10&verdict=pending")


@example("list_deployments", 404)
def list_deployments_elsewhere(project):
    return Request("/deployments", query="project=nothing")


@example("read_deployment", 200)
def read_deployment(project):
    now = timezone.now()
    report = Report("production", "1.0", started_at=now, external_id="7", url="https://ci.example.org/7")
    return Request(f"/deployments/{report_deployment(project=project, report=report, now=now).deployment.pk}")


@example("start_deployment", 200)
def start(project):
    return Request(f"/deployments/{running(project).pk}/start", {})


@example("finish_deployment", 200)
def finish(project):
    return Request(f"/deployments/{running(project).pk}/finish", {"status": "succeeded"})


@example("cancel_deployment", 200)
def cancel(project):
    return Request(f"/deployments/{running(project).pk}/cancel", {})


@example("cancel_deployment", 409)
def cancel_ended(project):
    return Request(f"/deployments/{live(project).pk}/cancel", {})


@example("roll_back_deployment", 201)
def roll_back(project):
    earlier = live(project, version="1.0", minutes=90)
    return Request(f"/deployments/{live(project, environment=earlier.environment).pk}/rollback", {})


@example("roll_back_deployment", 200)
def roll_back_again(project):
    first = Request(f"/deployments/{live(project).pk}/rollback", {"version": "1.0", "external_id": "r"})
    return replace(first, before=(first,))


@example("roll_back_deployment", 409)
def roll_back_to_nothing(project):
    return Request(f"/deployments/{live(project).pk}/rollback", {})


@example("add_changes", 201)
def add_changes(project):
    body = {"system_changes": [{"component": "a"}], "configuration_changes": [{"setting": "PASSWORD", "value": "x"}]}
    return Request(f"/deployments/{running(project).pk}/changes", body)


@example("list_changes", 200)
def list_changes(project):
    changes = add_changes(project)
    return Request(changes.path, before=(changes,))


@example("read_deployment", 404)
@example("start_deployment", 404)
@example("finish_deployment", 404)
@example("cancel_deployment", 404)
@example("roll_back_deployment", 404)
@example("add_changes", 404)
@example("list_changes", 404)
@example("read_verdict", 404)
@example("read_summary_md", 404)
@example("read_summary_html", 404)
@example("read_summary_json", 404)
def nobody(project):
    """Stand for: path and body are those of the success, the deployment is one that is not there."""


# --- monitoring ---------------------------------------------------------------------------------------------


@example("read_verdict", 200)
def read_verdict(project):
    deployment = live(project, minutes=1)
    open_periods(now=timezone.now())
    return Request(f"/deployments/{deployment.pk}/verdict", query="until=initial")


@example("send_metrics", 202)
def send_metrics(project):
    samples = [{"metric": "orders", "value": 12, "labels": {"shop": "de"}}]
    return Request("/metrics", {"project": "shop", "environment": "production", "samples": samples})


@example("send_metrics", 404)
def send_metrics_elsewhere(project):
    sent = send_metrics(project)
    return replace(sent, body={**sent.body, "project": "nothing"})


@example("list_checks", 200)
def list_checks(project):
    HealthCheckFactory(environment=EnvironmentFactory(project=project))
    return Request("/checks")


@example("list_checks", 404)
def list_checks_elsewhere(project):
    return Request("/checks", query="project=nothing")


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


def judged(project: Project):
    """A deployment with a verdict that stands, and a finding that got worse."""
    period = MonitoringPeriodFactory(deployment=live(project, minutes=120), status="CLOSED", result="DEGRADED")
    verdict = VerdictFactory(period=period, result="DEGRADED", is_final=True)
    FindingFactory(verdict=verdict, key="metric:cpu_usage")
    return period.deployment


@example("list_rulings", 200)
def list_rulings(project):
    ruling = RulingFactory(deployment=judged(project))
    return Request(f"/deployments/{ruling.deployment_id}/rulings", query="which=all")


@example("list_rulings", 404)
def list_rulings_of_nothing(project):
    return Request(f"/deployments/{uuid.uuid4()}/rulings")


@example("add_ruling", 201)
def add_ruling(project):
    body = {"kind": "not_us", "reason": "A neighbour used the disk.", "finding": "metric:cpu_usage"}
    return Request(f"/deployments/{judged(project).pk}/rulings", body)


@example("add_ruling", 404)
def add_ruling_to_nothing(project):
    return Request(f"/deployments/{uuid.uuid4()}/rulings", {"kind": "us", "reason": "No index."})


@example("list_alerts", 200)
def list_alerts(project):
    AlertFactory(environment=EnvironmentFactory(project=project))
    return Request("/alerts", query="state=firing")


@example("list_alerts", 404)
def list_alerts_elsewhere(project):
    return Request("/alerts", query="project=nothing")


# --- checks -------------------------------------------------------------------------------------------------


def checked(project: Project):
    environment = EnvironmentFactory(project=project)
    return HealthCheckFactory(environment=environment, kind="HEARTBEAT", options={"period_seconds": 60}, target="")


@example("make_check", 201)
def make_check(project):
    secrets = {"headers": {"X-Api-Key": "k-4711"}, "token": "t-0815"}
    what = {"target": "https://shop.example.org/healthz", "conditions": "status is 200\ntime < 1 s", "secrets": secrets}
    return Request("/checks", {"project": "shop", "environment": "production", "name": "Shop", **what})


@example("make_check", 404)
def make_check_elsewhere(project):
    return Request("/checks", {**make_check(project).body, "project": "nothing"})


@example("read_check", 200)
def read_check(project):
    return Request(f"/checks/{checked(project).pk}")


@example("change_check", 200)
def change_check(project):
    return Request(f"/checks/{checked(project).pk}", {"options": {"cron": "30 2 * * *"}}, verb="PATCH")


@example("delete_check", 204)
def delete_check(project):
    return Request(f"/checks/{checked(project).pk}", {}, verb="DELETE")


@example("pause_check", 200)
def pause_check(project):
    return Request(f"/checks/{checked(project).pk}/pause", {})


@example("resume_check", 200)
def resume_check(project):
    return Request(f"/checks/{checked(project).pk}/resume", {})


@example("read_check", 404)
def no_such_check(project):
    return Request("/checks/999999")


@example("change_check", 404)
def no_such_check_to_change(project):
    return Request("/checks/999999", {}, verb="PATCH")


@example("delete_check", 404)
def no_such_check_to_delete(project):
    return Request("/checks/999999", {}, verb="DELETE")


@example("pause_check", 404)
def no_such_check_to_pause(project):
    return Request("/checks/999999/pause", {})


@example("resume_check", 404)
def no_such_check_to_resume(project):
    return Request("/checks/999999/resume", {})


# --- issues -------------------------------------------------------------------------------------------------


@example("open_issue", 201)
def open_issue(project):
    return Request("/issues", {"project": "shop", "title": "Checkout is slow", "severity": "major"})


@example("open_issue", 404)
def open_issue_elsewhere(project):
    return Request("/issues", {**open_issue(project).body, "project": "nothing"})


@example("list_issues", 200)
def list_issues(project):
    IssueFactory(project=project)
    return Request("/issues", query="status=open")


@example("list_issues", 404)
def list_issues_elsewhere(project):
    return Request("/issues", query="project=nothing")


@example("get_issue", 200)
def get_issue(project):
    return Request(f"/issues/{IssueFactory(project=project, impact='One in ten cannot pay').reference}")


@example("get_issue", 404)
def get_no_issue(project):
    return Request("/issues/SHOP-9999")


@example("comment_issue", 201)
def comment_issue(project):
    return Request(f"{get_issue(project).path}/comments", {"text": "Looking at it."})


@example("comment_issue", 404)
def comment_no_issue(project):
    return Request("/issues/SHOP-9999/comments", {"text": "Looking at it."})


@example("move_issue", 200)
def move_issue(project):
    return Request(f"{get_issue(project).path}/move", {"status": "assessed"})


@example("move_issue", 404)
def move_no_issue(project):
    return Request("/issues/SHOP-9999/move", {"status": "assessed"})


@example("move_issue", 409)
def move_issue_too_late(project):
    return Request(f"{get_issue(project).path}/move", {"status": "assessed", "revision": 999})


# --- reports ------------------------------------------------------------------------------------------------


def summary(project, ending):
    deployment = live(project)
    open_periods(now=timezone.now())
    summarise_deployments(now=timezone.now())
    return Request(f"/deployments/{deployment.pk}/summary.{ending}")


@example("read_summary_md", 200)
def summary_md(project):
    return summary(project, "md")


@example("read_summary_html", 200)
def summary_html(project):
    return summary(project, "html")


@example("read_summary_json", 200)
def summary_json(project):
    return summary(project, "json")
