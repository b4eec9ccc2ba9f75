"""Who says which environment, unit and name a sample has, and how a refusal points at it."""

import json
from datetime import UTC, datetime

import pytest

from deployments.models import Environment
from monitoring.models import Refusal
from tests.monitoring.ingest.roads import NOW_MS, PROTOBUF, TEXT, send, written
from tests.monitoring.ingest.stored import keys, series_of, values_of

pytestmark = pytest.mark.django_db


# --- who says where ---------------------------------------------------------------------------------------------------


def test_the_data_wins_over_the_address(api):
    body = written(({"__name__": "a", "environment": "staging"}, [(NOW_MS, 1.0)]), ({"__name__": "b"}, [(NOW_MS, 1.0)]))
    assert send(api, "remote_write", body).status_code == 204
    assert [series_of(key)[0].environment.name for key in ("a", "b")] == ["staging", "production"]
    assert series_of("a")[0].labels == {}


def test_without_an_environment_the_refusal_says_what_to_do(api):
    headers = {"Content-Encoding": "snappy"}
    body = written(({"__name__": "a"}, [(NOW_MS, 1.0)]))
    response = api.generic("POST", "/api/v1/prometheus/write", body, content_type=PROTOBUF, headers=headers)
    assert response.status_code == 400
    assert "?environment=production" in response.content.decode()
    assert Refusal.objects.get().reason == "NO_ENVIRONMENT"


# --- names of environments, units, places -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["%00", "%0a", "%ff", "%20", "%EF%BF%BD", "x" * 101])
@pytest.mark.parametrize("path", ["/api/v1/push/{}/metrics/job/j", "/api/v1/push/metrics/job/j?environment={}"])
def test_an_address_that_names_no_possible_environment_is_refused_and_makes_none(api, path, name):
    response = api.post(path.format(name), b"x 1\n", content_type=TEXT)
    assert response.status_code == 400
    assert "environment" in response.json()["detail"]
    assert Environment.objects.count() == 1


def test_a_label_that_names_no_possible_environment_is_refused_for_what_it_is(api):
    response = send(api, "remote_write", written(({"__name__": "a", "environment": "\n"}, [(NOW_MS, 1.0)])))
    assert (response.status_code, Environment.objects.count()) == (400, 1)
    assert "control characters" in response.content.decode()


@pytest.mark.parametrize(
    "shape",
    [
        {"samples": [{"metric": "orders", "value": 1, "labels": {"environment": "staging2", "shop": "de"}}]},
        {
            "series": [{"metric": "orders", "labels": {"environment": "staging2", "shop": "de"}}],
            "of": [0],
            "value": [1],
        },
    ],
    ids=["rows", "columns"],
)
def test_a_label_of_json_names_the_environment_before_the_body_does(api, shape):
    assert send(api, "metrics", json.dumps({"environment": "production", **shape}).encode()).status_code == 202
    (series,) = series_of("orders")
    assert (series.environment.name, series.labels) == ("staging2", {"shop": "de"})


def rows(*samples):
    return json.dumps({"environment": "production", "samples": samples}).encode()


def at(seconds):
    """So many seconds after the samples' day began."""
    return datetime.fromtimestamp(NOW_MS // 1000 + seconds, UTC).isoformat()


def test_another_unit_of_the_same_series_is_converted_also_when_the_series_is_known(api):
    first = {"metric": "lat_u", "value": 100, "unit": "ms", "at": at(0)}
    second = {"metric": "lat_u", "value": 2, "unit": "s", "at": at(1)}
    third = {"metric": "lat_u", "value": 3, "unit": "s", "at": at(2)}
    assert [send(api, "metrics", body).status_code for body in (rows(first), rows(second), rows(second, third))] == [
        202, 202, 202,
    ]  # fmt: skip
    assert values_of("lat_u") == [100.0, 2000.0, 3000.0]


def test_a_unit_that_cannot_be_converted_is_refused_at_its_place(api):
    send(api, "metrics", rows({"metric": "lat_u", "value": 100, "unit": "ms"}))
    response = send(api, "metrics", rows({"metric": "b", "value": 1}, {"metric": "lat_u", "value": 1, "unit": "bytes"}))
    (error,) = response.json()["errors"]
    assert (response.status_code, error["pointer"]) == (400, "/samples/1/unit")
    assert "kept in ms" in error["detail"]
    assert keys() == {"lat_u"}


def test_a_label_without_a_name_is_refused_at_its_place(api):
    response = send(api, "metrics", rows({"metric": "b", "value": 1}, {"metric": "a", "value": 1, "labels": {"": "x"}}))
    assert [error["pointer"] for error in response.json()["errors"]] == ["/samples/1/labels"]


@pytest.mark.parametrize(
    ("line", "told"),
    [("badm 1 1000", 'badm{job="a"}: Is older than'), ("badm 1 99999999999999", 'badm{job="a"}: Lies in the future.'),
     ('badm{k="%s"} 1' % ("x" * 250), "longer than 200 characters")],
    ids=["old", "ahead", "long"],
)  # fmt: skip
def test_a_push_that_is_refused_says_the_line_and_the_series_briefly(api, line, told):
    response = send(api, "push", f"okm 1\nokm +Inf\n{line}\n".encode())
    detail = response.json()["detail"]
    assert (response.status_code, detail.startswith("Line 3: badm"), len(detail) < 260) == (400, True, True)
    assert told in detail
    assert response.json()["errors"][0]["pointer"] == "3"


def test_refusals_do_not_speak_of_the_libraries_that_read(api):
    body = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": 5}]}]}]}
    told = send(api, "otlp_json", json.dumps(body).encode()).json()["message"]
    assert "resourceMetrics.scopeMetrics.metrics.name" in told
    assert "int" not in told.replace("Something in", "")
    unnamed = send(api, "remote_write", written(({"shop": "de"}, [(NOW_MS, 1.0)]))).content.decode()
    assert 'Such as {shop="de"}.' in unnamed
