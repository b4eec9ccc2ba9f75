"""Maintenance and sources over the API."""

from datetime import timedelta

import pytest
from django.utils import timezone

from monitoring.models import MaintenanceWindow
from postdeploy.lib.times import format_time
from tests.api_client import ApiClient
from tests.factories import (
    ApiTokenFactory,
    EnvironmentFactory,
    HealthCheckFactory,
    MaintenanceWindowFactory,
    PulledSourceFactory,
)

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def environment():
    return EnvironmentFactory(name="production", project__slug="shop")


@pytest.fixture
def api(environment):
    return ApiClient(ApiTokenFactory(project=environment.project))


def planned(api, **fields):
    body = {"project": "shop", "reason": "Database upgrade", "ends_at": format_time(timezone.now() + HOUR)}
    return api.send("/maintenance", body | fields)


def pointers(response):
    assert response.status_code == 400, response.content
    return [error["pointer"] for error in response.json()["errors"]]


def test_a_window_begins_now_and_is_ended_once(api, environment):
    made = planned(api, environment="production")
    assert made.status_code == 201
    window = made.json()
    assert (window["state"], window["environment"], window["every_week"]) == ("now", "production", False)
    ended = api.send(f"/maintenance/{window['id']}/end").json()
    assert (ended["state"], ended["next_starts_at"]) == ("over", None)
    again = api.send(f"/maintenance/{window['id']}/end").json()
    assert again["ended_at"] == ended["ended_at"]


def test_a_window_of_one_check_and_every_week(api, environment):
    check = HealthCheckFactory(environment=environment)
    start = timezone.now() + HOUR
    window = planned(
        api, check=check.pk, every_week=True, starts_at=format_time(start), ends_at=format_time(start + HOUR)
    ).json()
    assert (window["check"], window["state"], window["next_starts_at"]) == (check.pk, "planned", format_time(start))


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"ends_at": "2020-01-01T00:00:00Z"}, "/ends_at"),
        ({"ends_at": "9999-12-31T23:59:00Z"}, "/ends_at"),
        ({"starts_at": "2020-01-01T00:00:00Z"}, "/starts_at"),
        ({"environment": "nowhere"}, "/environment"),
        ({"check": 999}, "/check"),
        ({"reason": ""}, "/reason"),
        ({"surprise": 1}, "/surprise"),
    ],
)
def test_what_cannot_be_planned_names_its_field(api, environment, fields, pointer):
    assert pointer in pointers(planned(api, **fields))
    assert not MaintenanceWindow.objects.exists()


def test_what_is_over_can_be_left_out(api, environment):
    over = MaintenanceWindowFactory(project=environment.project, starts_at=timezone.now() - 3 * HOUR)
    coming = MaintenanceWindowFactory(project=environment.project)
    MaintenanceWindowFactory()

    def listed(**query):
        return [window["id"] for window in api.ask("/maintenance", **query).json()["items"]]

    assert listed() == [coming.pk, over.pk]
    assert listed(is_over="false") == [coming.pk]
    assert listed(is_over="true") == [over.pk]
    assert api.ask("/maintenance", is_over="perhaps").status_code == 400


def test_another_project_s_window_is_not_there(api):
    assert api.send(f"/maintenance/{MaintenanceWindowFactory().pk}/end").status_code == 404


def test_sources_say_what_was_refused_and_never_how_they_sign_in(api, environment):
    source = PulledSourceFactory(project=environment.project, name="node", secrets={"token": "t-0815"})
    at = timezone.now()
    source.refusals.create(reason="TOO_OLD", sentence="Is too old.", count=3, first_at=at, latest_at=at)
    answer = api.ask("/sources")
    shown = answer.json()["items"][0]
    assert (shown["name"], shown["kind"], shown["state"], shown["refused"]) == ("node", "scrape", "degraded", 3)
    assert shown["refusals"][0]["reason"] == "too_old"
    assert "t-0815" not in answer.content.decode()
    assert api.ask("/sources", kind="otlp").json()["items"] == []
    assert api.ask("/sources", kind="zz").status_code == 400
