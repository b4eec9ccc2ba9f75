"""Health checks."""

from deployments.models import Project
from tests.api_examples.registry import Request, example
from tests.factories import (
    EnvironmentFactory,
    HealthCheckFactory,
)


def checked(project: Project):
    environment = EnvironmentFactory(project=project)
    return HealthCheckFactory(environment=environment, kind="HEARTBEAT", options={"period_seconds": 60}, target="")


@example("list_checks", 200)
def list_checks(project):
    HealthCheckFactory(environment=EnvironmentFactory(project=project))
    return Request("/checks")


@example("list_checks", 404)
def list_checks_elsewhere(project):
    return Request("/checks", query="project=nothing")


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
