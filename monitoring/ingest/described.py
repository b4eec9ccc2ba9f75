"""What the API's description says of the ways in that follow other people's standards: what is ours, where theirs is.

Their bodies are not described again: each names its standard. `SPECTACULAR_SETTINGS` calls `add_ways_in`.
"""

from collections.abc import Mapping
from typing import Any

from monitoring.formats.batch import MAX_SAMPLES
from monitoring.formats.otlp import JSON, PROTOBUF
from postdeploy.openapi import ERRORS
from postdeploy.problems import CONTENT_TYPE as PROBLEM

Described = dict[str, Any]

PUSHGATEWAY = "https://github.com/prometheus/pushgateway#api"
EXPOSITION = "https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format"
REMOTE_WRITE = "https://prometheus.io/docs/specs/prw/remote_write_spec/"
OTLP = "https://opentelemetry.io/docs/specs/otlp/#otlphttp"

OURS = {
    409: "The project has as many series as it may have; nothing was stored.",
    413: "The body is too large, as sent or inflated.",
    415: "Another type of body, or another compression, than the standard's.",
}
_BINARY: Described = {"type": "string", "contentMediaType": "application/octet-stream"}
_TEXT: Described = {"type": "string"}
_SENTENCE: Described = {"text/plain": {"schema": _TEXT}}
_PROBLEM: Described = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
#: A google.rpc.Status; in protobuf its message is field 2.
_STATUS: Described = {
    JSON: {"schema": {"type": "object", "required": ["message"], "properties": {"message": _TEXT}}},
    PROTOBUF: {"schema": _BINARY},
}
_EXPORTED: Described = {
    "type": "object",
    "properties": {
        "partialSuccess": {
            "type": "object",
            "properties": {"rejectedDataPoints": {"type": ["integer", "string"]}, "errorMessage": _TEXT},
        }
    },
}


def add_ways_in(result: Described, **kwargs: Any) -> Described:
    """Add the ways in to the description."""
    result["paths"] |= {
        "/api/v1/push/metrics/{grouping}": _push("push", [_GROUPING, _ENVIRONMENT_ASKED]),
        "/api/v1/push/{environment}/metrics/{grouping}": _push("push_to", [_ENVIRONMENT, _GROUPING]),
        "/api/v1/prometheus/write": {"post": _remote_write()},
        "/api/v1/otlp/v1/metrics": {"post": _otlp()},
    }
    return result


def _parameter(name: str, place: str, description: str) -> Described:
    return {
        "name": name, "in": place, "required": place == "path", "schema": {"type": "string"},
        "description": description,
    }  # fmt: skip


_GROUPING = _parameter(
    "grouping", "path", "`job/<job>`, then pairs `/<label>/<value>`; `<label>@base64` for a value with a slash."
)
_ENVIRONMENT = _parameter("environment", "path", "Where samples belong that do not say so.") | {
    # neither a further part of the path, nor one that means another directory
    "schema": {"type": "string", "minLength": 1, "pattern": "^[^/]*[^/.][^/]*$"}
}
_ENVIRONMENT_ASKED = _parameter(
    "environment", "query", "Where samples belong that do not say so. The source's, if left out."
)


def _operation(
    name: str,
    summary: str,
    description: str,
    *,
    parameters: list[Described],
    answers: Mapping[int, Described],
    errors: Mapping[int, Described],
    body: Described | None = None,
) -> Described:
    responses = {str(status): answer for status, answer in sorted(answers.items())}
    for status, content in sorted(({**errors, 401: errors[400], 403: errors[400], 503: _PROBLEM}).items()):
        responses[str(status)] = {"description": OURS.get(status, ERRORS[status]), "content": content}
    described = {
        "operationId": name, "summary": summary, "description": description, "tags": ["ways in"],
        "security": [{"token": []}], "parameters": parameters, "responses": responses,
    }  # fmt: skip
    return described | ({"requestBody": {"required": True, "content": body}} if body else {})


def _push(name: str, parameters: list[Described]) -> Described:
    description = (
        f"Addresses as of the [Pushgateway]({PUSHGATEWAY}), the body [Prometheus' text format]({EXPOSITION}), also"
        f" with gzip, up to 4 MiB and {MAX_SAMPLES:,} samples, all or nothing. What is pushed are samples of now, or of"
        " the time they carry; PUT and POST do the same. A fault names its line."
    )
    errors = dict.fromkeys((400, 409, 413, 415), _PROBLEM)
    stored = {200: {"description": "All of it is stored."}}
    body = {"text/plain": {"schema": _TEXT}}
    gone = "For clients of a Pushgateway: the job has gone. What it sent before stays; nothing is deleted."
    return {
        verb: _operation(
            f"{name}_{verb}", "Push metrics", description, parameters=parameters, answers=stored, errors=errors,
            body=body,
        )
        for verb in ("put", "post")
    } | {
        "delete": _operation(
            f"{name}_delete", "Say that a job has gone", gone, parameters=parameters,
            answers={202: {"description": "Heard; nothing changes."}}, errors={400: _PROBLEM},
        )
    }  # fmt: skip


def _remote_write() -> Described:
    description = (
        f"A receiver of [Prometheus remote write 1.0]({REMOTE_WRITE}): a snappy block of `prometheus.WriteRequest`,"
        " up to 8 MiB, 32 MiB inflated. Of 2.0 it answers 415, and the sender falls back. The token may also be the"
        " password of basic authentication. What cannot be stored is left out and answered with 400, as the standard"
        " wants it; the rest is stored."
    )
    headers = [
        _parameter("Content-Encoding", "header", "`snappy`") | {"required": True},
        _ENVIRONMENT_ASKED,
    ]
    return _operation(
        "remote_write", "Write as Prometheus does", description, parameters=headers,
        answers={204: {"description": "Stored."}},
        errors=dict.fromkeys((400, 413, 415), _SENTENCE),
        body={PROTOBUF: {"schema": _BINARY}},
    )  # fmt: skip


def _otlp() -> Described:
    description = (
        f"[OTLP/HTTP]({OTLP}) metrics: an `ExportMetricsServiceRequest` in protobuf or JSON, also with gzip, up to"
        " 8 MiB, 32 MiB inflated. What cannot be stored is counted in `partialSuccess`; the rest is stored. The token"
        " may also be the password of basic authentication. An error is a `google.rpc.Status` in the request's type."
    )
    content = {JSON: {"schema": _EXPORTED}, PROTOBUF: {"schema": _BINARY}}
    return _operation(
        "export_metrics", "Export metrics as OpenTelemetry does", description, parameters=[_ENVIRONMENT_ASKED],
        answers={200: {"description": "Stored, or as much of it as could be.", "content": content}},
        errors=dict.fromkeys((400, 413, 415), _STATUS),
        body={PROTOBUF: {"schema": _BINARY}, JSON: {"schema": {"type": "object"}}},
    )  # fmt: skip
