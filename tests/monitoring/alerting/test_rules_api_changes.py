"""Alert rules over the API: changed, muted, paused and deleted; nobody's change is lost."""

import pytest
from django.utils import timezone

from monitoring.models import AlertRule
from tests.api_client import ApiClient
from tests.factories import AlertFactory, ApiTokenFactory, EnvironmentFactory, HealthCheckFactory, ObjectiveFactory
from tests.monitoring.alerting.worlds import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def world():
    return World()


@pytest.fixture
def api(world):
    return ApiClient(ApiTokenFactory(project=world.environment.project))


def change(api, rule, body, **headers):
    return api.patch(f"/api/v1/rules/{rule.pk}", body, content_type="application/json", headers=headers)


def pointers(response):
    assert response.status_code == 400, response.content
    return {error["pointer"]: error["detail"] for error in response.json()["errors"]}


def test_what_is_named_changes_and_the_rest_stays(api, world):
    answer = change(api, world.rule, {"threshold": 200, "clear_threshold": None, "severity": "minor"}).json()
    rule = AlertRule.objects.get()
    assert (rule.threshold, rule.clear_threshold, rule.severity, rule.hold_seconds) == (200, None, "MINOR", 120)
    assert (answer["threshold"], answer["name"], answer["state"]) == (200, "Slow checkout", "new")


def test_another_threshold_ends_what_fires_and_another_name_does_not(api, world):
    alert = AlertFactory(rule=world.rule, environment=world.environment)
    change(api, world.rule, {"name": "Checkout is slow"})
    alert.refresh_from_db()
    assert alert.state == "FIRING"
    change(api, world.rule, {"threshold": 200})
    alert.refresh_from_db()
    assert (alert.state, alert.ended_by) == ("RESOLVED", "CHANGED")


def test_a_rule_is_paused_and_muted_and_both_ended(api, world):
    before = AlertRule.objects.get().changed_at
    answer = change(api, world.rule, {"is_paused": True, "is_muted": True}).json()
    assert (answer["is_paused"], answer["is_muted"], answer["state"]) == (True, True, "paused")
    answer = change(api, world.rule, {"is_paused": False, "is_muted": False}).json()
    assert (answer["is_paused"], answer["is_muted"]) == (False, False)
    assert AlertRule.objects.get().changed_at == before


def test_a_rule_gets_an_environment_and_loses_it(api, world):
    assert change(api, world.rule, {"environment": world.environment.name}).json()["environment"] == "production"
    assert change(api, world.rule, {"environment": None}).json()["environment"] is None
    assert "/environment" in pointers(change(api, world.rule, {"environment": "nowhere"}))


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"metric": "other"}, "/metric"),
        ({"kind": "absence"}, "/kind"),
        ({"check": 1}, "/check"),
        ({"speed": "slow"}, "/speed"),
        ({"clear_threshold": 101}, "/clear_threshold"),
        ({"labels": {f"l{n}": "x" for n in range(11)}}, "/labels"),
        ({"is_paused": "yes"}, "/is_paused"),
    ],
)
def test_what_a_rule_of_its_kind_does_not_have_is_refused(api, world, changes, pointer):
    assert pointer in pointers(change(api, world.rule, changes))
    assert AlertRule.objects.get().changed_at == world.rule.changed_at


def test_a_rule_of_a_check_stays_in_the_check_s_environment(api):
    check = HealthCheckFactory(environment=EnvironmentFactory(name="staging", project__slug="shop"))
    EnvironmentFactory(name="production", project=check.environment.project)
    api = ApiClient(ApiTokenFactory(project=check.environment.project))
    where = {"project": "shop", "name": "Slow", "aspect": "response_time", "check": check.pk, "threshold": 5}
    assert pointers(api.send("/rules", where | {"environment": "production"})) == {
        "/environment": "The check is of staging; leave this out."
    }
    made = api.send("/rules", where).json()
    assert "/environment" in pointers(change(api, AlertRule.objects.get(pk=made["id"]), {"environment": "production"}))


def test_a_rule_of_a_budget_has_no_threshold_to_change(api, world):
    objective = ObjectiveFactory(health_check=HealthCheckFactory(environment=world.environment))
    body = {"project": world.environment.project.slug, "name": "Burns", "kind": "burn_rate", "objective": objective.pk}
    made = api.send("/rules", body)
    assert made.status_code == 201
    rule = AlertRule.objects.get(pk=made.json()["id"])
    assert "/threshold" in pointers(change(api, rule, {"threshold": 5}))
    assert change(api, rule, {"speed": "slow"}).json()["speed"] == "slow"


def test_with_the_etag_of_before_nothing_is_changed_and_nothing_deleted(api, world):
    first = api.ask(f"/rules/{world.rule.pk}")["ETag"]
    AlertRule.objects.update(judged_until=timezone.now())
    assert api.ask(f"/rules/{world.rule.pk}")["ETag"] == first, "how it stands is no change"
    second = change(api, world.rule, {"threshold": 200}, **{"If-Match": first})
    assert (second.status_code, second["ETag"] == first) == (200, False)
    refused = change(api, world.rule, {"threshold": 300}, **{"If-Match": first})
    assert (refused.status_code, refused["ETag"]) == (412, second["ETag"])
    assert api.delete(f"/api/v1/rules/{world.rule.pk}", headers={"If-Match": first}).status_code == 412
    assert AlertRule.objects.get().threshold == 200
    assert change(api, world.rule, {"threshold": 300}, **{"If-Match": "*"}).status_code == 200


def test_a_deleted_rule_is_gone(api, world):
    AlertFactory(rule=world.rule, environment=world.environment)
    assert api.delete(f"/api/v1/rules/{world.rule.pk}").status_code == 204
    assert not AlertRule.objects.exists()
    assert api.ask(f"/rules/{world.rule.pk}").status_code == 404


def test_a_rule_of_another_project_is_not_there(api):
    other = AlertFactory().rule
    for answer in (api.ask(f"/rules/{other.pk}"), change(api, other, {}), api.delete(f"/api/v1/rules/{other.pk}")):
        assert answer.status_code == 404
    assert AlertRule.objects.filter(pk=other.pk).exists()
