"""Alert rules over the API: what is refused names its field."""

import json

import pytest
from django.test import Client

from monitoring.models import AlertRule
from tests.factories import AlertFactory, ApiTokenFactory, HealthCheckFactory, ObjectiveFactory
from tests.monitoring.alerting.worlds import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def world():
    return World()


@pytest.fixture
def api(world):
    token = ApiTokenFactory(project=world.environment.project)
    client = Client(headers={"Authorization": f"Bearer {token.text}"})

    def ask(path, body=None):
        if body is None:
            return client.get(f"/api/v1/{path}")
        return client.post(f"/api/v1/{path}", json.dumps(body), content_type="application/json")

    return ask


def asked(world, **changes):
    what = {"project": world.environment.project.slug, "name": "Slow", "metric": "checkout_p95", "threshold": 800}
    return {name: value for name, value in (what | changes).items() if value is not None}


def test_a_rule_is_made_and_read_back_in_words(api, world):
    made = api("rules", asked(world, window_seconds=300, hold_seconds=600, labels={"shop": "de"}, severity="minor"))
    assert made.status_code == 201
    answer = made.json()
    assert (
        answer["sentence"].replace("\u00a0", " ") == "mean of Checkout p95 {shop=de} over 5 min above 800 ms for 10 min"
    )
    assert (answer["state"], answer["severity"], answer["kind"]) == ("new", "minor", "threshold")
    assert answer in api("rules").json()["items"]


def test_a_check_and_an_objective_can_be_watched_too(api, world):
    check = HealthCheckFactory(environment=world.environment)
    objective = ObjectiveFactory(health_check=check)
    one = api("rules", asked(world, name="1", metric=None, aspect="response_time", check=check.pk))
    two = api(
        "rules",
        asked(world, name="2", metric=None, threshold=None, kind="burn_rate", objective=objective.pk, speed="slow"),
    )
    assert [one.status_code, two.status_code] == [201, 201]
    assert two.json()["environment"] == world.environment.name


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"metric": "nothing"}, "/metric"),
        ({"metric": None}, "/metric"),
        ({"metric": None, "aspect": "mood"}, "/aspect"),
        ({"environment": "nowhere"}, "/environment"),
        ({"check": 999}, "/check"),
        ({"kind": "burn_rate"}, "/objective"),
        ({"kind": "burn_rate", "objective": 999, "metric": None, "threshold": None}, "/objective"),
        ({"clear_threshold": 900}, "/clear_threshold"),
        ({"window_seconds": 5}, "/window_seconds"),
        ({"hold_seconds": -1}, "/hold_seconds"),
        ({"labels": {"shop": 1}}, "/labels/shop"),
        ({"name": "Slow checkout"}, "/name"),
        ({"threshold": "high"}, "/threshold"),
        ({"surprise": 1}, "/surprise"),
    ],
)
def test_what_cannot_be_made_names_its_field(api, world, changes, pointer):
    response = api("rules", asked(world, **changes))
    assert response.status_code == 400
    assert pointer in [error["pointer"] for error in response.json()["errors"]]
    assert AlertRule.objects.count() == 1


def test_alerts_are_narrowed_by_state_and_rule(api, world):
    alert = AlertFactory(rule=world.rule, environment=world.environment)
    AlertFactory(environment=world.environment)
    assert [row["id"] for row in api(f"alerts?rule={world.rule.pk}&state=firing").json()["items"]] == [alert.pk]
    assert api("alerts?state=resolved").json()["items"] == []
    assert api("alerts?state=broken").status_code == 400


def test_what_is_another_project_s_is_not_there(api, world):
    other = AlertFactory()
    assert other.pk not in [row["id"] for row in api("alerts").json()["items"]]
    assert api("rules", asked(world, metric=other.rule.metric.key)).status_code == 400


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"threshold": None}, "/threshold"),
        ({"threshold": True}, "/threshold"),
        ({"threshold": 10**400}, "/threshold"),
        ({"aspect": "response_time"}, "/aspect"),
        ({"objective": 1}, "/objective"),
        ({"kind": "absence"}, "/threshold"),
        ({"kind": "burn_rate", "objective": 1}, "/metric"),
        ({"labels": {f"l{n}": "x" for n in range(11)}}, "/labels"),
    ],
)
def test_what_would_be_guessed_or_left_out_is_refused_by_name(api, world, changes, pointer):
    response = api("rules", asked(world, **changes))
    assert response.status_code == 400
    assert pointer in [error["pointer"] for error in response.json()["errors"]]


def test_certificate_days_of_a_heartbeat_are_refused(api, world):
    check = HealthCheckFactory(environment=world.environment, kind="HEARTBEAT", name="Backup")
    response = api("rules", asked(world, metric=None, aspect="certificate_days", check=check.pk))
    assert response.status_code == 400
    assert [error["pointer"] for error in response.json()["errors"]] == ["/check"]
