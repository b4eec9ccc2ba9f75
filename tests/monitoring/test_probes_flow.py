"""Flows: steps in a row, captured values, secrets, cookies, and which step failed."""

import time

import pytest

from monitoring.probes import FailureKind, compile_check, explain_steps, try_check
from tests.monitoring.probing import LOOPBACK, Row, faults, read
from tests.targets import Answer, Target


@pytest.fixture
def target():
    with Target() as target:
        yield target


def walk(text, *, secrets=None, **definition):
    return read("", kind="FLOW", options={"steps": text}, secrets=secrets or {}, **definition)


def shop(target):
    target.set(
        "/cart",
        status=201,
        json={"id": "c-42", "token": "t&1"},
        headers={"Set-Cookie": "session=abc; Path=/; HttpOnly"},
    )
    target.set("/cart/c-42/checkout", json={"status": "paid", "order": 7})
    return f"""### Fill the cart
POST {target.url}/cart
Content-Type: application/json

{{"item": 4711}}
expect status is 201
expect time < 5 s
capture cart = json id
capture token = json token

### Check out
POST {target.url}/cart/{{{{cart}}}}/checkout?t={{{{token}}}}
Content-Type: application/json
Authorization: Bearer {{{{secret.key}}}}

{{"cart": "{{{{cart}}}}", "note": "{{{{secret.note}}}}"}}
expect json status == "paid"
"""


SECRETS = {"values": {"key": "s3cr3t-key", "note": 'say "hi"'}}


def test_a_process_is_walked_through_with_what_it_brings(target):
    reading = walk(shop(target), secrets=SECRETS)
    assert reading.ok, reading.detail
    assert reading.detail.startswith("2 steps in ")
    first, second = target.requests
    assert (first.method, first.path, first.body) == ("POST", "/cart", b'{"item": 4711}')
    assert second.path == "/cart/c-42/checkout?t=t%261"
    assert second.headers["authorization"] == "Bearer s3cr3t-key"
    assert second.json() == {"cart": "c-42", "note": 'say "hi"'}
    assert second.headers["cookie"] == "session=abc"
    assert reading.total_ms == pytest.approx(reading.phases.total_ms)


def test_the_step_that_failed_is_named_and_those_after_it_are_not_taken(target):
    text = shop(target)
    target.set("/cart", status=503, body="no: s3cr3t-key")
    reading = walk(text, secrets=SECRETS)
    assert (reading.kind, reading.detail) == (
        FailureKind.STATUS,
        "step 1 “Fill the cart”: HTTP 503, expected 201",
    )
    assert reading.excerpt == "no: ••••••"
    assert len(target.requests) == 1


def test_a_value_that_is_not_there_is_named(target):
    text = shop(target)
    target.set("/cart", status=201, json={"other": 1})
    assert walk(text, secrets=SECRETS).detail == (
        "step 1 “Fill the cart”: nothing to capture as cart: there is no json id"
    )


def test_values_come_from_headers_and_from_patterns_too(target):
    target.set("/a", body="csrf=xyz-1;", headers={"Location": "/orders/9"})
    target.set("/orders/9", body="here")
    reading = walk(
        f"### One\nGET {target.url}/a\ncapture where = header location\ncapture csrf = body /csrf=([\\w-]+)/\n"
        f"### Two\nPOST {target.url}{{{{where}}}}\nContent-Type: application/x-www-form-urlencoded\n\n"
        "csrf={{csrf}}&x=1\n"
    )
    assert reading.ok, reading.detail
    assert (target.requests[1].path, target.requests[1].body) == ("/orders/9", b"csrf=xyz-1&x=1")


@pytest.mark.parametrize(
    "said", ["@evil.example/", "//evil.example/", ".evil.example", "https://evil.example/", "?a=b#c"]
)
def test_what_a_server_says_never_changes_the_host(target, said):
    target.set("/a", json={"next": said})
    walk(f"### One\nGET {target.url}/a\ncapture next = json next\n### Two\nGET {target.url}{{{{next}}}}\n")
    assert len(target.requests) == 2


def test_what_a_server_says_cannot_add_a_header(target):
    target.set("/a", json={"next": "x\r\nX-Evil: 1"})
    reading = walk(f"### One\nGET {target.url}/a\ncapture v = json next\n### Two\nGET {target.url}/b\nX-V: {{{{v}}}}\n")
    assert reading.kind is FailureKind.INVALID
    assert len(target.requests) == 1


def test_cookies_go_back_to_their_own_site_only(target):
    with Target() as other:
        target.set("/a", headers={"Set-Cookie": "session=abc"})
        assert walk(f"### One\nGET {target.url}/a\n### Two\nGET {other.url}/b\n### Three\nGET {target.url}/c\n").ok
        assert "cookie" not in other.requests[0].headers
    assert target.requests[1].headers["cookie"] == "session=abc"


def test_the_time_limit_is_for_all_steps_together(target):
    target.set(delay=0.25)
    steps = "".join(f"### {n}\nGET {target.url}/{n}\n" for n in range(5))
    began = time.monotonic()
    reading = walk(steps, timeout_ms=400)
    assert reading.kind is FailureKind.TIMEOUT
    assert reading.detail.startswith("step 2 “1”: timed out")
    assert time.monotonic() - began < 1


def test_a_condition_on_the_whole_is_about_all_steps(target):
    target.set(delay=0.05)
    steps = "".join(f"### {n}\nGET {target.url}/{n}\n" for n in range(3))
    assert walk(steps, conditions="time < 5 s").ok
    slow = walk(steps, conditions="time < 100 ms")
    assert slow.kind is FailureKind.SLOW


def test_each_hop_of_each_step_is_guarded(target):
    target.set("/a", redirect="http://169.254.169.254/latest/meta-data/")
    reading = walk(f"### One\nGET {target.url}/a\n")
    assert reading.kind is FailureKind.BLOCKED
    assert read("", (), kind="FLOW", options={"steps": f"### One\nGET {target.url}/a\n"}).kind is FailureKind.BLOCKED


def test_trying_shows_each_step(target):
    target.queue(Answer(json={"id": "1"}), Answer(status=500))
    text = f"### One\nGET {target.url}/a\ncapture id = json id\n### Two\nGET {target.url}/b/{{{{id}}}}\n"
    text += f"### Three\nGET {target.url}/c\n"
    trial = try_check(compile_check(Row(kind="FLOW", options={"steps": text})), LOOPBACK)
    assert [(step.name, step.ok) for step in trial.steps] == [("One", True), ("Two", False)]
    assert trial.steps[1].words == "HTTP 500, expected 200–299"
    assert trial.steps[0].phases.total_ms > 0


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "Write at least one step"),
        ("GET https://shop.example/", "Line 1: A flow begins with the title"),
        ("### One\n", "Line 1: “One” has no request"),
        ("### One\nFETCH https://shop.example/", "Line 2: After the title comes the request"),
        ("### One\nGET ftp://shop.example/", "Line 2: The address begins with"),
        ("### One\nGET https://{{host}}/", "Line 2: The address begins with"),
        ("### One\nGET https://shop.example/{{id}}", "uses {{id}}, which no step before it captures"),
        ("### One\nGET https://shop.example/\nexpect status oops", "Line 3: “oops”"),
        ("### One\nGET https://shop.example/\ncapture = json id", "Line 3: Write a name"),
        ("### One\nGET https://shop.example/\ncapture id = xml id", "Line 3: Say where the value is"),
        ("### One\nGET https://shop.example/\ncapture id = body /(/", "Line 3: The pattern"),
        ("### One\nGET https://shop.example/\nno header", "Line 3: Write a header as Name: value"),
        ("### One\nGET https://shop.example/\nContent-Length: 5", "Line 3: The header Content-Length is set by"),
        ("### One\nGET http://10.0.0.1/", "Line 1: Private address 10.0.0.1 is not allowed here"),
        ("### One\nGET http://169.254.169.254/", "Line 1: Metadata address"),
        ("### A\nGET https://shop.example/\n" * 21, "at most 20 steps"),
        ("### One\nGET https://shop.example/\n\n" + "x" * 21_000, "more than 20000 characters"),
    ],
)
def test_steps_that_cannot_be_read_are_refused_with_their_line(text, part):
    assert part in faults("", kind="FLOW", options={"steps": text})["options.steps"]
    assert part in explain_steps(text, ())[1]


def test_a_secret_without_a_value_is_asked_for():
    text = "### One\nGET https://shop.example/\nAuthorization: Bearer {{secret.key}}\n"
    assert "Give the secret key a value" in faults("", kind="FLOW", options={"steps": text})["values"]


def test_steps_are_explained():
    steps, fault = explain_steps("### One\nGET https://shop.example/a\nexpect status 2xx\ncapture id = json id\n", ())
    assert fault == ""
    assert (steps[0].name, steps[0].request, steps[0].captures) == ("One", "GET https://shop.example/a", ("id",))
    assert steps[0].expects == ("status is 200–299",)
