"""HTTP checks: what counts as well, and the sentence that says what does not."""

import socket
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.probes import (
    ConditionRefused,
    FailureKind,
    HttpCheck,
    Reading,
    parse_expected_status,
    parse_json_path,
    probe_many,
    refusals,
)
from monitoring.probes.conditions import json_complaint
from monitoring.probes.readings import MAX_EXCERPT, excerpt, showable
from postdeploy.lib.http import forget_connections
from tests.targets import Certificate, Target

LOOPBACK = ("127.0.0.0/8",)


@pytest.fixture
def target():
    with Target() as target:
        yield target


def read(url: str, **conditions) -> Reading:
    return probe_many([HttpCheck(url, **{"timeout_ms": 5000, "fresh": True} | conditions)], LOOPBACK)[0]


def test_a_good_answer_is_ok_with_its_times_and_no_excerpt(target):
    target.set(delay=0.03)
    reading = read(target.url + "/healthz")
    assert (reading.ok, reading.kind, reading.status_code, reading.excerpt) == (True, None, 200, "")
    assert reading.total_ms >= 30
    assert reading.phases.first_byte_ms >= 30
    assert reading.detail.startswith("HTTP 200 in ")
    assert reading.certificate_days is None


@pytest.mark.parametrize(
    ("answer", "conditions", "kind", "detail"),
    [
        ({"status": 503}, {"expected_status": "200"}, "STATUS", "HTTP 503, expected 200"),
        ({"status": 503}, {}, "STATUS", "HTTP 503, expected 200–299"),
        ({"status": 404}, {"expected_status": "200-204,301"}, "STATUS", "HTTP 404, expected 200–204 or 301"),
        ({"body": "no"}, {"body_contains": "yes"}, "BODY", "“yes” is not in the body"),
        ({"size": 70_000}, {"body_contains": "yes"}, "BODY", "“yes” is not in the first 64 KB of the body"),
        ({"body": "no"}, {"json_path": "a"}, "JSON", "the body is not JSON"),
        ({"json": {"a": 1}}, {"json_path": "b.c"}, "JSON", "the body has no b.c"),
        ({"json": {"a": "down"}}, {"json_path": "a", "json_value": "up"}, "JSON", 'a is "down", expected up'),
        ({"size": 70_000}, {"json_path": "a"}, "JSON", "the JSON cannot be read: the body is larger than 64 KB"),
        ({"delay": 5}, {"timeout_ms": 200}, "TIMEOUT", "timed out after 0.2 s while waiting for the first byte"),
        ({"mode": "close"}, {}, "RESET", "the connection was closed without an answer"),
        ({"mode": "endless_body"}, {}, None, None),
        ({"redirect": "/again"}, {}, "REDIRECTS", "redirected more than 3 times"),
        ({"redirect": "/again"}, {"follow": False, "expected_status": "3xx"}, None, None),
    ],
)
def test_the_first_thing_that_is_wrong_is_said(target, answer, conditions, kind, detail):
    target.set(**answer)
    reading = read(target.url, **conditions)
    assert reading.ok is (kind is None)
    if kind:
        assert (reading.kind, reading.detail) == (FailureKind(kind), detail)


def test_a_slow_answer_is_not_well_where_there_is_a_limit(target):
    target.set(delay=0.05)
    reading = read(target.url, max_response_ms=20)
    assert (reading.ok, reading.kind, reading.status_code) == (False, FailureKind.SLOW, 200)
    assert reading.detail.endswith("the limit is 20\u00a0ms")
    assert read(target.url, max_response_ms=4000).ok


@pytest.mark.parametrize(
    ("body", "path", "value"),
    [
        ({"status": "up"}, "status", "up"),
        ({"status": "up"}, "$.status", '"up"'),
        ({"a": {"b": [{"c": True}]}}, "a.b[0].c", "true"),
        ({"a": {"b": [{"c": True}]}}, "/a/b/0/c", "true"),
        ({"a": {"b": [{"c": None}]}}, "a.b.0.c", "null"),
        ({"a": 1.0}, "a", "1"),
        ({"a": "1"}, "a", "1"),
        ({"a": False}, "a", ""),
        ({"a.b": {"c/d": 3}}, "/a.b/c~1d", "3"),
        ({"a.b": {"c d": 3}}, "['a.b'][\"c d\"]", "3"),
        ([1, 2], "[1]", "2"),
        ({"a": {"b": 1}}, "a", '{"b": 1}'),
    ],
)
def test_a_json_value_is_found(target, body, path, value):
    target.set(json=body)
    assert read(target.url, json_path=path, json_value=value).ok


@pytest.mark.parametrize(
    ("body", "path", "value"),
    [
        (b'{"a": true}', "a", "1"),
        (b'{"a": 1}', "a", "true"),
        (b'{"a": [1]}', "a[1]", ""),
        (b'{"a": [1]}', "a.b", ""),
        (b'{"a": "x"}', "a.b", ""),
        (b"[" * 100_000, "a", ""),
        (b"", "a", ""),
        (b"\xff", "a", ""),
    ],
)
def test_a_json_value_is_not_taken_for_another(body, path, value):
    assert json_complaint(body, path, value)


def test_what_is_asked_arrives(target):
    read(target.url + "/x", method="POST", headers={"Authorization": "Bearer t"}, body='{"a":1}')
    (request,) = target.requests
    assert (request.method, request.path, request.body) == ("POST", "/x", b'{"a":1}')
    assert request.headers["authorization"] == "Bearer t"


def test_the_excerpt_is_short_and_shows_what_it_is(target):
    target.set(status=500, body=b"\x1b[31mfail\x00\r\n<b>\xff" + "\u202egnp.exe".encode() + b"x" * 10_000)
    reading = read(target.url)
    assert reading.excerpt.startswith("\\x1b[31mfail\\x00\n<b>\ufffd\\u202egnp.exexxx")
    assert len(reading.excerpt) == MAX_EXCERPT


def test_a_blocked_address_is_named_and_nothing_of_its_answer_shown(target):
    (reading,) = probe_many([HttpCheck(target.url)], ())
    assert (reading.kind, reading.excerpt) == (FailureKind.BLOCKED, "")
    assert reading.detail == "loopback address 127.0.0.1 is not allowed here"


def test_a_certificate_tells_its_days(tmp_path, monkeypatch):
    certificate = Certificate.make(tmp_path, days=30)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.path))
    forget_connections()
    with Target(tls=certificate) as target:
        assert read(target.url).certificate_days == 29
    forget_connections()


def test_a_check_that_cannot_be_asked_stops_no_other(target):
    checks = [
        HttpCheck(target.url),
        HttpCheck(target.url, headers={"X-Evil": "a\r\nb"}),
        HttpCheck("http://bücher.example/"),
        HttpCheck(target.url, method="BREW"),
        HttpCheck(target.url, timeout_ms=0),
        HttpCheck(target.url, expected_status="nonsense"),
        HttpCheck(target.url, json_path="a..b"),
        HttpCheck(target.url, body="\ud800"),
        HttpCheck(target.url),
    ]
    seen = []
    readings = probe_many(checks, LOOPBACK, 2, lambda index, reading: seen.append((index, reading)))
    assert [reading.kind for reading in readings] == [None, *[FailureKind.INVALID] * 7, None]
    assert sorted(seen, key=lambda pair: pair[0]) == list(enumerate(readings))


def test_many_checks_are_read_at_once():
    with Target() as target:
        target.set(delay=0.1)
        readings = probe_many([HttpCheck(f"{target.url}/{n}") for n in range(200)], LOOPBACK, concurrency=200)
    assert len(readings) == 200
    assert all(reading.ok for reading in readings)


def test_a_dead_target_is_refused():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        reading = read(f"http://127.0.0.1:{probe.getsockname()[1]}/")
    assert (reading.kind, reading.detail, reading.status_code) == (
        FailureKind.REFUSED,
        "the connection was refused",
        None,
    )


@pytest.mark.parametrize(
    ("text", "well", "ill"),
    [("200", [200], [201, 503]), ("200-299, 301", [200, 250, 299, 301], [300, 302]), ("2xx,3XX", [204, 399], [400])],
)
def test_expected_status_is_read(text, well, ill):
    codes = parse_expected_status(text)
    assert all(code in codes for code in well)
    assert not any(code in codes for code in ill)


@pytest.mark.parametrize(
    "text", ["", "ok", "2000", "20", "200-", "299-200", "600", "0xx", "200;201", "200,,201", "٢٠٠"]
)
def test_a_bad_expected_status_is_refused_with_a_sentence(text):
    with pytest.raises(ConditionRefused, match=r"status code.*\.$"):
        parse_expected_status(text)


@pytest.mark.parametrize("text", ["a..b", "a.", "a[", "a[x]", "a[0]b", "a b", "[]", ".", "$..a", "a]"])
def test_a_bad_json_path_is_refused_with_a_sentence(text):
    with pytest.raises(ConditionRefused, match=r"cannot be read.*\.$"):
        parse_json_path(text)


def test_every_kind_of_request_failure_is_a_kind_of_reading():
    from postdeploy.lib.http import Failure

    assert {failure.value for failure in Failure} <= {kind.value for kind in FailureKind}


@pytest.mark.parametrize(
    ("conditions", "field", "part"),
    [
        ({"url": "http://10.0.0.5/"}, "url", "Private address 10.0.0.5 is not allowed here"),
        ({"url": "ftp://shop.example/"}, "url", "Only http"),
        ({"expected_status": "ok"}, "expected_status", "not a status code"),
        ({"json_path": "a..b"}, "json_path", "cannot be read"),
        ({"json_value": "up"}, "json_path", "Say where"),
        ({"headers": {"X": "a\nb"}}, "headers", "line break"),
        ({"headers": {"Content-Length": "1"}}, "headers", "set by Postdeploy itself"),
        ({"method": "HEAD", "body_contains": "ok"}, "method", "HEAD brings no body"),
        ({"method": "BREW"}, "method", "is not one of"),
        ({"timeout_ms": 0}, "timeout_ms", "time limit"),
    ],
)
def test_a_bad_check_is_refused_field_by_field(conditions, field, part):
    found = refusals(HttpCheck(**{"url": "https://shop.example/healthz"} | conditions), ())
    assert list(found) == [field]
    assert part in found[field]


def test_a_good_check_is_not_refused():
    check = HttpCheck("https://shop.example/healthz", json_path="status", json_value="up", headers={"X-Key": "secret"})
    assert refusals(check, ()) == {}


@given(st.binary(max_size=300))
def test_an_excerpt_can_always_be_stored_and_shown(body):
    text = excerpt(body)
    text.encode()
    assert "\x00" not in text
    assert len(text) <= MAX_EXCERPT


@given(st.text(max_size=50))
def test_any_text_is_a_condition_or_refused(text):
    for parse in (parse_expected_status, parse_json_path):
        with suppress(ConditionRefused):
            parse(text)
    assert len(showable(text, 10)) <= 10
