"""The ways in, as tests send to them: each by its verb, address and type."""

import json
import time

import cramjam

from monitoring.formats.remote_write import write_request

#: Yesterday, to the minute: a sample may be neither old nor ahead.
NOW_MS = int(time.time() // 60 * 60_000) - 86_400_000
JSON, TEXT, PROTOBUF = "application/json", "text/plain", "application/x-protobuf"
ROADS = {
    "metrics": ("POST", "/api/v1/metrics", JSON),
    "push": ("PUT", "/api/v1/push/production/metrics/job/a", TEXT),
    "remote_write": ("POST", "/api/v1/prometheus/write?environment=production", PROTOBUF),
    "otlp": ("POST", "/api/v1/otlp/v1/metrics?environment=production", PROTOBUF),
    "otlp_json": ("POST", "/api/v1/otlp/v1/metrics?environment=production", JSON),
}


def send(client, road, body, **headers):
    verb, path, content_type = ROADS[road]
    coding = {"Content-Encoding": "snappy"} if road == "remote_write" else {}
    return client.generic(verb, path, body, content_type=content_type, headers={**coding, **headers})


def written(*series):
    """A remote write body of (labels, [(ms, value)])."""
    return bytes(cramjam.snappy.compress_raw(write_request(list(series))))


def otlp(points, **metric):
    described = {"name": "temperature", "gauge": {"dataPoints": points}} | metric
    return json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": [described]}]}]}).encode()
