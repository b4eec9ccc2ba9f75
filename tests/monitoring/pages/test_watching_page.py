"""How environments are watched, on the page of settings: compared with what, how carefully, for real or dry."""

import pytest
from django.core.exceptions import ValidationError
from django.template.loader import render_to_string
from django.utils import timezone

from deployments.models import Role
from monitoring import selectors, services
from monitoring.models import MonitoringPeriod, MonitoringPolicy
from tests.factories import DeploymentFactory, EnvironmentFactory, MonitoringPeriodFactory
from tests.monitoring.pages.people import somebody, text_of, url
from tests.monitoring.worlds import at

pytestmark = pytest.mark.django_db

PAGE = "settings/watching/"


@pytest.fixture
def environment():
    return EnvironmentFactory(project__slug="shop", name="production")


def healthy(environment, version, minutes=0, result="HEALTHY", **fields):
    """A deployment whose initial watch is over."""
    row = DeploymentFactory(environment=environment, version=version, finished_at=at(minutes), **fields)
    period = {"deployment": row, "environment": environment, "opens_at": at(minutes), "closes_at": at(minutes + 60)}
    MonitoringPeriodFactory(
        **period, status="CLOSED", ended_at=at(minutes + 60), result=result, decided_at=at(minutes + 60)
    )
    return row


def sent(environment, **changes):
    """What the form of one environment sends."""
    usual = {
        "initial_seconds": "1 h",
        "initial_interval_seconds": "15 s",
        "extended_seconds": "3 d",
        "extended_interval_seconds": "60 s",
        "settle_seconds": "2 min",
        "baseline_seconds": "14 d",
        "chance_limit": "0.008",
        "reference": "before",
    }
    return {f"environment-{environment.pk}-{name}": value for name, value in {**usual, **changes}.items()}


def save(environment, **changes):
    return somebody(environment, Role.MAINTAINER).post(url(environment, PAGE), sent(environment, **changes))


def policy_of(environment):
    return MonitoringPolicy.objects.get(environment=environment)


# --- the page ---------------------------------------------------------------------------------------------------------


def test_it_offers_the_latest_healthy_deployments_and_the_hours_before(environment):
    healthy(environment, "v1", minutes=-300)
    healthy(environment, "v2", minutes=-200, result="DEGRADED")
    healthy(environment, "v3", minutes=-100)
    healthy(EnvironmentFactory(project=environment.project, name="staging"), "v4")
    DeploymentFactory(environment=environment, version="v5", finished_at=at(0))
    form = policies_form(environment)
    assert [label.split(",")[0] for _, label in form.fields["reference"].choices] == ["the hours before", "v3", "v1"]


def policies_form(environment):
    page = somebody(environment, Role.MAINTAINER).get(url(environment, PAGE))
    return next(form for form in page.context["forms"] if form.policy.environment == environment)


def test_of_many_the_latest_twenty_can_be_chosen_and_the_pinned_one(environment):
    rows = [healthy(environment, f"v{n}", minutes=-100 * n) for n in range(30)]
    services.save_policy(environment=environment, now=timezone.now(), reference=rows[29])
    choices = [label.split(",")[0] for _, label in policies_form(environment).fields["reference"].choices]
    assert choices == ["the hours before", *(f"v{n}" for n in range(19)), "v29"]


def test_it_says_in_words_how_careful_and_how_often_that_is_wrong(environment):
    text = text_of(somebody(environment, Role.MAINTAINER).get(url(environment, PAGE)))
    for words in ("How careful", "Finds more: about 2 in 100", "Standard: about 8 in 1,000", "Only the obvious"):
        assert words in text
    assert "Dry run" in text
    assert "Known outages, planned maintenance and earlier bad deployments are left out" in text


def test_what_is_chosen_is_saved_and_counts_from_the_next_deployment_on(environment):
    row = healthy(environment, "v1")
    assert save(environment, reference=str(row.pk), chance_limit="0.002", is_dry_run="on").status_code == 302
    policy = policy_of(environment)
    assert (policy.reference, policy.chance_limit, policy.is_dry_run) == (row, 0.002, True)
    DeploymentFactory(environment=environment, finished_at=at(200), reported_at=at(200))
    services.open_periods(now=at(200))
    period = MonitoringPeriod.objects.filter(opens_at=at(200)).get()
    assert period.policy["reference"] == str(row.pk)
    assert (period.policy["chance_limit"], period.is_dry_run) == (0.002, True)
    assert policies_form(environment)["reference"].value() == str(row.pk)


def test_nothing_is_pinned_any_more_when_the_hours_before_are_chosen(environment):
    row = healthy(environment, "v1")
    save(environment, reference=str(row.pk))
    save(environment)
    assert policy_of(environment).reference is None
    assert not policy_of(environment).is_dry_run


def test_a_limit_of_ones_own_is_shown_and_stays(environment):
    services.save_policy(environment=environment, now=timezone.now(), chance_limit=0.013)
    assert "As it is: about 1.3 % of quiet metrics" in text_of(
        somebody(environment, Role.MAINTAINER).get(url(environment, PAGE))
    )
    save(environment, chance_limit="0.013")
    assert policy_of(environment).chance_limit == 0.013


def test_a_form_from_before_these_choices_changes_none_of_them(environment):
    services.save_policy(environment=environment, now=timezone.now(), chance_limit=0.002)
    row = healthy(environment, "v1")
    services.pin_reference(deployment=row, now=timezone.now())
    data = sent(environment)
    for name in ("chance_limit", "reference"):
        del data[f"environment-{environment.pk}-{name}"]
    assert somebody(environment, Role.MAINTAINER).post(url(environment, PAGE), data).status_code == 302
    assert (policy_of(environment).chance_limit, policy_of(environment).reference) == (0.002, row)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"reference": ""}, "This field is required"),
        ({"reference": "no uuid"}, "It is no longer to be had here"),
        ({"reference": "00000000-0000-0000-0000-000000000007"}, "It is no longer to be had here"),
        ({"chance_limit": "0.5"}, "Choose one of the ways to be careful."),
        ({"chance_limit": "nan"}, "Choose one of the ways to be careful."),
    ],
)
def test_what_cannot_be_chosen_is_refused_beside_its_field(environment, changes, words):
    response = save(environment, **changes)
    assert response.status_code == 400
    assert words in text_of(response)


def test_of_several_environments_the_one_with_the_mistake_is_named(environment):
    other = EnvironmentFactory(project=environment.project, name="staging")
    data = sent(environment) | sent(other, initial_seconds="0 s")
    page = text_of(somebody(environment, Role.MAINTAINER).post(url(environment, PAGE), data))
    assert "Not saved yet: staging." in page
    assert "Not saved yet: production." not in page


def test_a_reference_that_went_away_meanwhile_is_refused_and_nothing_is_saved(environment, monkeypatch):
    row = healthy(environment, "v1")
    offered = selectors.references_for([policy_of_new(environment)])
    type(row).objects.filter(pk=row.pk).update(status="FAILED")
    row.refresh_from_db()
    offered[environment.pk] = [row]
    monkeypatch.setattr(selectors, "references_for", lambda policies: offered)
    response = save(environment, reference=str(row.pk), initial_seconds="2 h")
    assert response.status_code == 400
    assert "It did not go live" in text_of(response)
    assert policy_of(environment).initial_seconds != 7200


def policy_of_new(environment):
    return services.ensure_policy(environment=environment)


# --- the service ------------------------------------------------------------------------------------------------------


def test_a_reference_of_another_environment_or_one_that_failed_is_refused(environment):
    other = healthy(EnvironmentFactory(project=environment.project, name="staging"), "v1")
    failed = DeploymentFactory(environment=environment, status="FAILED", finished_at=at(0))
    for row, words in ((other, "another environment"), (failed, "did not go live")):
        with pytest.raises(ValidationError, match=words) as refusal:
            services.save_policy(environment=environment, now=at(0), reference=row)
        assert list(refusal.value.error_dict) == ["reference"]


@pytest.mark.parametrize("limit", [0, 0.06, -1, float("nan"), "many"])
def test_a_limit_beyond_reason_is_refused(environment, limit):
    with pytest.raises(ValidationError):
        services.save_policy(environment=environment, now=at(0), chance_limit=limit)


# --- the button -------------------------------------------------------------------------------------------------------


def pin(row, role=Role.MAINTAINER):
    address = url(row.environment, f"deployments/{row.pk}/reference/")
    return somebody(row.environment, role).post(address, follow=True)


def test_a_deployment_is_pinned_from_its_page(environment):
    row = healthy(environment, "v1")
    page = pin(row)
    assert policy_of(environment).reference == row
    assert "Later deployments to production are compared with v1." in text_of(page)


def test_once_pinned_its_page_says_so_and_offers_no_button(environment):
    row = healthy(environment, "v1")
    page = text_of(pin(row))
    assert "This is the reference: later deployments to production are compared" in page
    assert "Pin as reference" not in page
    assert "counts as how it should be" not in page


def test_one_that_was_found_worse_is_pinned_with_a_warning(environment):
    row = healthy(environment, "v1", result="DEGRADED")
    page = text_of(pin(row))
    assert "It was found degraded: what got worse under it counts as how it should be." in page
    assert policy_of(environment).reference == row


def test_one_that_did_not_go_live_is_not_pinned_and_that_is_said(environment):
    row = DeploymentFactory(environment=environment, status="FAILED", finished_at=at(0))
    assert "It did not go live" in text_of(pin(row))
    assert not MonitoringPolicy.objects.filter(reference=row).exists()


def test_responders_may_not_pin(environment):
    assert pin(healthy(environment, "v1"), Role.RESPONDER).status_code == 403


def test_a_deployment_of_another_project_cannot_be_pinned(environment):
    row = healthy(environment, "v1")
    other = EnvironmentFactory(project__slug="other")
    address = url(other, f"deployments/{row.pk}/reference/")
    assert somebody(other, Role.MAINTAINER).post(address).status_code == 404


def test_the_button_is_a_form_of_its_own(environment):
    row = healthy(environment, "v1")
    page = render_to_string(
        "monitoring/_pin_reference.html", {"project": environment.project, "deployment": row, "csrf_token": "x"}
    )
    assert f'action="/p/shop/deployments/{row.pk}/reference/"' in page


# --- in words ---------------------------------------------------------------------------------------------------------


def test_what_a_verdict_was_compared_with_is_told_in_words():
    out = [
        {"kind": "OUTAGE", "name": "Shop", "count": 2, "seconds": 600, "reference": "1", "spans": [[0, 600]]},
        {"kind": "PROBER", "name": "?", "count": 9, "seconds": 600, "reference": "1", "spans": []},
        {"kind": "DEPLOYMENT", "name": "v1.1.0", "count": 1, "seconds": 600, "reference": "1", "spans": [[300, 7200]]},
    ]
    found = selectors.compared_with({"left_out": out})
    assert found.left_out_words == "2 outages, v1.1.0 (2\u00a0h)"
    assert (found.deployment, found.version, found.no_reference) == (None, "", "")


@pytest.mark.parametrize("inputs", [{}, {"error": "it broke"}, {"left_out": [], "reference": None, "window": {}}])
def test_inputs_that_say_nothing_are_told_as_nothing(inputs):
    assert selectors.compared_with(inputs).left_out_words == ""
