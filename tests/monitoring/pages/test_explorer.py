"""The explorer: what its address asks, as a picture, a table, JSON and CSV."""

import csv
import io
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.factories import DeploymentFactory, EnvironmentFactory, MembershipFactory, MetricFactory, SeriesFactory
from tests.samples import store_samples

pytestmark = pytest.mark.django_db


@pytest.fixture
def environment():
    return EnvironmentFactory(name="production")


@pytest.fixture
def person(environment):
    client = Client()
    client.force_login(MembershipFactory(project=environment.project).user)
    return client


@pytest.fixture
def metric(environment):
    return MetricFactory(project=environment.project, key="http.p95", name="Request duration", unit="ms")


def send(environment, metric, value, *, labels=None, minutes=120, until=None):
    """A sample a minute up to now; `value` is a number, or a function of the minutes before now."""
    labels, until = labels or {}, until or timezone.now()
    row = SeriesFactory(environment=environment, metric=metric, labels=labels, labels_digest="-".join(labels.values()))
    ages = range(minutes, 0, -1)
    values = [float(value(age)) if callable(value) else float(value) for age in ages]
    store_samples([row.pk] * len(values), [until - timedelta(minutes=age) for age in ages], values)
    return row


def address(environment, ending="", /, **query):
    names = {"": "metrics/explore/", "json": "metrics/explore.json", "csv": "metrics/explore.csv"}
    return f"/p/{environment.project.slug}/{names[ending]}", query


def get(person, environment, ending="", /, **query):
    path, values = address(environment, ending, **query)
    return person.get(path, values)


def chart(person, environment, /, **query):
    return get(person, environment, "json", **query).json()


def table(response):
    return list(csv.reader(io.StringIO(response.content.decode())))


def known(values):
    return [value for value in values if value is not None]


def test_nothing_is_drawn_before_something_is_chosen(person, environment, metric):
    page = get(person, environment).content.decode()
    assert "Choose a metric above" in page
    assert "Request duration" in page


@pytest.mark.parametrize("ending", ["json", "csv"])
@pytest.mark.parametrize("query", [{}, {"metric": "none-such"}])
def test_data_of_nothing_is_refused_with_the_fix(person, environment, metric, ending, query):
    answer = get(person, environment, ending, **query)
    assert (answer.status_code, answer.json()) == (400, {"detail": "Choose a metric of this project: ?metric=KEY."})


@pytest.mark.parametrize(
    ("how", "expected"), [("mean", 20.0), ("sum", 40.0), ("min", 10.0), ("max", 30.0), ("p50", 20.0), ("p99", 29.8)]
)
def test_series_are_summed_up_as_the_address_says(person, environment, metric, how, expected):
    for host, value in (("a", 10), ("b", 30)):
        send(environment, metric, value, labels={"host": host})
    (line,) = chart(person, environment, metric="http.p95", how=how, over="3h")["lines"]
    assert known(line["values"]) == pytest.approx([expected] * len(known(line["values"])))


def test_a_line_for_each_value_of_a_label(person, environment, metric):
    for host, value in (("a", 10), ("b", 30)):
        send(environment, metric, value, labels={"host": host})
    found = chart(person, environment, metric="http.p95", split="host", over="3h")["lines"]
    assert {line["name"]: known(line["values"])[0] for line in found} == {"a": 10.0, "b": 30.0}


def test_labels_narrow_what_is_read(person, environment, metric):
    for host, value in (("a", 10), ("b", 30)):
        send(environment, metric, value, labels={"host": host})
    (line,) = chart(person, environment, metric="http.p95", label="host:b", over="3h")["lines"]
    assert set(known(line["values"])) == {30.0}
    assert chart(person, environment, metric="http.p95", label="host:c", over="3h")["times"] == []


def test_several_environments_are_several_lines(person, environment, metric):
    staging = EnvironmentFactory(project=environment.project, name="staging")
    send(environment, metric, 10)
    send(staging, metric, 20)
    found = chart(person, environment, metric="http.p95", over="3h")["lines"]
    assert {line["name"] for line in found} == {"production", "staging"}
    (line,) = chart(person, environment, metric="http.p95", environment="staging", over="3h")["lines"]
    assert set(known(line["values"])) == {20.0}


def test_releases_are_compared_from_their_start(person, environment, metric):
    now = timezone.now()
    for version, age in (("v1", 100), ("v2", 40)):
        DeploymentFactory(environment=environment, version=version, finished_at=now - timedelta(minutes=age))
    send(environment, metric, lambda age: 450 if age <= 40 else 300, until=now)
    found = chart(person, environment, metric="http.p95", compare="2", over="3h")
    assert found["relative"] is True
    assert found["times"][0] == 0
    assert [line["name"] for line in found["lines"]] == ["v2", "v1"]
    assert [known(line["values"])[0] for line in found["lines"]] == [450.0, 300.0]
    page = get(person, environment, metric="http.p95", compare="2", over="3h").content.decode()
    assert "+50\u00a0% against v1" in page


def test_a_zoom_stands_in_the_address_and_leads_back(person, environment, metric):
    send(environment, metric, 10)
    now = timezone.now()
    start, end = (f"{now - timedelta(minutes=age):%Y-%m-%dT%H:%M:%SZ}" for age in (60, 30))
    answer = get(person, environment, metric="http.p95", **{"from": start, "to": end, "over": "24h"})
    assert "Back to 24h" in answer.content.decode()
    found = chart(person, environment, metric="http.p95", **{"from": start, "to": end})
    assert found["window"][1] - found["window"][0] == pytest.approx(1800)


@pytest.mark.parametrize(
    "query",
    [
        {"from": "yesterday", "to": "never"},
        {"from": "2026-11-19T12:00:00Z", "to": "2026-11-19T11:00:00Z"},
        {"from": "0001-01-01T00:00:00Z", "to": "9999-12-31T23:59:59Z"},
        {"over": "forever", "how": "guess", "split": "x" * 500, "compare": "999999", "width": "-3"},
        {"label": "nocolon", "environment": "none-such", "compare": "two"},
        {"width": "99999999", "label": "a:" + "b" * 3000},
        {"metric": "http.p95\x00"},
    ],
)
@pytest.mark.parametrize("ending", ["", "json", "csv"])
def test_no_address_is_an_error(person, environment, metric, ending, query):
    send(environment, metric, 10, minutes=5)
    assert get(person, environment, ending, **{"metric": "http.p95"} | query).status_code in (200, 400)


def test_the_same_data_is_not_sent_twice(person, environment, metric):
    send(environment, metric, 10)
    span = {"from": "2026-11-19T12:00:00Z", "to": "2026-11-19T13:00:00Z"}
    first = get(person, environment, "json", metric="http.p95", **span)
    path, query = address(environment, "json", metric="http.p95", **span)
    again = person.get(path, query, headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])


def test_the_csv_has_every_point_and_no_formula(person, environment, metric):
    metric.unit = ""
    metric.save()
    send(environment, metric, 10, labels={"host": "=HYPERLINK(1)"}, minutes=30)
    answer = get(person, environment, "csv", metric="http.p95", split="host", over="3h")
    header, *rows = table(answer)
    assert header == ["time", "'=HYPERLINK(1)"]
    assert len(rows) == 30
    assert {row[1] for row in rows} == {"10.0"}
    assert 'filename="' in answer["Content-Disposition"]
    assert answer["Content-Type"] == "text/csv; charset=utf-8"


def test_a_long_time_is_read_from_roll_ups_and_gives_the_same_mean(person, environment, metric):
    now = timezone.now().replace(hour=12, minute=0)
    row = SeriesFactory(environment=environment, metric=metric)
    times = [now - timedelta(hours=hours) for hours in range(24 * 6, 0, -1)]
    store_samples([row.pk] * len(times), times, [50.0] * len(times))
    (line,) = chart(person, environment, metric="http.p95", over="7d")["lines"]
    assert set(known(line["values"])) == {50.0}


def test_many_series_take_as_many_queries_as_few(person, environment, metric):
    send(environment, metric, 1, labels={"host": "a"}, minutes=5)
    chart(person, environment, metric="http.p95", split="host")
    with CaptureQueriesContext(connection) as few:
        chart(person, environment, metric="http.p95", split="host")
    for host in "bcdefghijkl":
        send(environment, metric, 1, labels={"host": host}, minutes=5)
    with CaptureQueriesContext(connection) as many:
        chart(person, environment, metric="http.p95", split="host")
    assert len(few) == len(many)


def test_more_lines_than_can_be_told_apart_are_said_to_be_left_out(person, environment, metric):
    for number in range(10):
        send(environment, metric, 1, labels={"host": f"h{number}"}, minutes=5)
    page = get(person, environment, metric="http.p95", split="host", over="3h").content.decode()
    assert "10 lines; the first 8 are drawn." in page


def test_another_projects_metric_is_not_found(person, environment):
    foreign = MetricFactory(key="secret")
    answer = get(person, environment, "json", metric=foreign.key)
    assert answer.status_code == 400
