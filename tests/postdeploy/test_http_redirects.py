"""Redirects: at most three, each hop checked like a URL of its own, and no secret travels to another host."""

import pytest

from postdeploy.lib.http import Failure, Request, fetch
from tests.targets import Certificate, Target

LOOPBACK = ("127.0.0.0/8",)


@pytest.fixture
def target():
    with Target() as target:
        yield target


@pytest.fixture
def other():
    with Target("127.0.0.2") as other:
        yield other


def follow(url, **options):
    return fetch(Request(url, follow=True, fresh=True, **options), LOOPBACK)


def test_it_does_not_follow_unless_asked(target):
    target.set("/a", redirect="/b")
    outcome = fetch(Request(target.url + "/a"), LOOPBACK)
    assert (outcome.status, outcome.failure) == (302, None)
    assert outcome.response.header("Location") == "/b"


def test_it_follows_three_hops_and_adds_up_their_times(target):
    for hop in (3, 2, 1):
        target.set(f"/hop/{hop}", redirect=f"/hop/{hop - 1}", delay=0.03)
    outcome = follow(target.url + "/hop/3")
    assert (outcome.status, outcome.redirects, outcome.url) == (200, 3, target.url + "/hop/0")
    assert outcome.timings.first_byte_ms >= 90


def test_the_fourth_hop_is_a_failure(target):
    outcome = follow(target.chain(50))
    assert (outcome.failure, outcome.detail) == (Failure.REDIRECTS, "redirected more than 3 times")
    assert len(target.requests) == 4


def test_the_time_limit_holds_for_all_hops_together(target):
    for hop in (3, 2, 1):
        target.set(f"/hop/{hop}", redirect=f"/hop/{hop - 1}", delay=0.2)
    outcome = follow(target.url + "/hop/3", timeout_s=0.5)
    assert outcome.failure is Failure.TIMEOUT
    assert outcome.detail.startswith("timed out after 0.5 s")


def test_a_redirect_to_a_private_address_is_blocked(target):
    target.set("/a", redirect="http://169.254.169.254/latest/meta-data/")
    outcome = follow(target.url + "/a")
    assert outcome.failure is Failure.BLOCKED
    assert outcome.detail == "redirected to a refused URL: Metadata address 169.254.169.254 is never allowed"
    assert outcome.response is None


@pytest.mark.parametrize(
    "location",
    ["file:///etc/passwd", "gopher://127.0.0.1/", "http://127.0.0.1:25/", "http://127.0.0.1:22/"],
)
def test_a_redirect_to_an_odd_url_is_a_failure(target, location):
    target.set("/a", redirect=location)
    outcome = follow(target.url + "/a")
    assert outcome.failure is Failure.REDIRECTS
    assert len(target.requests) == 1


def test_a_redirect_to_a_name_is_judged_by_the_address_behind_it(target):
    target.set("/a", redirect=f"http://localhost:{target.port}/b")
    outcome = fetch(Request(target.url + "/a", follow=True), ("127.0.0.1/32",))
    assert outcome.status == 200
    target.set("/a", redirect="http://[::1]/")
    assert follow(target.url + "/a").failure is Failure.BLOCKED


def test_a_password_in_a_location_is_not_used(target, other):
    target.set("/a", redirect=other.url.replace("http://", "http://user:secret@") + "/b")
    follow(target.url + "/a")
    assert "authorization" not in other.requests[0].headers


def test_headers_stay_on_the_host_they_were_given_for(target, other):
    target.set("/here", redirect="/there")
    target.set("/there", redirect=other.url + "/elsewhere")
    secrets = {"Authorization": "Bearer x", "X-Api-Key": "y", "Cookie": "z", "Accept": "application/json"}
    assert follow(target.url + "/here", headers=secrets).status == 200
    assert target.requests[1].headers["x-api-key"] == "y"
    (arrived,) = other.requests
    assert not {"authorization", "x-api-key", "cookie"} & set(arrived.headers)
    assert arrived.headers["accept"] == "application/json"


def test_another_port_is_another_host(target):
    with Target() as other:
        target.set("/a", redirect=other.url + "/b")
        follow(target.url + "/a", headers={"X-Api-Key": "y"})
        assert "x-api-key" not in other.requests[0].headers


@pytest.mark.parametrize(
    ("status", "method", "body"), [(302, "GET", b""), (303, "GET", b""), (307, "POST", b"{}"), (308, "POST", b"{}")]
)
def test_a_post_becomes_a_get_only_where_the_status_says_so(target, status, method, body):
    target.set("/a", status=status, redirect="/b")
    assert follow(target.url + "/a", method="POST", body=b"{}").status == 200
    assert (target.requests[1].method, target.requests[1].body) == (method, body)


def test_a_body_is_not_sent_to_another_host(target, other):
    target.set("/a", status=307, redirect=other.url + "/b")
    outcome = follow(target.url + "/a", method="POST", body=b"secret")
    assert outcome.failure is Failure.REDIRECTS
    assert not other.requests


def test_https_is_not_left_for_http(target, tmp_path, monkeypatch):
    certificate = Certificate.make(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.path))
    with Target(tls=certificate) as secure:
        secure.set("/a", redirect=target.url + "/b")
        outcome = fetch(Request(secure.url + "/a", follow=True), (*LOOPBACK, "10.1.0.0/16"))
    assert (outcome.failure, outcome.detail) == (Failure.REDIRECTS, "redirected from https to http")
    assert not target.requests


def test_a_redirect_without_a_location_is_just_an_answer(target):
    target.set(status=302)
    outcome = follow(target.url)
    assert (outcome.status, outcome.failure) == (302, None)
