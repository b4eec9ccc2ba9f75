"""Objectives over the API."""

from datetime import timedelta

import pytest
from django.utils import timezone

from monitoring.models import AlertRule, Objective
from tests.api_client import ApiClient
from tests.factories import (
    ApiTokenFactory,
    EnvironmentFactory,
    HealthCheckFactory,
    MetricFactory,
    ObjectiveFactory,
    SeriesFactory,
)
from tests.samples import store_samples

pytestmark = pytest.mark.django_db


@pytest.fixture
def environment():
    return EnvironmentFactory(name="production", project__slug="shop")


@pytest.fixture
def check(environment):
    return HealthCheckFactory(environment=environment, created_at=timezone.now() - timedelta(days=40))


@pytest.fixture
def api(environment):
    return ApiClient(ApiTokenFactory(project=environment.project))


WHERE = {"project": "shop", "environment": "production", "name": "Shop answers"}


def pointers(response):
    assert response.status_code == 400, response.content
    return [error["pointer"] for error in response.json()["errors"]]


def change(api, row, body, **headers):
    return api.patch(f"/api/v1/objectives/{row.pk}", body, content_type="application/json", headers=headers)


def test_an_objective_is_made_with_its_rules_and_read_with_its_budget(api, check):
    made = api.send("/objectives", WHERE | {"check": check.pk, "target_percent": 90, "guard": True})
    assert (made.status_code, made.json()["rules"], made.json()["budget_left"]) == (201, 2, None)
    assert AlertRule.objects.count() == 2
    up = SeriesFactory(environment=check.environment, metric=None, health_check=check, aspect="up")
    times = [timezone.now() - timedelta(minutes=minute) for minute in range(1000, 0, -1)]
    store_samples([up.pk] * 1000, times, [float(n >= 50) for n in range(1000)])
    answer = api.ask("/objectives").json()["items"][0]
    assert answer["good_percent"] == pytest.approx(95, abs=0.5)
    assert answer["budget_left"] == pytest.approx(0.5, abs=0.05)


def test_an_objective_of_two_metrics(api, environment):
    for key in ("errors", "requests"):
        MetricFactory(project=environment.project, key=key)
    made = api.send("/objectives", WHERE | {"kind": "bad", "part": "errors", "whole": "requests"}).json()
    assert (made["kind"], made["part"], made["whole"], made["check"]) == ("bad", "errors", "requests", None)


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({}, "/check"),
        ({"check": 999}, "/check"),
        ({"check": 1, "part": "x"}, "/part"),
        ({"kind": "bad", "check": 1}, "/check"),
        ({"kind": "bad"}, "/part"),
        ({"kind": "bad", "part": "nothing"}, "/part"),
        ({"environment": "nowhere"}, "/environment"),
        ({"target_percent": 100}, "/target_percent"),
        ({"window_days": 0}, "/window_days"),
        ({"surprise": 1}, "/surprise"),
    ],
)
def test_what_cannot_be_made_names_its_field(api, environment, changes, pointer):
    assert pointer in pointers(api.send("/objectives", WHERE | changes))
    assert not Objective.objects.exists()


def test_a_name_that_is_taken_is_refused_and_makes_no_rules(api, check):
    ObjectiveFactory(health_check=check, name="Shop answers")
    assert pointers(api.send("/objectives", WHERE | {"check": check.pk, "guard": True})) == ["/name"]
    assert not AlertRule.objects.exists()


def test_it_is_changed_once_and_deleted_with_its_rules(api, check):
    row = ObjectiveFactory(health_check=check)
    etag = api.ask(f"/objectives/{row.pk}")["ETag"]
    assert change(api, row, {"target_percent": 99.5}, **{"If-Match": etag}).json()["target_percent"] == 99.5
    assert change(api, row, {"target_percent": 98}, **{"If-Match": etag}).status_code == 412
    assert "/part" in pointers(change(api, row, {"part": "x"}))
    assert api.delete(f"/api/v1/objectives/{row.pk}").status_code == 204
    assert not Objective.objects.exists()


def test_another_project_s_is_not_there(api):
    row = ObjectiveFactory()
    assert api.ask("/objectives").json()["items"] == []
    assert change(api, row, {}).status_code == 404
    assert api.delete(f"/api/v1/objectives/{row.pk}").status_code == 404
