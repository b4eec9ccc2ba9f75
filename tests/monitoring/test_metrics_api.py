"""Samples over the API: rows or columns, all or nothing, every fault by its place."""

from datetime import UTC, datetime, timedelta

import pytest

from deployments.models import Environment
from monitoring import store
from monitoring.models import Metric, MetricLimits, Series
from tests.api_client import ApiClient
from tests.factories import ApiTokenFactory, EnvironmentFactory

T0 = datetime(2026, 3, 19, 12, 0, tzinfo=UTC)
pytestmark = pytest.mark.django_db


@pytest.fixture
def environment():
    return EnvironmentFactory()


@pytest.fixture
def client(environment):
    return ApiClient(ApiTokenFactory(project=environment.project, scopes=["metrics:write"]))


def send(client, _where, **body):
    body = {"project": _where.project.slug, "environment": _where.name} | body
    return client.send("/metrics", body)


def stamp(minute):
    return (T0 + timedelta(minutes=minute)).isoformat()


def stored():
    ids = list(Series.objects.values_list("pk", flat=True))
    found = store.read(ids, T0 - timedelta(days=1), datetime(2100, 1, 1, tzinfo=UTC))
    return sorted(value for samples in found.values() for value in samples.values.tolist())


def test_rows_are_stored(client, environment):
    samples = [
        {"metric": "orders", "value": 12, "at": stamp(0)},
        {"metric": "orders", "value": 13.5, "at": stamp(1), "labels": {"shop": "eu"}},
        {"metric": "queue_wait", "value": 3, "at": stamp(0), "unit": "ms"},
    ]
    response = send(client, environment, samples=samples)
    assert (response.status_code, response.json()) == (202, {"accepted": 3})
    assert stored() == [3.0, 12.0, 13.5]
    assert Metric.objects.get(key="queue_wait").unit == "ms"


def test_columns_are_stored(client, environment):
    response = send(client, environment, metric=["orders"] * 3, at=[stamp(n) for n in range(3)], value=[1, 2, 3])
    assert response.json() == {"accepted": 3}
    assert stored() == [1.0, 2.0, 3.0]


def test_the_same_again_changes_nothing(client, environment):
    sample = {"metric": "orders", "value": 12, "at": stamp(0)}
    for _ in range(2):
        assert send(client, environment, samples=[sample]).json() == {"accepted": 1}
    assert stored() == [12.0]


def test_a_sample_without_a_time_is_of_now(client, environment):
    assert send(client, environment, samples=[{"metric": "orders", "value": 1}]).json()["accepted"] == 1
    (latest,) = store.latest([Series.objects.get().pk]).values()
    assert abs((latest.at - datetime.now(UTC)).total_seconds()) < 60


def test_an_environment_that_was_never_named_is_created(client, environment):
    send(client, environment, environment="canary", samples=[{"metric": "orders", "value": 1}])
    assert Environment.objects.get(name="canary").is_new


@pytest.mark.parametrize(
    ("sample", "pointer", "sentence"),
    [
        ({"value": 1}, "/samples/1/metric", "Name the metric, such as “orders”."),
        ({"metric": 5, "value": 1}, "/samples/1/metric", "Must be a string; put it in quotes."),
        ({"metric": "a\nb", "value": 1}, "/samples/1/metric", "Must not contain control characters or line breaks."),
        ({"metric": "x" * 121, "value": 1}, "/samples/1/metric", "Must not be longer than 120 characters."),
        ({"metric": "orders"}, "/samples/1/value", "Must be a number."),
        ({"metric": "orders", "value": "12"}, "/samples/1/value", "Must be a number."),
        ({"metric": "orders", "value": True}, "/samples/1/value", "Must be a number."),
        ({"metric": "orders", "value": None}, "/samples/1/value", "Must be a number."),
        ({"metric": "orders", "value": 1, "at": "yesterday"}, "/samples/1/at", "Must be a time such as"),
        ({"metric": "orders", "value": 1, "at": "2026-03-19T12:00:00"}, "/samples/1/at", "Must have a time zone"),
        ({"metric": "orders", "value": 1, "at": "2099-03-19T12:00:00Z"}, "/samples/1/at", "Lies in the future."),
        ({"metric": "orders", "value": 1, "labels": ["eu"]}, "/samples/1/labels", "Must be an object"),
        ({"metric": "orders", "value": 1, "labels": {"n": 1}}, "/samples/1/labels", "The label n must be a string"),
        ({"metric": "orders", "value": 1, "colour": "red"}, "/samples/1/colour", "There is no such field here."),
        ("orders", "/samples/1", "Must be an object such as"),
    ],
)
def test_a_sample_that_cannot_be_accepted_is_named_and_nothing_is_stored(
    client, environment, sample, pointer, sentence
):
    response = send(client, environment, samples=[{"metric": "orders", "value": 1}, sample])
    assert response.status_code == 400
    (error,) = response.json()["errors"]
    assert error["pointer"] == pointer
    assert error["detail"].startswith(sentence)
    assert Series.objects.count() == 0


def test_not_a_number_is_refused_with_its_index(client, environment):
    body = (
        '{"project": "%s", "environment": "e", "samples": [{"metric": "a", "value": 1}, {"metric": "a", "value": NaN}]}'
    )
    response = client.post("/api/v1/metrics", body % environment.project.slug, content_type="application/json")
    assert response.status_code == 400
    assert response.json()["errors"][0]["pointer"] == "/samples/1/value"


def test_columns_of_different_length_are_refused(client, environment):
    response = send(client, environment, metric=["a", "b"], value=[1])
    assert response.json()["errors"][0]["detail"] == "The columns must be of one length; metric has 2, value has 1."


def test_a_fault_in_a_column_is_named_by_column_and_place(client, environment):
    response = send(client, environment, metric=["a", "b"], value=[1, "x"])
    assert response.json()["errors"][0]["pointer"] == "/value/1"


@pytest.mark.parametrize("body", [{}, {"samples": [], "value": []}, {"value": [1]}, {"samples": {}}, {"samples": None}])
def test_a_body_without_samples_or_with_both_shapes_is_refused(client, environment, body):
    assert send(client, environment, **body).status_code == 400


def test_too_many_at_once_are_refused(client, environment):
    response = send(client, environment, metric=["a"] * 5001, value=[1] * 5001)
    assert response.status_code == 400
    assert "send at most 5,000 at once" in response.json()["errors"][0]["detail"]


def test_five_thousand_at_once_are_taken(client, environment):
    samples = [{"metric": f"m{n % 50}", "value": n, "at": stamp(n // 50)} for n in range(5000)]
    assert send(client, environment, samples=samples).json() == {"accepted": 5000}


def test_an_unknown_project_names_those_that_may_be_used(client, environment):
    response = send(client, environment, project="elsewhere", samples=[{"metric": "a", "value": 1}])
    assert response.status_code == 404
    assert response.json()["projects"] == [environment.project.slug]


def test_labels_that_explode_are_refused_with_the_usual_cause(client, environment):
    MetricLimits.objects.create(project=environment.project, max_series=2)
    samples = [{"metric": "a", "value": 1, "labels": {"user": str(n)}} for n in range(3)]
    response = send(client, environment, samples=samples)
    assert (response.status_code, response.json()["code"]) == (409, "too_many_series")
    assert "leave it out" in response.json()["detail"]


def test_checks_are_listed_without_their_headers(environment):
    from tests.factories import HealthCheckFactory

    HealthCheckFactory(environment=environment, name="Front page", headers={"Authorization": "s3cret"})
    HealthCheckFactory(name="Somebody else's")
    client = ApiClient(ApiTokenFactory(project=environment.project, scopes=["deployments:read"]))
    response = client.ask("/checks", environment=environment.name)
    (item,) = response.json()["items"]
    assert (item["name"], item["state"], item["environment"]) == ("Front page", "unknown", environment.name)
    assert "s3cret" not in response.content.decode()
    assert client.ask("/checks", environment="nowhere").json()["items"] == []
