"""HTTP checks: what counts as well, and the sentence that says what does not."""

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.probes import FailureKind, HttpCheck, compile_check, probe_many, reading_of, request_of
from monitoring.probes.readings import MAX_EXCERPT, excerpt, showable
from postdeploy.lib.http import Failure, Request, fetch, forget_connections
from tests.monitoring.probing import LOOPBACK, Row, faults, read
from tests.targets import Certificate, Target


@pytest.fixture
def target():
    with Target() as target:
        yield target


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
        ({"status": 503}, {"conditions": "status in 200"}, "STATUS", "HTTP 503, expected 200"),
        ({"status": 503}, {}, "STATUS", "HTTP 503, expected 200–299"),
        ({"status": 404}, {"conditions": "status in 200-204,301"}, "STATUS", "HTTP 404, expected 200–204 or 301"),
        ({"body": "no"}, {"conditions": "body contains yes"}, "BODY", "“yes” is not in the body"),
        ({"size": 70_000}, {"conditions": "body contains yes"}, "BODY", "“yes” is not in the first 64 KB of the body"),
        ({"body": "no"}, {"conditions": "json a exists"}, "JSON", "the body is not JSON"),
        ({"json": {"a": 1}}, {"conditions": "json b.c exists"}, "JSON", "the body has no b.c"),
        ({"json": {"a": "down"}}, {"conditions": "json a == up"}, "JSON", 'a is "down", expected up'),
        (
            {"size": 70_000},
            {"conditions": "json a exists"},
            "JSON",
            "the JSON cannot be read: the body is larger than 64 KB",
        ),
        ({"delay": 5}, {"timeout_ms": 200}, "TIMEOUT", "timed out after 0.2 s while waiting for the first byte"),
        ({"mode": "close"}, {}, "RESET", "the connection was closed without an answer"),
        ({"mode": "endless_body"}, {}, None, None),
        ({"redirect": "/again"}, {}, "REDIRECTS", "redirected more than 3 times"),
        ({"redirect": "/again"}, {"options": {"follow": False}, "conditions": "status 3xx"}, None, None),
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
    reading = read(target.url, conditions="time <= 20 ms")
    assert (reading.ok, reading.kind, reading.status_code) == (False, FailureKind.SLOW, 200)
    assert reading.detail.endswith("the limit is 20\u00a0ms")
    assert read(target.url, conditions="time < 4 s").ok


def test_what_is_asked_arrives(target):
    read(target.url + "/x", options={"method": "POST", "body": '{"a":1}'}, secrets={"token": "t"})
    (request,) = target.requests
    assert (request.method, request.path, request.body) == ("POST", "/x", b'{"a":1}')
    assert request.headers["authorization"] == "Bearer t"


def test_the_excerpt_is_short_and_shows_what_it_is(target):
    target.set(status=500, body=b"\x1b[31mfail\x00\r\n<b>\xff" + "\u202egnp.exe".encode() + b"x" * 10_000)
    reading = read(target.url)
    assert reading.excerpt.startswith("\\x1b[31mfail\\x00\n<b>\ufffd\\u202egnp.exexxx")
    assert len(reading.excerpt) == MAX_EXCERPT


def test_a_blocked_address_is_named_and_nothing_of_its_answer_shown(target):
    reading = read(target.url, ())
    assert (reading.kind, reading.excerpt) == (FailureKind.BLOCKED, "")
    assert reading.detail == "loopback address 127.0.0.1 is not allowed here"


def test_a_certificate_tells_its_days(tmp_path, monkeypatch):
    certificate = Certificate.make(tmp_path, days=30)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.path))
    forget_connections()
    with Target(tls=certificate) as target:
        assert read(target.url).certificate_days == 29
    forget_connections()


def test_many_checks_are_read_at_once():
    with Target() as target:
        target.set(delay=0.1)
        checks = [HttpCheck.to(Request(f"{target.url}/{n}")) for n in range(200)]
        readings = probe_many(checks, LOOPBACK, concurrency=200)
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


def test_every_kind_of_request_failure_is_a_kind_of_reading():
    assert {failure.value for failure in Failure} <= {kind.value for kind in FailureKind}


@pytest.mark.parametrize(
    ("definition", "field", "part"),
    [
        ({"target": "http://10.0.0.5/"}, "target", "Private address 10.0.0.5 is not allowed here"),
        ({"target": "ftp://shop.example/"}, "target", "Only http"),
        ({"conditions": "status in ok"}, "conditions", "not a status code"),
        ({"conditions": "json a..b exists"}, "conditions", "cannot be read"),
        ({"secrets": {"headers": {"X": "a\nb"}}}, "headers", "line break"),
        ({"secrets": {"headers": {"Content-Length": "1"}}}, "headers", "set by Postdeploy itself"),
        ({"secrets": {"certificate": "x"}}, "certificate", "both the certificate and its key"),
        ({"options": {"method": "HEAD"}, "conditions": "body contains ok"}, "options.method", "HEAD brings no body"),
        ({"options": {"method": "HEAD"}, "conditions": "json a exists"}, "options.method", "HEAD brings no body"),
        ({"options": {"method": "BREW"}}, "options.method", "is not one of"),
        ({"options": {"http_version": "0.9"}}, "options.http_version", "from the list"),
        ({"options": {"methd": "GET"}}, "options.methd", "is not an option of this kind"),
        ({"options": {"body": "x" * 10_001}}, "options.body", "At most"),
        ({"target": "http://shop.example/", "conditions": "certificate > 3 days"}, "conditions", "Only an https"),
        ({"timeout_ms": 0}, "timeout_ms", "time limit"),
        ({"kind": "SMOKE"}, "kind", "no kind of check"),
    ],
)
def test_a_bad_check_is_refused_field_by_field(definition, field, part):
    found = faults(**definition)
    assert field in found
    assert part in found[field]


def test_all_faults_are_told_at_once():
    found = faults("ftp://x", conditions="foo", options={"method": "BREW"})
    assert set(found) == {"target", "conditions", "options.method"}


def test_a_good_check_is_not_refused():
    assert faults(conditions="json status == up", secrets={"headers": {"X-Key": "secret"}}) == {}


def test_a_status_has_to_be_well_where_no_condition_names_one(target):
    target.set(status=500, body="ok")
    assert read(target.url, conditions="body contains ok").detail == "HTTP 500, expected 200–299"


def test_basic_authentication_is_sent_and_a_header_written_by_hand_wins(target):
    read(target.url, secrets={"user": "ada", "password": "löve"})
    read(target.url, secrets={"user": "ada", "password": "x", "headers": {"authorization": "Own scheme"}})
    assert [request.headers["authorization"] for request in target.requests] == ["Basic YWRhOmzDtnZl", "Own scheme"]


def test_a_secret_that_comes_back_is_covered(target):
    target.set(status=500, body="you sent Bearer s3cr3t-token and key-4711")
    reading = read(target.url, secrets={"token": "s3cr3t-token", "headers": {"X-Key": "key-4711"}})
    assert reading.excerpt == "you sent Bearer •••••• and ••••••"


def test_both_requests_are_ready_to_be_sent(target):
    check = compile_check(Row(target.url, is_fresh=False))
    assert [request_of(check, fresh=fresh).fresh for fresh in (False, True)] == [False, True]
    assert request_of(check) is request_of(check)


def test_a_check_that_looks_at_the_certificate_always_opens_a_connection():
    check = compile_check(Row("https://shop.example/", conditions="certificate > 14 days", is_fresh=False))
    assert request_of(check).fresh


def test_a_kept_connection_is_told(target):
    check = compile_check(Row(target.url, is_fresh=False))
    _, second = (reading_of(check, fetch(request_of(check), LOOPBACK)) for _ in range(2))
    assert second.is_reused
    assert second.address == "127.0.0.1"
    forget_connections()


def test_http_1_1_and_2_are_spoken_where_they_are_asked_for(target):
    assert read(target.url, options={"http_version": "1.1"}, conditions="protocol is HTTP/1.1").ok
    assert read(target.url, options={"http_version": "2"}).kind is FailureKind.PROTOCOL


@given(st.binary(max_size=300))
def test_an_excerpt_can_always_be_stored_and_shown(body):
    text = excerpt(body)
    text.encode()
    assert "\x00" not in text
    assert len(text) <= MAX_EXCERPT


@given(st.text(max_size=50))
def test_a_text_is_cut_to_its_limit(text):
    assert len(showable(text, 10)) <= 10
