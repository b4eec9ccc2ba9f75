"""The check's page and the list, beyond one reading: phases, groups, several at once, maintenance."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from deployments.models import Role
from monitoring import services
from monitoring.models import HealthCheck, MaintenanceWindow
from monitoring.selectors import check_story
from tests.factories import (
    DeploymentFactory,
    EnvironmentFactory,
    HealthCheckFactory,
    MaintenanceWindowFactory,
    OutageFactory,
    SeriesFactory,
)
from tests.monitoring.pages.people import somebody, text_of, url
from tests.samples import store_samples

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
PHASES = {"dns": 4.0, "connect": 9.0, "tls": 21.0, "first_byte": 50.0}


@pytest.fixture
def environment():
    return EnvironmentFactory(name="production")


def aspects(check, now, count=60, **values):
    """Store readings of each aspect, one a minute up to now; a value is a number, or a function of the minutes ago."""
    for aspect, value in values.items():
        row = SeriesFactory(environment=check.environment, metric=None, health_check=check, aspect=aspect)
        found = [float(value(age)) if callable(value) else float(value) for age in range(count, 0, -1)]
        store_samples([row.pk] * count, [now - MINUTE * age for age in range(count, 0, -1)], found)


# --- phases -----------------------------------------------------------------------------------------------------------


def test_phases_are_stacked_in_order_with_what_is_left_over(environment):
    check, now = HealthCheckFactory(environment=environment), timezone.now()
    aspects(check, now, up=1, response_time=100, **PHASES)
    chart = check_story(check, now=now).chart
    assert [phase["name"] for phase in chart["phases"]] == ["DNS", "Connect", "TLS", "First byte", "Rest"]
    assert [phase["values"][0] for phase in chart["phases"]] == [4.0, 9.0, 21.0, 50.0, 16.0]


def test_a_reading_that_did_not_connect_again_spent_no_time_on_it(environment):
    check, now = HealthCheckFactory(environment=environment), timezone.now()
    aspects(check, now, up=1, response_time=60, first_byte=50)
    fresh = SeriesFactory(environment=environment, metric=None, health_check=check, aspect="connect")
    store_samples([fresh.pk], [now - MINUTE * 60], [9.0])
    phases = {phase["name"]: phase["values"] for phase in check_story(check, now=now).chart["phases"]}
    assert phases["Connect"][:2] == [9.0, 0.0]
    assert phases["Rest"][:2] == [1.0, 10.0]


def test_the_phase_that_grew_with_a_release_is_named(environment):
    check, now = HealthCheckFactory(environment=environment), timezone.now()
    DeploymentFactory(environment=environment, version="v9", finished_at=now - MINUTE * 20.5)
    slow = {"first_byte": lambda age: 168 if age <= 20 else 50}
    aspects(check, now, up=1, response_time=lambda age: 202 if age <= 20 else 84, **PHASES | slow)
    told = check_story(check, now=now).where_it_goes
    assert told.replace("\u00a0", " ") == "First byte rose 50 → 168 ms with v9. DNS, connect and TLS did not change."


def test_the_days_a_certificate_has_left_stand_on_the_page(person, environment):
    check, now = HealthCheckFactory(environment=environment), timezone.now()
    aspects(check, now, up=1, response_time=84, certificate_days=61)
    assert "Certificate 61 days left" in text_of(person.get(url(environment, f"checks/{check.pk}/")))


def test_a_page_is_drawn_for_the_width_that_the_browser_has_told(environment, person):
    check, now = HealthCheckFactory(environment=environment), timezone.now()
    aspects(check, now, count=2000, up=1, response_time=lambda age: 80 + age % 7)
    lengths = {}
    for width in ("200", "800", "nonsense", "9" * 40):
        person.cookies["chart"] = width
        page = person.get(url(environment, f"checks/{check.pk}/"), {"over": "7d"}).content.decode()
        lengths[width] = len(re.search(r'"times": \[([^\]]*)\]', page).group(1).split(","))
    assert lengths["200"] <= 401 < lengths["800"] <= 1601
    assert lengths["nonsense"] == lengths["9" * 40] == lengths["800"]


def test_without_a_script_there_is_a_picture_and_a_table(environment, person):
    check, now = HealthCheckFactory(environment=environment), timezone.now()
    aspects(check, now, up=1, response_time=84)
    page = person.get(url(environment, f"checks/{check.pk}/")).content.decode()
    assert re.search(r'<div class="chart"[^>]*><svg class="still"', page)
    assert "Show as table" in page


# --- the list ---------------------------------------------------------------------------------------------------------


def test_groups_stand_together_below_their_environment(person, environment):
    for name, group in (("Pay", "Money"), ("Home", ""), ("Refund", "Money")):
        HealthCheckFactory(environment=environment, name=name, group=group)
    page = text_of(person.get(url(environment, "checks/")))
    assert page.index("production 1") < page.index("Home") < page.index("production / Money 2") < page.index("Refund")
    narrowed = text_of(person.get(url(environment, "checks/"), {"group": "Money"}))
    assert "Refund" in narrowed
    assert "2 checks are up" in narrowed or "of 2 checks" in narrowed


def test_kinds_can_be_filtered_when_there_are_several(person, environment):
    HealthCheckFactory(environment=environment, name="Site")
    HealthCheckFactory(environment=environment, name="Mail", kind="TCP", target="mail.example.org:25")
    page = text_of(person.get(url(environment, "checks/"), {"kind": "TCP"}))
    assert "TCP · every 60 s" in page
    assert "of 1 check" in page


# --- several at once --------------------------------------------------------------------------------------------------


def bulk(client, environment, do, checks, query="", **values):
    path = url(environment, f"checks/bulk/{query}")
    return client.post(path, {"do": do, "check": [check.pk for check in checks], **values}, follow=True)


@pytest.fixture
def checks(environment):
    return [HealthCheckFactory(environment=environment, name=name) for name in ("Cart", "Pay", "Search")]


def test_several_are_paused_and_what_was_so_already_is_said(person, environment, checks):
    services.pause_check(check=checks[0], now=timezone.now())
    page = text_of(bulk(person, environment, "pause", checks))
    assert "2 checks are paused. 1 check is paused already: Cart." in page
    assert HealthCheck.objects.filter(paused_at=None).count() == 0
    assert "3 checks are resumed." in text_of(bulk(person, environment, "resume", checks))


def test_several_get_an_interval_and_a_group(person, environment, checks):
    assert "2 checks are changed." in text_of(bulk(person, environment, "interval", checks[:2], interval="30 s"))
    assert [check.interval_seconds for check in HealthCheck.objects.order_by("name")] == [30, 30, 60]
    page = text_of(bulk(person, environment, "group", checks, group=" Money "))
    assert "production / Money 3" in page


def test_what_one_kind_refuses_does_not_stop_the_others(person, environment, checks):
    HealthCheck.objects.filter(pk=checks[1].pk).update(target="http://10.0.0.1/")
    page = text_of(bulk(person, environment, "interval", checks, interval="30 s"))
    assert "2 checks are changed." in page
    assert "Pay is not changed." in page
    assert HealthCheck.objects.get(pk=checks[1].pk).interval_seconds == 60


def test_a_missing_interval_and_nothing_ticked_are_told_with_the_fix(person, environment, checks):
    answer = bulk(person, environment, "interval", checks, interval="")
    assert (answer.status_code, "Enter how often the checks are read" in text_of(answer)) == (400, True)
    assert "tick some in the list" in text_of(bulk(person, environment, "pause", []))
    for act in ("explode", ""):
        answer = bulk(person, environment, act, checks)
        assert (answer.status_code, "interval, group or location" in text_of(answer)) == (400, True)


def test_what_was_ticked_is_still_ticked_after_a_refusal(person, environment, checks):
    page = bulk(person, environment, "interval", checks[:2], interval="").content.decode()
    assert page.count("data-select checked") == 2


def test_more_than_a_page_could_show_is_refused_whole(person, environment, checks):
    path = url(environment, "checks/bulk/")
    answer = person.post(path, {"do": "pause", "check": [checks[0].pk, *range(10**9, 10**9 + 900)]})
    assert (answer.status_code, "tick at most 900 checks at once" in text_of(answer)) == (400, True)
    assert not HealthCheck.objects.get(pk=checks[0].pk).is_paused


def test_what_is_ticked_and_not_there_is_said(person, environment, checks):
    path = url(environment, "checks/bulk/")
    ticked = [checks[0].pk, HealthCheckFactory().pk, "9" * 30, "zz"]
    page = text_of(person.post(path, {"do": "pause", "check": ticked}, follow=True))
    assert "3 ticked checks are not in this project, or not any more: nothing was done there." in page
    assert "1 check is paused." in page


def test_the_filter_is_still_there_afterwards(person, environment, checks):
    answer = bulk(person, environment, "pause", checks[:1], query="?q=cart")
    assert answer.redirect_chain[-1][0] == url(environment, "checks/?q=cart")


def test_a_responder_pauses_several_and_edits_none(environment, checks):
    responder = somebody(environment, Role.RESPONDER)
    assert bulk(responder, environment, "group", checks, group="x").status_code == 403
    assert bulk(responder, environment, "pause", checks).status_code == 200
    assert bulk(somebody(environment, Role.VIEWER), environment, "resume", checks).status_code == 403


def test_another_projects_checks_are_left_alone(person, environment):
    foreign = HealthCheckFactory()
    assert "1 ticked check is not in this project" in text_of(bulk(person, environment, "pause", [foreign]))
    assert not HealthCheck.objects.get(pk=foreign.pk).is_paused


# --- maintenance ------------------------------------------------------------------------------------------------------


def plan(client, environment, **values):
    return client.post(url(environment, "maintenance/"), {"reason": "Upgrade", **values}, follow=True)


def stamp(at):
    return f"{at:%Y-%m-%dT%H:%M}"


def test_maintenance_is_planned_seen_and_ended_early(person, environment):
    now = timezone.now()
    check = HealthCheckFactory(environment=environment, name="Checkout")
    page = text_of(
        plan(person, environment, starts_at=stamp(now), ends_at=stamp(now + timedelta(hours=2)), check=check.pk)
    )
    assert "1 maintenance window planned" in page
    assert "Now , until" in text_of(person.get(url(environment, f"checks/{check.pk}/")))
    window = MaintenanceWindow.objects.get()
    ended = person.post(url(environment, f"maintenance/{window.pk}/end/"), follow=True)
    assert "No maintenance is planned" in text_of(ended)
    assert "ended early" in text_of(ended)
    again = person.post(url(environment, f"maintenance/{window.pk}/end/"), follow=True)
    assert "It was over already." in text_of(again)


@pytest.mark.parametrize(
    ("hours", "sentence"),
    [
        ((2, 1), "It must end after it starts."),
        ((-3, -2), "It lies in the past"),
        ((0, None), "Write a day and a time"),
    ],
)
def test_a_window_that_makes_no_sense_is_refused_beside_its_field(person, environment, hours, sentence):
    now = timezone.now()
    start, end = (stamp(now + timedelta(hours=n)) if n is not None else "soon" for n in hours)
    answer = plan(person, environment, starts_at=start, ends_at=end)
    assert answer.status_code == 400
    assert sentence in text_of(answer)
    assert not MaintenanceWindow.objects.exists()


def test_a_viewer_sees_what_is_planned_and_plans_nothing(environment):
    viewer = somebody(environment, Role.VIEWER)
    MaintenanceWindowFactory(project=environment.project, reason="Upgrade")
    page = text_of(viewer.get(url(environment, "maintenance/")))
    assert "Upgrade" in page
    assert "Plan it" not in page
    now = timezone.now()
    answer = plan(viewer, environment, starts_at=stamp(now), ends_at=stamp(now + timedelta(hours=1)))
    assert answer.status_code == 403


def test_another_projects_window_is_not_ended(person, environment):
    window = MaintenanceWindowFactory()
    assert person.post(url(environment, f"maintenance/{window.pk}/end/")).status_code == 404


def test_maintenance_is_shaded_and_left_out_of_availability(environment):
    now = timezone.now()
    check = HealthCheckFactory(environment=environment, created_at=now - timedelta(hours=10))
    aspects(check, now, up=1, response_time=84)
    OutageFactory(health_check=check, began_at=now - timedelta(hours=2), ended_at=now - timedelta(hours=1))
    assert check_story(check, now=now).row.availability == "90\u00a0%"
    MaintenanceWindowFactory(
        project=environment.project, starts_at=now - timedelta(hours=2), ends_at=now - timedelta(hours=1)
    )
    story = check_story(check, now=now)
    assert story.row.availability == "100\u00a0%"
    assert [span["label"] for span in story.chart["spans"]] == ["Database upgrade"]
