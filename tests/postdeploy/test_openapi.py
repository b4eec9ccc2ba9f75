"""The description of the API is valid, complete and true: every answer that it documents is provoked and checked."""

import json
import re
import uuid
from collections import Counter

import jsonschema
import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.urls import get_resolver
from drf_spectacular.drainage import GENERATOR_STATS
from openapi_spec_validator import validate

from postdeploy import idempotency
from postdeploy.api import Endpoint
from postdeploy.api_docs import openapi
from tests.api_client import ApiClient
from tests.api_examples import EXAMPLES, nobody
from tests.factories import ApiTokenFactory

DOCUMENT = openapi()
OPERATIONS = {
    operation["operationId"]: (path, method, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
ANSWERS = [(name, int(status)) for name, (_, _, operation) in OPERATIONS.items() for status in operation["responses"]]
SUCCESSES = (200, 201, 202, 204)
MAY_SAY_MORE = {"Problem"}  # RFC 9457 calls them extension members
COMPONENTS = {
    "schemas": {
        name: schema
        if name in MAY_SAY_MORE or "properties" not in schema
        else {"additionalProperties": False, **schema}
        for name, schema in DOCUMENT["components"]["schemas"].items()
    }
}


# --- valid and complete -----------------------------------------------------------------------------------------------


def test_the_description_is_valid():
    assert DOCUMENT["openapi"].startswith("3.1")
    validate(DOCUMENT)


def test_the_description_was_made_without_a_warning():
    assert not [*GENERATOR_STATS._warn_cache, *GENERATOR_STATS._error_cache]


def test_every_method_of_every_endpoint_is_described():
    missing = []
    for pattern in walk(get_resolver()):
        view = getattr(pattern[1].callback, "view_class", None) or getattr(pattern[1].callback, "cls", None)
        if view and issubclass(view, Endpoint):
            path = "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", pattern[0])
            missing += [(path, m) for m in view.scopes if m.lower() not in DOCUMENT["paths"].get(path, {})]
    assert missing == []


def walk(resolver, prefix=""):
    for pattern in resolver.url_patterns:
        route = prefix + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            yield from walk(pattern, route)
        else:
            yield route, pattern


def test_every_operation_says_what_it_does_and_asks_for_a_token():
    names = Counter(operation["operationId"] for _, _, operation in OPERATIONS.values())
    assert max(names.values()) == 1
    for _, _, operation in OPERATIONS.values():
        assert operation["summary"]
        assert operation["security"] == [{"token": []}]


def test_every_request_body_refuses_unknown_fields():
    open_ones = [
        name
        for name, schema in DOCUMENT["components"]["schemas"].items()
        if name.endswith("Request") and schema.get("additionalProperties") is not False
    ]
    assert open_ones == []


@pytest.mark.django_db
def test_the_description_is_served_and_answers_304(client):
    response = client.get("/api/v1/openapi.json")
    assert response.json() == json.loads(json.dumps(DOCUMENT))
    assert client.get("/api/v1/openapi.json", headers={"If-None-Match": response["ETag"]}).status_code == 304


@pytest.mark.django_db
def test_the_page_takes_everything_from_here_and_has_no_inline_script(client):
    response = client.get("/api/v1/docs")
    page = response.content.decode()
    assert "script-src 'self'" in response["Content-Security-Policy"]
    assert re.findall(r"<script(?![^>]*\bsrc=)", page) == []
    assert re.findall(r'(?:src|href)="(?:https?:)?//', page) == []


# --- true -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def token(db):
    return ApiTokenFactory(project__slug="shop", project__issue_prefix="SHOP")


def sent(client, request, **options):
    address = f"/api/v1{request.path}" + (f"?{request.query}" if request.query else "")
    if request.method == "GET":
        return client.get(address, **options)
    body = options.pop("body", request.body)
    content_type = options.pop("content_type", request.content_type)
    content = body if isinstance(body, bytes) else json.dumps(body)
    headers = {**request.headers, **options.pop("headers", {})}
    return client.generic(request.method, address, content, content_type=content_type, headers=headers, **options)


def success_of(operation, api):
    status = next(status for status in SUCCESSES if (operation, status) in EXAMPLES)
    request = EXAMPLES[operation, status](api.token.project)
    for earlier in request.before:
        sent(api, earlier)
    return request


def provoke(operation, status, token, monkeypatch):
    """Return the answer of `operation` that should have this status."""
    api, project = ApiClient(token), token.project
    make = EXAMPLES.get((operation, status))
    if make is nobody:
        request = success_of(operation, api)
        return sent(api, request.elsewhere(re.sub(r"[0-9a-f-]{36}", str(uuid.uuid4()), request.path)))
    if make:
        request = make(project)
        for earlier in request.before:
            assert sent(api, earlier).status_code < 300
        return sent(api, request)
    return SHARED[status](api, success_of(operation, api), monkeypatch)


def unknown_parameter(api, request, monkeypatch):
    if request.method == "GET":
        return api.get(f"/api/v1{request.path}?nonsense=1")
    return sent(api, request, body=b'{"nonsense": 1}')


def without_scope(api, request, monkeypatch):
    weak = ApiTokenFactory(project=api.token.project, scopes=[])
    return sent(ApiClient(weak), request)


def in_progress(api, request, monkeypatch):
    """Another connection holds the lock that the first request with this key would hold."""
    scope = "\0".join([api.token.digest, request.method, f"/api/v1{request.path}", "k"])
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [idempotency.lock_number(scope)])
            return sent(api, request, headers={"Idempotency-Key": "k"})
    finally:
        other.close()


def too_large(api, request, monkeypatch):
    return sent(api, request, body=b"x", CONTENT_LENGTH=str(100 * 1024 * 1024))


def with_key_of_another_body(api, request, monkeypatch):
    assert sent(api, request, headers={"Idempotency-Key": "k"}).status_code < 300
    return sent(api, request, body=b"{}  ", headers={"Idempotency-Key": "k"})


def without_database(api, request, monkeypatch):
    def fail(*args):
        raise OperationalError

    monkeypatch.setattr(Endpoint, "_answer", fail)
    monkeypatch.setattr("monitoring.ingest.door.enter", fail)
    return sent(api, request)


def changed_meanwhile(api, request, monkeypatch):
    return sent(api, request, headers={"If-Match": '"of-yesterday"'})


def unchanged(api, request, monkeypatch):
    return sent(api, request, headers={"If-None-Match": sent(api, request)["ETag"]})


SHARED = {
    304: unchanged,
    400: unknown_parameter,
    401: lambda api, request, _: sent(Client(), request),
    403: without_scope,
    409: in_progress,
    412: changed_meanwhile,
    413: too_large,
    415: lambda api, request, _: sent(api, request, content_type="text/plain"),
    422: with_key_of_another_body,
    503: without_database,
}


@pytest.mark.parametrize(("operation", "status"), ANSWERS, ids=lambda part: str(part))
def test_every_documented_answer_is_given_as_described(operation, status, token, monkeypatch):
    response = provoke(operation, status, token, monkeypatch)
    assert response.status_code == status, response.content
    described = OPERATIONS[operation][2]["responses"][str(status)].get("content", {})
    if not described:
        assert response.content == b""
        return
    media_type = response["Content-Type"].partition(";")[0]
    assert media_type in described
    if media_type.endswith("json"):
        schema = {**described[media_type]["schema"], "components": COMPONENTS}
        jsonschema.validate(
            response.json(), schema, cls=jsonschema.Draft202012Validator, format_checker=jsonschema.FormatChecker()
        )


def test_no_example_is_of_something_undocumented():
    assert set(EXAMPLES) <= set(ANSWERS)


@pytest.mark.parametrize("path", ["/api/v1/openapi.json", "/api/v1/docs"])
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options"])
def test_the_description_and_its_page_refuse_other_methods_as_the_api_does(path, method):
    answer = getattr(Client(enforce_csrf_checks=True), method)(path)

    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")
    assert answer["Content-Type"] == "application/problem+json"
