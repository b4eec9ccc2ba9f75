"""The form of a check, and the settings of watching."""

import pytest

from deployments.models import Role
from monitoring.models import HealthCheck, MonitoringPolicy
from tests.factories import (
    EnvironmentFactory,
    HealthCheckFactory,
)
from tests.monitoring.pages.people import somebody, text_of, url

pytestmark = pytest.mark.django_db


def values(environment, **changes):
    return {
        "name": "Front page",
        "environment": environment.pk,
        "target": "https://shop.example/healthz",
        "method": "GET",
        "conditions": "status in 200-299",
        "timeout_ms": "5000",
        "interval_seconds": "60 s",
        "failure_threshold": "3",
        "is_critical": "on",
    } | changes


def test_a_check_is_added(person, environment):
    response = person.post(
        url(environment, "checks/new/"), values(environment, headers="X-Key: abc", interval_seconds="2 min")
    )
    check = HealthCheck.objects.get()
    assert response["Location"] == url(environment, f"checks/{check.pk}/")
    assert (check.name, check.interval_seconds, check.headers) == ("Front page", 120, {"X-Key": "abc"})


def test_the_form_comes_with_the_chosen_environment(person, environment):
    staging = EnvironmentFactory(project=environment.project, name="staging")
    page = person.get(url(environment, "checks/new/"), {"environment": staging.pk}).content.decode()
    assert f'<option value="{staging.pk}" selected>' in page


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"target": "http://127.0.0.1/"}, "with the setting PROBE_NETWORKS."),
        ({"target": "shop.example"}, "http"),
        ({"conditions": "status in 2oo"}, "is not a status code"),
        ({"conditions": "json == up"}, "Line 1: Say where in the JSON body the value is"),
        ({"interval_seconds": "soon"}, "Write a duration with its unit"),
        ({"headers": "no colon here"}, "write Name: value, one in a line"),
        ({"headers": "Authorization: ••••••"}, "nothing is stored under this name"),
        ({"headers": "Content-Length: 5"}, "is set by Postdeploy itself"),
        ({"timeout_ms": "0"}, "100"),
        ({"name": ""}, "This field is required."),
    ],
)
def test_a_fault_is_told_beside_its_field_and_what_was_typed_stays(person, environment, change, sentence):
    response = person.post(url(environment, "checks/new/"), values(environment, component="typed before", **change))
    assert response.status_code == 400
    assert sentence in response.content.decode()
    assert "typed before" in response.content.decode()
    assert not HealthCheck.objects.exists()


def test_a_name_that_is_taken_is_told(person, environment):
    HealthCheckFactory(environment=environment, name="Front page")
    response = person.post(url(environment, "checks/new/"), values(environment))
    assert response.status_code == 400
    assert "already" in text_of(response)


def test_another_projects_environment_cannot_be_chosen(person, environment):
    response = person.post(url(environment, "checks/new/"), values(EnvironmentFactory()))
    assert response.status_code == 400
    assert not HealthCheck.objects.exists()


def test_a_check_is_edited_and_a_masked_header_keeps_its_value(person, environment):
    check = HealthCheckFactory(environment=environment, headers={"Authorization": "Bearer s3cret", "X-Old": "1"})
    page = url(environment, f"checks/{check.pk}/edit/")
    assert "Authorization: ••••••" in person.get(page).content.decode()
    person.post(page, values(environment, name="Renamed", headers="Authorization: ••••••\nX-New: 2"))
    check.refresh_from_db()
    assert check.name == "Renamed"
    assert check.headers == {"Authorization": "Bearer s3cret", "X-New": "2"}


def test_trying_shows_what_came_back_and_stores_nothing(person, environment, target):
    target.set(status=503, json={"status": "down"})
    tried = values(environment, target=target.url + "/", conditions='json status == "up"', **{"try": "1"})
    response = person.post(url(environment, "checks/new/"), tried)
    page = text_of(response)
    assert response.status_code == 200
    assert "It would have failed" in page
    assert "HTTP 503, expected 200–299" in page
    assert "Status is 200–299 HTTP 503, expected 200–299" in page
    assert "Json status is &quot;up&quot; status is &quot;down&quot;, expected &quot;up&quot;" in page
    assert "Total" in page
    assert 'value="Front page"' in response.content.decode()
    assert not HealthCheck.objects.exists()


def test_trying_something_that_does_not_answer_says_why(person, environment, target):
    target.close()
    page = text_of(person.post(url(environment, "checks/new/"), values(environment, target=target.url, **{"try": "1"})))
    assert "No answer the connection was refused" in page


# --- settings ---------------------------------------------------------------------------------------------------------


def test_policies_are_edited_as_people_write_durations(person, environment):
    page = url(environment, "settings/watching/")
    assert "1 h" in person.get(page).content.decode()
    prefix = f"environment-{environment.pk}-"
    typed = {
        "initial_seconds": "45 min",
        "initial_interval_seconds": "10 s",
        "extended_seconds": "3 d",
        "extended_interval_seconds": "1 min",
        "settle_seconds": "90 s",
        "baseline_seconds": "14 d",
    }
    response = person.post(page, {prefix + name: value for name, value in typed.items()})
    assert response.status_code == 302
    policy = MonitoringPolicy.objects.get(environment=environment)
    assert (policy.initial_seconds, policy.extended_seconds, policy.settle_seconds) == (2700, 259_200, 90)
    wrong = person.post(page, {prefix + name: value for name, value in (typed | {"initial_seconds": "1 s"}).items()})
    assert wrong.status_code == 400
    assert "It must be between 10 s and 7 d." in wrong.content.decode()


def test_settings_show_which_networks_may_be_reached(person, environment, settings):
    page = url(environment, "settings/watching/")
    assert "The public internet only" in text_of(person.get(page))
    settings.PROBE_NETWORKS = ("10.1.0.0/16",)
    assert "10.1.0.0/16" in text_of(person.get(page))


def test_a_responder_does_not_see_the_settings(environment):
    assert somebody(environment, Role.RESPONDER).get(url(environment, "settings/watching/")).status_code == 403
