import gzip
import io
import json

import pytest
from django.test import Client

from deployments.models import ApiToken, Environment
from tests.factories import ApiTokenFactory

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.postdeploy.api_urls_for_tests")]


@pytest.fixture
def token():
    return ApiTokenFactory()


@pytest.fixture
def client(token):
    return Client(headers={"Authorization": f"Bearer {token.text}"}, raise_request_exception=False)


def post(client, body, **kwargs):
    content = body if isinstance(body, bytes | str) else json.dumps(body)
    return client.post("/api/v1/things", content, content_type="application/json", **kwargs)


def problem(response, status):
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == status
    assert {"type", "title", "detail", "instance", "request_id"} <= set(body)
    assert body["request_id"] == response["X-Request-ID"]
    return body


def test_it_answers_words_and_times_as_they_are_written_outside(client):
    response = post(client, {"name": "shop", "status": "failed", "at": "2026-11-19T13:09:00.5+01:00"})
    assert response.status_code == 201
    assert response.json()["status"] == "failed"
    assert response.json()["at"] == "2026-11-19T12:09:00.500Z"


def test_it_names_each_refused_field_by_its_pointer(client):
    body = {"name": 1.10, "status": "FAILED", "at": "yesterday", "is_secret": "yes", "parts": [{"name": "a"}, {}]}
    errors = problem(post(client, body), 400)["errors"]
    assert {error["pointer"] for error in errors} == {"/name", "/status", "/at", "/is_secret", "/parts/1/name"}
    assert next(error for error in errors if error["pointer"] == "/status")["detail"] == (
        "Must be one of: pending, running, succeeded, failed, cancelled."
    )


def test_it_refuses_unknown_fields_at_every_depth_by_name(client):
    body = {"name": "a", "nmae": 1, "a/b~c": 2, "parts": [{"name": "x", "size": 3}]}
    errors = problem(post(client, body), 400)["errors"]
    assert {error["pointer"]: error["code"] for error in errors} == {
        "/nmae": "unknown_field",
        "/a~1b~0c": "unknown_field",
        "/parts/0/size": "unknown_field",
    }


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        "null",
        '"text"',
        "1",
        '{"name": NaN}',
        '{"name": "a\\u0000b"}',
        '{"name": "\\ud800"}',
        b'{"name": "\xff"}',
        b'\xef\xbb\xbf{"name": "a"}',
        '{"name": "a", "name": "b"}',
        "[" * 100_000,
        '{"parts": ' + "[" * 100 + "]" * 100 + "}",
        '{"name": "a\\nb"}',
        '{"name": ""}',
        '{"name": "   "}',
        '{"name": null}',
        '{"name": "' + "x" * 21 + '"}',
    ],
)
def test_it_refuses_what_is_not_an_acceptable_body(client, body):
    problem(post(client, body), 400)
    assert not Environment.objects.exists()


def test_it_refuses_a_large_body_before_reading_it(client, settings):
    class Unread(io.BytesIO):
        def read(self, *args):
            raise AssertionError("the body was read")

    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    response = client.generic(
        "POST",
        "/api/v1/things",
        b"x",
        content_type="application/json",
        CONTENT_LENGTH="1001",
        **{"wsgi.input": Unread()},
    )
    assert "1,000 bytes" in problem(response, 413)["detail"]


def chunked(client, body):
    class Source(io.BytesIO):
        taken = 0

        def read(self, size=-1):
            assert size >= 0, "read without a limit"
            self.taken += size
            return super().read(size)

    source = Source(body)
    extra = {
        "wsgi.input": source,
        "wsgi.input_terminated": True,
        "HTTP_TRANSFER_ENCODING": "chunked",
        "CONTENT_LENGTH": "",
        "CONTENT_TYPE": "application/json",
    }
    return client.generic("POST", "/api/v1/things", **extra), source


def test_it_reads_a_chunked_body(client):
    response, _ = chunked(client, b'{"name": "a"}')
    assert response.status_code == 201


def test_it_stops_reading_a_chunked_body_at_the_limit(client, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    response, source = chunked(client, b"x" * 100_000)
    problem(response, 413)
    assert source.taken <= 1001


def test_it_reads_gzip_and_stops_a_bomb_at_the_limit(client, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10_000
    gzipped = gzip.compress(b'{"name": "a"}')
    assert post(client, gzipped, headers={"Content-Encoding": "gzip"}).status_code == 201
    bomb = gzip.compress(b" " * 5_000_000)
    problem(post(client, bomb, headers={"Content-Encoding": "gzip"}), 413)
    problem(post(client, b"x", headers={"Content-Encoding": "br"}), 415)


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"])
def test_it_says_how_to_send_json_when_the_media_type_is_another(client, content_type):
    response = client.generic("POST", "/api/v1/things", b"name=a", content_type=content_type)
    assert "Content-Type: application/json" in problem(response, 415)["detail"]


def test_it_accepts_json_with_parameters_in_the_media_type(client):
    response = client.generic(
        "POST", "/api/v1/things", b'{"name": "a"}', content_type="Application/JSON; charset=utf-8"
    )
    assert response.status_code == 201


def test_it_answers_json_whatever_the_caller_accepts(client):
    response = client.get("/api/v1/things/1", headers={"Accept": "application/xml"})
    assert response.json() == {"number": 1}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_it_names_the_allowed_methods(client, method):
    response = client.generic(method, "/api/v1/things/1")
    assert problem(response, 405)["detail"] == f"Method {method} is not possible here; use GET, HEAD."
    assert response["Allow"] == "GET, HEAD"


def test_it_says_how_to_send_a_token():
    body = problem(Client().get("/api/v1/things/1"), 401)
    assert body["detail"] == 'Send a token in the header "Authorization: Bearer …".'


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/v1", "/api/v1/nothing", "/api/v1/things/", "/api/v9/x"])
def test_it_answers_unknown_addresses_with_a_problem(client, path):
    problem(client.get(path), 404)
    problem(client.post(path, "{", content_type="application/json"), 404)


@pytest.mark.parametrize("status", [403, 404, 409])
def test_it_answers_every_known_error_with_a_problem(client, status):
    body = problem(client.get(f"/api/v1/broken/{status}"), status)
    assert body["detail"] in {"Not for you.", "No such thing.", "It clashes."}


def test_it_adds_what_the_refusal_says(client):
    body = problem(client.get("/api/v1/broken/409"), 409)
    assert (body["code"], body["fields"]) == ("clash", ["version"])


def test_it_answers_500_without_telling_the_inside(client):
    assert "secret" not in json.dumps(problem(client.get("/api/v1/broken/500"), 500))


def test_it_answers_503_and_when_to_come_back_while_the_database_is_away(client):
    response = client.get("/api/v1/broken/503")
    assert "secret" not in json.dumps(problem(response, 503))
    assert response["Retry-After"] == "5"


def test_it_takes_the_callers_request_id_if_it_is_plain(client):
    assert client.get("/api/v1/things/1", headers={"X-Request-ID": "abc-1"})["X-Request-ID"] == "abc-1"
    for bad in ("a b", "x" * 101, "<script>", ""):
        assert client.get("/api/v1/things/1", headers={"X-Request-ID": bad})["X-Request-ID"] != bad


def test_it_answers_304_to_one_who_has_it(client):
    first = client.get("/api/v1/things/1")
    for known in (first["ETag"], f"W/{first['ETag']}", f'"other", {first["ETag"]}', "*"):
        again = client.get("/api/v1/things/1", headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again["ETag"] == first["ETag"]
    assert client.get("/api/v1/things/2", headers={"If-None-Match": first["ETag"]}).status_code == 200


def test_it_keeps_answers_out_of_shared_caches(client):
    response = client.get("/api/v1/things/1")
    assert response["Cache-Control"] == "private, no-cache"
    assert "Authorization" in response["Vary"]


def test_it_answers_head_like_get_without_a_body(client):
    response = client.head("/api/v1/things/1")
    assert (response.status_code, response.content) == (200, b"")


def test_it_refuses_unknown_query_parameters_by_name(client):
    errors = problem(client.get("/api/v1/things?teir=x&limit=0"), 400)["errors"]
    assert {error["parameter"] for error in errors} == {"teir", "limit"}


def test_it_counts_the_use_of_a_token(client, token):
    client.get("/api/v1/things/1")
    assert ApiToken.objects.get(pk=token.pk).latest_use_at is not None
