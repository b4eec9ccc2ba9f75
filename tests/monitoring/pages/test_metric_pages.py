"""All metrics, one with its trend, and an environment with all its lines."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.factories import (
    DeploymentFactory,
    EnvironmentFactory,
    HealthCheckFactory,
    MembershipFactory,
    MetricFactory,
    SeriesFactory,
)
from tests.samples import store_samples

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def environment():
    return EnvironmentFactory(name="production")


@pytest.fixture
def person(environment):
    client = Client()
    client.force_login(MembershipFactory(project=environment.project).user)
    return client


def url(environment, rest=""):
    return f"/p/{environment.project.slug}/metrics/{rest}"


def text_of(response):
    assert response.status_code == 200
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def send(environment, metric, value, *, hours=24, step=HOUR, labels=None, until=None):
    """Samples every `step` up to now; `value` is a number, or a function of the hours before now."""
    labels, until = labels or {}, until or timezone.now()
    row = SeriesFactory(environment=environment, metric=metric, labels=labels, labels_digest="-".join(labels.values()))
    times = [until - step * n for n in range(int(hours * HOUR / step), -1, -1)]
    store_samples(
        [row.pk] * len(times), times, [float(value((until - at) / HOUR) if callable(value) else value) for at in times]
    )
    return row


def metric_of(environment, **fields):
    return MetricFactory(project=environment.project, **fields)


# --- the list ---------------------------------------------------------------------------------------------------------


def test_the_list_shows_the_latest_value_in_each_environment(person, environment):
    staging = EnvironmentFactory(project=environment.project, name="staging")
    metric = metric_of(environment, name="Request duration", unit="ms")
    send(environment, metric, 310)
    send(staging, metric, 95, until=timezone.now() - 2 * HOUR)
    metric_of(environment, name="Never sent")
    page = text_of(person.get(url(environment)))
    assert "2 metrics, 1 silent" in page or "2 metrics, 2 silent" in page
    assert "310 ms" in page
    assert "95 ms silent since" in page
    assert "no data" in page


def test_series_that_add_up_are_added_and_others_are_averaged(person, environment):
    for name, kind in (("Requests", "THROUGHPUT"), ("Load", "OTHER")):
        metric = metric_of(environment, name=name, kind=kind)
        for host in "ab":
            send(environment, metric, 10, labels={"host": host}, hours=1)
    page = text_of(person.get(url(environment)))
    assert re.search(r"Requests \S+ 20 2 series", page)
    assert re.search(r"Load \S+ 10 2 series", page)


def test_a_counter_shows_its_rate_not_what_it_has_counted_to(person, environment):
    metric = metric_of(environment, name="Requests", unit="requests", is_counter=True)
    send(environment, metric, lambda age: 7_000_000 - 3600 * 5 * age, hours=3)
    page = text_of(person.get(url(environment)))
    assert "5 requests/s" in page
    assert "7,000,000" not in page


def test_a_ratio_is_formed_from_two_others_and_leads_to_its_trend(person, environment):
    failed, total = (metric_of(environment, name=name, is_counter=True) for name in ("Failed", "Total"))
    share = metric_of(environment, name="Share", unit="%", numerator=failed, denominator=total, scale=100.0)
    send(environment, failed, lambda age: 1000 - 10 * age, hours=12)
    send(environment, total, lambda age: 100_000 - 1000 * age, hours=12)
    page = text_of(person.get(url(environment)))
    assert "3 metrics, all sending" in page
    assert "a ratio of two other metrics see its trend" in page
    assert "Usually 1 % in the last 24 h" in text_of(trend_page(person, environment, share, over="24h"))


def test_the_list_is_narrowed_from_the_address(person, environment):
    for name, category in (("CPU usage", "TECHNICAL"), ("Orders", "PROCESS")):
        metric_of(environment, name=name, category=category)
    page = text_of(person.get(url(environment), {"category": "PROCESS"}))
    assert "Orders" in page
    assert "CPU usage" not in page
    assert "No metric matches this filter." in text_of(person.get(url(environment), {"q": "none such"}))


def test_an_empty_list_says_how_to_send_the_first_number(person, environment):
    assert "curl -fsS" in text_of(person.get(url(environment)))


def test_many_metrics_take_as_many_queries_as_few(person, environment):
    send(environment, metric_of(environment), 1, hours=1)
    person.get(url(environment))
    with CaptureQueriesContext(connection) as few:
        person.get(url(environment))
    for _ in range(5):
        send(environment, metric_of(environment), 1, hours=1)
    with CaptureQueriesContext(connection) as many:
        person.get(url(environment))
    assert len(few) == len(many)


# --- one metric -------------------------------------------------------------------------------------------------------


def trend_page(person, environment, metric, **query):
    return person.get(url(environment, f"{metric.pk}/"), query)


def test_a_trend_is_compared_with_the_same_time_last_week(person, environment):
    metric = metric_of(environment, name="Duration", unit="ms")
    send(environment, metric, lambda age: 450 if age < 7 * 24 else 300, hours=14 * 24)
    page = text_of(trend_page(person, environment, metric, over="7d"))
    assert "Usually 450 ms in the last 7 d, +50 % against the same time last week." in page
    found = person.get(url(environment, "trend.json"), {"metric": metric.key, "over": "7d"}).json()
    assert found["ghost"]["name"] == "a week before"
    assert 300.0 in found["ghost"]["values"]


def test_a_trend_without_last_week_says_so(person, environment):
    metric = metric_of(environment, unit="ms")
    send(environment, metric, 450, hours=24)
    assert "There is nothing of the same time last week" in text_of(trend_page(person, environment, metric))


def test_releases_rollbacks_and_configuration_changes_are_marks_and_rows(person, environment):
    now = timezone.now()
    metric = metric_of(environment, key="duration", unit="ms")
    for days, version, kind in ((5, "v1", "DEPLOY"), (3, "v2", "CONFIGURATION"), (1, "v1", "ROLLBACK")):
        release = DeploymentFactory(
            environment=environment, version=version, kind=kind, finished_at=now - timedelta(days=days)
        )
    release.configuration_changes.create(setting="POOL", value="20")
    send(environment, metric, lambda age: 450 if 24 <= age < 72 else 300, hours=7 * 24)
    found = person.get(url(environment, "trend.json"), {"metric": "duration", "over": "7d"}).json()
    assert [(mark["label"], mark["kind"]) for mark in found["marks"]] == [
        ("v1", "deploy"),
        ("v2 configuration", "configuration"),
        ("v1 rollback", "rollback"),
    ]
    page = text_of(trend_page(person, environment, metric, over="7d"))
    assert "v1 rollback 1 setting changed" in page
    assert "−33 %" in page
    assert "+50 %" in page


def test_the_series_that_grew_is_named_with_its_numbers(person, environment):
    DeploymentFactory(environment=environment, version="v9", finished_at=timezone.now() - timedelta(days=2))
    metric = metric_of(environment, unit="ms")
    send(environment, metric, lambda age: 450 if age < 48 else 300, hours=7 * 24, labels={"handler": "/pay"})
    send(environment, metric, 100, hours=7 * 24, labels={"handler": "/cart"})
    page = text_of(trend_page(person, environment, metric, over="7d"))
    assert "handler /pay rose 300 → 450 ms with v9; 1 other did not change." in page


def test_a_limit_in_the_address_is_reached_on_a_day(person, environment):
    metric = metric_of(environment, unit="GB")
    send(environment, metric, lambda age: 70 - age / 24, hours=20 * 24)
    page = text_of(trend_page(person, environment, metric, limit="100"))
    day = timezone.now() + timedelta(days=30)
    assert "it reaches 100 GB about" in page
    assert any(f"{at.day} {at:%B}" in page for at in (day - timedelta(days=1), day, day + timedelta(days=1)))


def test_a_metrics_own_capacity_needs_no_address(person, environment):
    metric = metric_of(environment, unit="GB", capacity_limit=60.0)
    send(environment, metric, lambda age: 70 - age / 24, hours=20 * 24)
    assert "beyond 60 GB already" in text_of(trend_page(person, environment, metric))


def test_too_little_history_is_said(person, environment):
    metric = metric_of(environment, unit="GB")
    send(environment, metric, 10, hours=24)
    assert "too little history" in text_of(trend_page(person, environment, metric, limit="100"))


@pytest.mark.parametrize("query", [{"limit": "much"}, {"limit": "1e999"}, {"over": "x"}, {"environment": "none"}])
def test_no_address_of_a_metric_is_an_error(person, environment, query):
    metric = metric_of(environment)
    send(environment, metric, 10, hours=5)
    assert person.get(url(environment, f"{metric.pk}/"), query).status_code == 200


def test_a_metric_that_never_came_and_a_project_without_environments_have_pages(person, environment):
    metric = metric_of(environment, name="Orders")
    assert "Orders has sent nothing here yet." in text_of(trend_page(person, environment, metric))
    environment.delete()
    assert "this project has none yet" in text_of(trend_page(person, environment, metric))


def test_another_projects_metric_and_environment_are_404(person, environment):
    assert trend_page(person, environment, MetricFactory()).status_code == 404
    assert person.get(url(environment, f"environments/{EnvironmentFactory().pk}/")).status_code == 404


# --- an environment ---------------------------------------------------------------------------------------------------


def environment_page(person, environment, **query):
    return person.get(url(environment, f"environments/{environment.pk}/"), query)


def test_an_environment_says_what_is_worse_than_a_week_before(person, environment):
    slow, still = metric_of(environment, name="Duration", unit="ms"), metric_of(environment, name="CPU", unit="%")
    send(environment, slow, lambda age: 450 if age < 7 * 24 else 300, hours=14 * 24)
    send(environment, still, 40, hours=14 * 24)
    page = text_of(environment_page(person, environment))
    assert "1 of 2 lines of production are worse than a week before" in page
    assert "300 → 450 ms in a week (+50 %)" in page
    assert "40 %, as a week before" in page


def test_lower_is_worse_where_the_metric_says_so(person, environment):
    rate = metric_of(environment, name="Success", unit="%", bad_direction="DOWN")
    send(environment, rate, lambda age: 60 if age < 7 * 24 else 99, hours=14 * 24)
    assert "1 of 1 lines" in text_of(environment_page(person, environment))


def test_the_phase_of_a_check_that_grew_is_named(person, environment):
    DeploymentFactory(environment=environment, version="v9", finished_at=timezone.now() - timedelta(days=2))
    check = HealthCheckFactory(environment=environment, name="Checkout")
    now = timezone.now()
    times = [now - HOUR * n for n in range(5 * 24, 0, -1)]
    for aspect, before, after in (("dns", 4, 4), ("first_byte", 50, 168), ("response_time", 60, 180)):
        row = SeriesFactory(environment=environment, metric=None, health_check=check, aspect=aspect)
        store_samples([row.pk] * len(times), times, [after if now - at < 48 * HOUR else before for at in times])
    page = text_of(environment_page(person, environment))
    assert "Checkout : First byte rose 50 → 168 ms with v9. DNS did not change." in page
    assert "Checkout response time" in page


def test_an_environment_without_anything_says_what_will_be_here(person, environment):
    page = text_of(environment_page(person, environment))
    assert "Nothing is measured in production yet" in page


def test_many_lines_take_as_many_queries_as_few(person, environment):
    send(environment, metric_of(environment), 1, hours=5)
    environment_page(person, environment)
    with CaptureQueriesContext(connection) as few:
        environment_page(person, environment)
    for _ in range(5):
        send(environment, metric_of(environment), 1, hours=5)
    with CaptureQueriesContext(connection) as many:
        environment_page(person, environment)
    assert len(few) == len(many)


def test_a_long_list_of_metrics_comes_in_sheets_and_counts_them_all(person, environment, monkeypatch):
    monkeypatch.setattr("monitoring.selectors.metric_list.PAGE", 2)
    for n in range(5):
        send(environment, metric_of(environment, name=f"Orders {n}"), 1, hours=1)
    first, last = text_of(person.get(url(environment))), text_of(person.get(url(environment), {"page": "3"}))
    assert "5 metrics, all sending" in first
    assert "1 to 2 of 5" in first
    assert ("Orders 4" in last, "Orders 3" in last, "nothing in the last day" in last) == (True, False, False)
