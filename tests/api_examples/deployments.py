"""Reporting deployments and what they changed."""

from dataclasses import replace
from datetime import timedelta

from django.utils import timezone

from deployments.models import Project
from deployments.services import report_deployment
from deployments.services.facts import Report
from tests.api_examples.registry import LEAST, Request, example
from tests.factories import (
    DeploymentFactory,
    EnvironmentFactory,
)


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
