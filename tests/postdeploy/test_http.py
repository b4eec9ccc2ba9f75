"""One outbound request: every way to fail has a name and a sentence, and none is an exception."""

import socket

import pytest

from postdeploy.lib.http import Failure, Outcome, Phase, Request, RequestRefused, fetch
from tests.targets import Answer, Target

LOOPBACK = ("127.0.0.0/8", "::1/128")


@pytest.fixture
def target():
    with Target() as target:
        yield target


def ask(url: str, **options) -> Outcome:
    return fetch(Request(url, **{"timeout_s": 5.0, "fresh": True} | options), LOOPBACK)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_it_returns_status_headers_body_and_timings(target):
    target.set(status=201, body="made", headers={"X-Thing": "yes"}, delay=0.05)
    outcome = ask(target.url + "/things?a=1", method="POST", body=b"{}", headers={"Content-Type": "application/json"})
    assert (outcome.failure, outcome.detail, outcome.status) == (None, "", 201)
    assert outcome.response.text == "made"
    assert outcome.response.header("x-thing") == "yes"
    assert outcome.response.header("absent") is None
    assert outcome.address == "127.0.0.1"
    assert outcome.timings.first_byte_ms >= 50
    assert outcome.timings.total_ms >= outcome.timings.first_byte_ms
    (request,) = target.requests
    assert (request.method, request.path, request.body) == ("POST", "/things?a=1", b"{}")
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"].startswith("Postdeploy/")


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_it_sends_every_method_in_turn_over_one_handle(target, method):
    for chosen in (method, "GET", method):
        assert ask(target.url, method=chosen, fresh=False).status == 200
    assert [request.method for request in target.requests] == [method, "GET", method]
    assert [request.body for request in target.requests] == [b"", b"", b""]


def test_a_body_does_not_leak_into_the_next_request(target):
    ask(target.url, method="POST", body=b"secret", headers={"Authorization": "Bearer secret"}, fresh=False)
    ask(target.url, fresh=False)
    assert target.requests[1].body == b""
    assert "authorization" not in target.requests[1].headers


@pytest.mark.parametrize("status", [204, 304, 404, 418, 500, 503])
def test_any_status_is_a_response_and_no_failure(target, status):
    target.set(status=status, body="")
    outcome = ask(target.url)
    assert (outcome.status, outcome.failure) == (status, None)


@pytest.mark.parametrize(
    ("mode", "failure", "detail"),
    [
        ("reset", Failure.RESET, "the connection was reset while waiting for the first byte"),
        ("close", Failure.RESET, "the connection was closed without an answer"),
        ("half_body", Failure.RESET, "the connection ended before the whole body had come"),
        ("garbage", Failure.PROTOCOL, "the answer is not HTTP"),
        ("http09", Failure.PROTOCOL, "the answer is not HTTP"),
        ("endless_headers", Failure.PROTOCOL, "the headers do not end"),
    ],
)
def test_a_broken_answer_has_a_name(target, mode, failure, detail):
    target.set(mode=mode)
    outcome = ask(target.url)
    assert (outcome.failure, outcome.detail) == (failure, detail)


def test_a_dead_port_is_refused():
    outcome = ask(f"http://127.0.0.1:{free_port()}/")
    assert (outcome.failure, outcome.detail, outcome.status) == (Failure.REFUSED, "the connection was refused", None)
    assert outcome.timings.first_byte_ms == 0


def test_a_name_that_does_not_exist_is_a_dns_failure():
    outcome = ask("http://nothing-here.invalid/")
    assert outcome.failure is Failure.DNS
    assert outcome.detail == "the name nothing-here.invalid could not be resolved"


@pytest.mark.parametrize(
    ("answer", "phase", "words"),
    [
        ({"mode": "silent"}, Phase.FIRST_BYTE, "while waiting for the first byte"),
        ({"delay": 10}, Phase.FIRST_BYTE, "while waiting for the first byte"),
        ({"drip": 0.05, "size": 1000}, Phase.BODY, "while reading the answer"),
        ({"mode": "slow_headers"}, Phase.BODY, "while reading the answer"),
    ],
)
def test_the_time_limit_is_a_deadline_for_everything(target, answer, phase, words):
    target.set(**answer)
    outcome = ask(target.url, timeout_s=0.3)
    assert (outcome.failure, outcome.phase) == (Failure.TIMEOUT, phase)
    assert outcome.detail == f"timed out after 0.3 s {words}"
    assert 250 <= outcome.timings.total_ms < 2000


def test_a_port_that_never_accepts_times_out_while_connecting():
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = []
        for _ in range(4):  # the queue of a listener that accepts nobody
            waiting.append(socket.socket())
            waiting[-1].setblocking(False)
            waiting[-1].connect_ex(full.getsockname())
        outcome = ask(f"http://127.0.0.1:{full.getsockname()[1]}/", timeout_s=0.3)
        for client in waiting:
            client.close()
    assert (outcome.failure, outcome.phase) == (Failure.TIMEOUT, Phase.CONNECT)


@pytest.mark.parametrize("answer", [{"size": 5_000_000}, {"mode": "endless_body"}])
def test_a_large_body_is_cut_and_that_is_no_failure(target, answer):
    target.set(**answer)
    outcome = ask(target.url, max_body=1000)
    assert (outcome.failure, outcome.status) == (None, 200)
    assert len(outcome.response.body) == 1000
    assert outcome.response.is_cut


def test_a_large_body_is_refused_where_asked(target):
    target.set(size=1001)
    outcome = ask(target.url, max_body=1000, refuse_large=True)
    assert (outcome.failure, outcome.detail) == (Failure.TOO_LARGE, "the body is larger than 1000 bytes")
    target.set(size=1000)
    outcome = ask(target.url, max_body=1000, refuse_large=True)
    assert (outcome.failure, outcome.response.is_cut) == (None, False)


def test_interim_answers_are_not_taken_for_the_answer(target):
    target.set(body="x", headers={"X-Final": "yes"})
    head = Answer(status=103, headers={"X-Early": "yes"}).head(None)
    target.queue(Answer(mode="normal", headers={"X-Final": "yes"}))
    assert head.startswith(b"HTTP/1.1 103")
    outcome = ask(target.url)
    assert outcome.response.header("X-Early") is None
    assert outcome.response.header("X-Final") == "yes"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1"])
def test_a_private_address_is_blocked_when_the_socket_is_opened(target, host):
    outcome = fetch(Request(f"http://{host}:{target.port}/"), ())
    assert outcome.failure is Failure.BLOCKED
    assert outcome.detail == "loopback address 127.0.0.1 is not allowed here"
    assert outcome.response is None
    assert target.connections == 0


def test_a_connection_that_was_kept_does_not_outlive_the_permission(target):
    assert fetch(Request(target.url), LOOPBACK).status == 200
    assert fetch(Request(target.url), ()).failure is Failure.BLOCKED
    assert len(target.requests) == 1


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "gopher://127.0.0.1/x", "ftp://127.0.0.1/", "nonsense://x", "http://"]
)
def test_only_http_is_spoken(url):
    outcome = ask(url)
    assert outcome.failure in (Failure.PROTOCOL, Failure.OTHER)
    assert outcome.response is None


def test_proxies_of_the_environment_are_not_used(target, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    assert ask(target.url).status == 200


@pytest.mark.parametrize(
    "options",
    [
        {"url": ""},
        {"url": "http://bücher.example/"},
        {"url": "http://shop.example/a b"},
        {"url": "http://shop.example/\r\nX-Evil: 1"},
        {"url": "http://shop.example/\x00"},
        {"method": "BREW"},
        {"method": "GET\r\nX: y"},
        {"headers": {"X-Evil": "a\r\nX-More: b"}},
        {"headers": {"X-Evil": "a\nb"}},
        {"headers": {"X-Evil": "a\x00b"}},
        {"headers": {"X-Evil": "ü"}},
        {"headers": {"X Evil": "a"}},
        {"headers": {"X-Evil: a\r\nY": "b"}},
        {"headers": {"": "b"}},
        {"headers": {"Content-Length": "3"}},
        {"headers": {"transfer-encoding": "chunked"}},
        {"timeout_s": 0},
        {"timeout_s": 10_000},
        {"timeout_s": float("nan")},
    ],
)
def test_a_request_that_must_not_be_sent_cannot_be_made(options):
    with pytest.raises(RequestRefused) as refused:
        Request(**{"url": "http://shop.example/"} | options)
    assert str(refused.value).endswith(".")
