"""Requests of the ways in that follow other people's standards, for `tests/postdeploy/test_openapi.py`."""

import json
from dataclasses import replace

import cramjam

from monitoring.models import MetricLimits
from tests.api_examples.registry import Request, example
from tests.factories import EnvironmentFactory

PUSHED, PROTOBUF = b"orders 1\n", "application/x-protobuf"
SNAPPY = {"Content-Encoding": "snappy"}
VERBS = ("put", "post")
ROADS = {"push": "/push/metrics/job/nightly", "push_to": "/push/production/metrics/job/nightly"}


def pushed(road, verb, body=PUSHED, content_type="text/plain"):
    query = "environment=production" if road == "push" else ""
    return Request(ROADS[road], body, query, verb=verb.upper(), content_type=content_type)


def full(project, request):
    EnvironmentFactory(project=project, name="production")
    MetricLimits.objects.create(project=project, max_series=0)
    return request


for _road in ROADS:
    for _verb in VERBS:
        _name = f"{_road}_{_verb}"
        example(_name, 200)(lambda project, r=_road, v=_verb: pushed(r, v))
        example(_name, 400)(lambda project, r=_road, v=_verb: pushed(r, v, b"orders one\n"))
        example(_name, 409)(lambda project, r=_road, v=_verb: full(project, pushed(r, v)))
        example(_name, 415)(lambda project, r=_road, v=_verb: pushed(r, v, content_type="text/html"))
    example(f"{_road}_delete", 202)(lambda project, r=_road: pushed(r, "delete", b""))
    example(f"{_road}_delete", 400)(
        lambda project, r=_road: replace(pushed(r, "delete", b""), path=ROADS[r].removesuffix("/nightly"))
    )


@example("remote_write", 204)
def remote_write(project):
    body = bytes(cramjam.snappy.compress_raw(b""))
    return Request("/prometheus/write", body, verb="POST", content_type=PROTOBUF, headers=SNAPPY)


@example("remote_write", 400)
def remote_write_of_nonsense(project):
    return replace(remote_write(project), body=b"\x01\x02\x03\x04")


def exported(*metrics):
    resource = {"attributes": [{"key": "deployment.environment.name", "value": {"stringValue": "production"}}]}
    return {"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": list(metrics)}]}]}


@example("export_metrics", 200)
def export_metrics(project):
    point = {"asDouble": "Infinity", "timeUnixNano": "1"}
    return Request("/otlp/v1/metrics", exported({"name": "orders", "gauge": {"dataPoints": [point]}}))


@example("export_metrics", 400)
def export_nonsense(project):
    return Request("/otlp/v1/metrics", json.dumps(exported(5)).encode(), verb="POST")
