import json
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook

from support.transports import Address, Envelope, send
from support.transports.webhook import MAX_BODY, SecretRefused, encode, new_secret, sign
from tests.targets import Answer, Target

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"
BODY = {"type": "issue.assigned", "timestamp": "2026-11-19T12:00:00.000Z", "data": {"headline": "Größer", "lines": []}}


def envelope(**data):
    body = BODY | {"data": BODY["data"] | data}
    return Envelope("5c2b6a0e-6f0e-4b7e-9a30-000000000001", body, datetime.now(UTC))


@pytest.fixture
def loopback(settings):
    settings.PROBE_NETWORKS = ["127.0.0.0/8"]


@pytest.fixture
def target(loopback):
    with Target() as target:
        yield target


def post(target, path="/hook", **data):
    return send(envelope(**data), Address("WEBHOOK", f"{target.url}{path}", SECRET))


def test_it_signs_as_the_published_vector():
    body = b'{"type":"issue.opened","timestamp":"2023-11-14T22:13:20Z","data":{"id":"iss_1"}}'
    signature = sign(SECRET, message_id="msg_demo1", timestamp=1700000000, body=body)
    assert signature == "v1,ZXNdTNrKYGELDQKdTjiSpOeX/DQoeYLovckdsbYvQh8="


def test_the_receivers_library_accepts_what_arrives(target):
    assert post(target) is None
    (received,) = target.requests
    assert received.headers["content-type"] == "application/json"
    verified = Webhook(SECRET).verify(received.body, received.headers)
    assert verified["data"]["headline"] == "Größer"


def test_a_new_secret_is_one_the_library_accepts(target):
    secret = new_secret()
    send(envelope(), Address("WEBHOOK", target.url, secret))
    assert Webhook(secret).verify(target.requests[0].body, target.requests[0].headers)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_only_2xx_is_success(target, status):
    target.set(status=status)
    assert post(target) is None


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_other_answers_are_tried_again(target, status):
    target.set(status=status)
    error = post(target)
    assert not error.permanent
    assert str(status) in error.detail


def test_a_redirect_is_a_failure_and_is_not_followed(target):
    target.set("/hook", redirect="/elsewhere")
    error = post(target)
    assert error.detail == "the receiver said 302 Found, which is not followed"
    assert [request.path for request in target.requests] == ["/hook"]


def test_gone_is_final(target):
    target.set(status=410)
    assert post(target).permanent


def test_it_hears_how_long_to_wait(target):
    target.queue(
        Answer(status=429, headers={"Retry-After": "120"}),
        Answer(status=503, headers={"Retry-After": "Thu, 19 Nov 2099 12:00:00 GMT"}),
        Answer(status=503, headers={"Retry-After": "soon"}),
    )
    assert post(target).retry_after == 120
    assert post(target).retry_after > timedelta(days=365).total_seconds()
    assert post(target).retry_after is None


def test_a_receiver_that_cannot_be_reached_is_tried_again(loopback):
    error = send(envelope(), Address("WEBHOOK", "http://127.0.0.1:1/hook", SECRET))
    assert (error.permanent, error.detail) == (False, "the connection was refused")


def test_a_private_address_is_final_and_never_connected_to():
    with Target() as target:
        error = post(target)
        assert error.permanent
        assert "is not allowed here" in error.detail
        assert target.requests == []


def test_a_broken_secret_is_final(target):
    assert send(envelope(), Address("WEBHOOK", target.url, "whsec_???")).permanent
    with pytest.raises(SecretRefused):
        sign("whsec_???", message_id="m", timestamp=0, body=b"")


def test_a_large_body_is_cut_and_says_so():
    body = encode(envelope(lines=[["Impact", "x" * 30_000]]))
    assert len(body) < MAX_BODY
    assert json.loads(body)["data"]["is_cut"] is True


def test_the_secret_is_not_in_the_repr():
    assert SECRET not in repr(Address("WEBHOOK", "https://x.example", SECRET))
