"""Pages: the list of checks, and one check."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from deployments.models import Role
from monitoring.models import HealthCheck
from monitoring.selectors import check_story
from tests.factories import (
    DeploymentFactory,
    EnvironmentFactory,
    HealthCheckFactory,
    OutageFactory,
    SeriesFactory,
)
from tests.monitoring.pages.people import somebody, text_of, url
from tests.samples import store_samples

pytestmark = pytest.mark.django_db


def read(check, values, *, step=60, until=None):
    """Store readings of a check: response times, None for a failed one, ending now."""
    until = until or timezone.now()
    times = [until - timedelta(seconds=step * (len(values) - 1 - n)) for n in range(len(values))]
    up = SeriesFactory(environment=check.environment, metric=None, health_check=check, aspect="up").pk
    timed = SeriesFactory(environment=check.environment, metric=None, health_check=check, aspect="response_time").pk
    store_samples([up] * len(values), times, [float(value is not None) for value in values])
    good = [(at, value) for at, value in zip(times, values, strict=True) if value is not None]
    store_samples([timed] * len(good), [at for at, _ in good], [value for _, value in good])
    HealthCheck.objects.filter(pk=check.pk).update(first_reading_at=until)
    return times


# --- the list ---------------------------------------------------------------------------------------------------------


def test_the_list_says_in_one_sentence_how_the_checks_are(person, environment):
    for name, state in (("A", "UP"), ("B", "UP"), ("C", "DOWN"), ("D", "UNKNOWN")):
        HealthCheckFactory(environment=environment, name=name, state=state)
    HealthCheckFactory(environment=environment, name="E", paused_at=timezone.now())
    page = text_of(person.get(url(environment)))
    assert "2 of 5 checks are up, 1 is down, 1 is not known yet, 1 is paused" in page


def test_checks_are_grouped_by_environment_with_their_latest_reading(person, environment):
    check = HealthCheckFactory(environment=environment, name="Checkout API", state="UP", state_since=timezone.now())
    HealthCheckFactory(environment=EnvironmentFactory(project=environment.project, name="staging"), name="Search")
    read(check, [80.4, 84.2])
    page = text_of(person.get(url(environment)))
    assert "84 ms" in page
    assert page.index("production") < page.index("Checkout API") < page.index("Search")


def test_the_filter_stands_in_the_address(person, environment):
    HealthCheckFactory(environment=environment, name="Checkout API", state="UP")
    HealthCheckFactory(environment=environment, name="Search", state="DOWN")
    staging = EnvironmentFactory(project=environment.project, name="staging")
    HealthCheckFactory(environment=staging, name="Mail", state="DOWN")

    def shown(query):
        table = person.get(url(environment), query).content.decode().partition("<table")[2]
        return {name for name in ("Checkout API", "Search", "Mail") if name in table.partition("</table>")[0]}

    assert shown({}) == {"Checkout API", "Search", "Mail"}
    assert shown({"state": "down"}) == {"Search", "Mail"}
    assert shown({"state": "down", "environment": "staging"}) == {"Mail"}
    assert shown({"q": "checkout api"}) == {"Checkout API"}
    assert shown({"state": "nonsense"}) == {"Checkout API", "Search", "Mail"}
    assert shown({"q": "nothing of that name"}) == set()


def test_every_count_has_as_many_rows_behind_it(person, environment):
    for n, state in enumerate(("UP", "UP", "DOWN")):
        HealthCheckFactory(environment=environment, name=f"Check number {n}", state=state)
    page = person.get(url(environment)).content.decode()
    for state, count in re.findall(r'id="state-(\w+)" href="[^"]*"[^>]*>\w+ <b>(\d+)</b>', page):
        query = {} if state == "all" else {"state": state}
        rows = person.get(url(environment), query).content.decode().count('<tr id="check-')
        assert rows == int(count), state


def test_an_empty_list_says_what_will_be_here(person, environment):
    page = text_of(person.get(url(environment)))
    assert "each will be a line here" in page
    assert "Add the first check" in page
    assert "Add the first check" not in text_of(somebody(environment, Role.VIEWER).get(url(environment)))


def test_what_is_not_watched_stands_below_the_list(person, environment):
    page = text_of(person.get(url(environment)))
    assert "Not watched counts as unknown, never as healthy" in page
    assert "Memory usage" in page
    assert "/api/v1/metrics" in page


def test_a_poll_gets_the_live_part_alone_and_304_when_nothing_changed(person, environment):
    HealthCheckFactory(environment=environment, state="UP")
    headers = {"HX-Request": "true", "HX-Target": "checks-list"}
    first = person.get(url(environment), headers=headers)
    assert first.content.decode().strip().startswith('<div id="checks-list"')
    again = person.get(url(environment), headers={**headers, "If-None-Match": first["ETag"]})
    assert again.status_code == 304
    HealthCheck.objects.update(state="DOWN")
    assert person.get(url(environment), headers={**headers, "If-None-Match": first["ETag"]}).status_code == 200


def test_the_list_takes_as_many_queries_for_many_checks_as_for_few(person, environment):
    counts = []
    for size in (2, 12):
        for _ in range(size):
            check = HealthCheckFactory(environment=environment)
            read(check, [80.0] * 3)
            OutageFactory(health_check=check, ended_at=timezone.now())
        DeploymentFactory(environment=environment)
        person.get(url(environment))
        with CaptureQueriesContext(connection) as queries:
            person.get(url(environment))
        counts.append(len(queries))
    assert counts[0] == counts[1]


# --- readings as bars -------------------------------------------------------------------------------------------------


def beats(check, now=None):
    return check_story(check, now=now or timezone.now()).row.beats


def again(check):
    return HealthCheck.objects.select_related("environment__project").get(pk=check.pk)


def test_a_heartbeat_shows_good_failed_and_slow_readings(environment):
    check = HealthCheckFactory(environment=environment, interval_seconds=60)
    times = read(check, [80.0, None, 80.0, None])
    slow = SeriesFactory._meta.model.objects.get(health_check=check, aspect="response_time")
    store_samples([slow.pk], [times[-1]], [5000.0])  # answered, but over the limit
    assert [beat["state"] for beat in beats(again(check))] == ["up", "down", "up", "slow"]


def test_slots_in_which_nobody_read_are_bars_of_their_own(environment):
    check = HealthCheckFactory(environment=environment, interval_seconds=60)
    now = timezone.now()
    read(check, [80.0, 80.0], until=now - timedelta(minutes=10))
    found = [beat["state"] for beat in beats(again(check), now)]
    assert found[:2] == ["up", "up"]
    assert set(found[2:]) == {"none"}
    assert len(found[2:]) == 9


def test_never_more_than_ninety_bars(environment):
    check = HealthCheckFactory(environment=environment, interval_seconds=60)
    read(check, [80.0] * 200)
    assert len(beats(again(check))) == 90


def test_a_deployment_marks_the_bar_that_follows_it(environment):
    check = HealthCheckFactory(environment=environment, interval_seconds=60)
    times = read(check, [80.0] * 10)
    DeploymentFactory(environment=environment, finished_at=times[4] - timedelta(seconds=20))
    assert check_story(again(check), now=timezone.now()).row.marks == [4]


def test_availability_is_one_hundred_only_if_nothing_was_missing(environment):
    now = timezone.now()
    check = HealthCheckFactory(environment=environment, created_at=now - timedelta(days=10))
    read(check, [80.0])
    assert check_story(again(check), now=now).row.availability == "100\u00a0%"
    OutageFactory(health_check=check, began_at=now - timedelta(days=2), ended_at=now - timedelta(days=1))
    assert check_story(again(check), now=now).row.availability == "90\u00a0%"
    OutageFactory(health_check=check, began_at=now - timedelta(seconds=50), ended_at=now)
    assert check_story(again(check), now=now).row.availability == "89.99\u00a0%"


# --- one check --------------------------------------------------------------------------------------------------------


def test_a_checks_page_tells_its_story(person, environment):
    check = HealthCheckFactory(
        environment=environment,
        name="Checkout API",
        state="DOWN",
        state_since=timezone.now() - timedelta(minutes=5),
        latest_detail="HTTP 503, expected 200–299",
        conditions='status in 200-299\njson status == "up"',
    )
    read(check, [80.0] * 30 + [None])
    deployment = DeploymentFactory(
        environment=environment, finished_at=timezone.now() - timedelta(minutes=9), version="v7"
    )
    OutageFactory(health_check=check, began_at=timezone.now() - timedelta(minutes=5))
    check.failures.create(
        scheduled_at=timezone.now(),
        kind="STATUS",
        detail="HTTP 503, expected 200–299",
        excerpt="<script>alert(1)</script>",
    )
    response = person.get(url(environment, f"checks/{check.pk}/"))
    page = text_of(response)
    assert "Down" in page
    assert "still lasts, 5 min" in page
    assert "v7 , 4 min after it" in page
    assert f"/deployments/{deployment.pk}/" in response.content.decode()
    assert "<script>alert(1)" not in response.content.decode()
    assert "&lt;script&gt;alert(1)" in response.content.decode()
    assert 'data-chart="response-time"' in response.content.decode()


def test_a_new_check_shows_empty_places_and_no_error(person, environment):
    check = HealthCheckFactory(environment=environment)
    page = text_of(person.get(url(environment, f"checks/{check.pk}/")))
    assert "No answer in the last 3 h." in page
    assert "No reading has failed." in page


def test_the_chart_has_gaps_marks_and_the_limit(environment):
    check = HealthCheckFactory(environment=environment, conditions="time < 500 ms")
    now = timezone.now()
    read(check, [80.0] * 20, until=now - timedelta(minutes=30))
    timed = SeriesFactory._meta.model.objects.get(health_check=check, aspect="response_time").pk
    store_samples([timed] * 20, [now - timedelta(minutes=n) for n in range(20)], [90.0] * 20)
    DeploymentFactory(environment=environment, finished_at=now - timedelta(minutes=25), version="v8")
    story = check_story(again(check), now=now)
    assert story.chart["values"].count(None) == 1
    assert [mark["label"] for mark in story.chart["marks"]] == ["v8"]
    assert story.chart["limit"] == {"value": 500.0, "label": "limit 500\u00a0ms"}
    assert [(part.label, part.count, part.median) for part in story.stretches] == [
        ("before v8", 20, 80.0),
        ("since v8", 20, 90.0),
    ]


def test_a_long_chart_is_thinned(environment):
    check = HealthCheckFactory(environment=environment)
    read(check, [80.0 + n % 7 for n in range(5000)], step=15)
    story = check_story(again(check), now=timezone.now(), over=timedelta(days=1))
    assert len(story.chart["times"]) <= 410


@pytest.mark.parametrize("over", ["24h", "7d", "nonsense"])
def test_the_range_of_the_chart_stands_in_the_address(person, environment, over):
    check = HealthCheckFactory(environment=environment)
    assert person.get(url(environment, f"checks/{check.pk}/"), {"over": over}).status_code == 200


def test_another_projects_check_is_404(person, environment):
    foreign = HealthCheckFactory()
    for rest in ("", "edit/"):
        assert person.get(url(environment, f"checks/{foreign.pk}/{rest}")).status_code == 404
    for rest in ("pause/", "resume/", "delete/", "read/"):
        assert person.post(url(environment, f"checks/{foreign.pk}/{rest}")).status_code == 404
    assert HealthCheck.objects.filter(pk=foreign.pk, paused_at=None).exists()


def test_header_values_are_shown_to_nobody(person, environment):
    check = HealthCheckFactory(environment=environment, headers={"Authorization": "Bearer s3cret"})
    for rest in (f"checks/{check.pk}/", f"checks/{check.pk}/edit/", "checks/"):
        assert "s3cret" not in person.get(url(environment, rest)).content.decode()


# --- pause, resume, read, delete --------------------------------------------------------------------------------------


def test_a_responder_pauses_and_resumes_but_does_not_edit(environment):
    responder = somebody(environment, Role.RESPONDER)
    check = HealthCheckFactory(environment=environment)
    page = url(environment, f"checks/{check.pk}/")
    assert responder.post(page + "pause/").status_code == 302
    assert again(check).is_paused
    assert "Resume" in text_of(responder.get(page))
    assert responder.post(page + "resume/").status_code == 302
    assert not again(check).is_paused
    assert responder.post(page + "read/").status_code == 302
    assert responder.get(page + "edit/").status_code == 403
    assert responder.post(page + "delete/").status_code == 403


def test_a_viewer_changes_nothing(environment):
    viewer = somebody(environment, Role.VIEWER)
    check = HealthCheckFactory(environment=environment)
    page = url(environment, f"checks/{check.pk}/")
    for rest in ("pause/", "resume/", "read/", "delete/"):
        assert viewer.post(page + rest).status_code == 403
    assert "Pause" not in text_of(viewer.get(page))


def test_a_maintainer_deletes_a_check(person, environment):
    check = HealthCheckFactory(environment=environment)
    assert person.post(url(environment, f"checks/{check.pk}/delete/")).status_code == 302
    assert not HealthCheck.objects.exists()


# --- long lists -------------------------------------------------------------------------------------------------------


def test_a_long_list_comes_in_sheets_that_keep_the_filter(person, environment, monkeypatch):
    monkeypatch.setattr("monitoring.selectors.checks.PAGE", 3)
    for n in range(7):
        HealthCheckFactory(environment=environment, name=f"Cart {n}", group="ab"[n % 2])
    HealthCheckFactory(environment=environment, name="Search")

    def shown(query):
        page = person.get(url(environment), query).content.decode()
        return re.findall(r">(Cart \d|Search)</a>", page), page

    assert shown({"q": "cart"})[0] == ["Cart 0", "Cart 2", "Cart 4"]
    names, page = shown({"q": "cart", "page": "2"})
    assert names == ["Cart 6", "Cart 1", "Cart 3"]
    assert "4 to 6 of 7" in page
    assert 'rel="prev" href="?q=cart&amp;page=1"' in page
    assert 'rel="next" href="?q=cart&amp;page=3"' in page
    assert shown({"q": "cart", "page": "99"})[0] == ["Cart 5"]
    assert shown({"page": "zz"})[1].count('<tr id="check-') == 3
