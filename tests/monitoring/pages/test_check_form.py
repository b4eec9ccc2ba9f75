"""The form of a check: each kind with its fields, conditions told back as they are typed, secrets shown as a mask."""

import html
import re

import pytest
from django.utils import timezone

from deployments.models import Role
from monitoring.models import HealthCheck, Ping
from monitoring.probes import Kind
from tests.factories import HealthCheckFactory
from tests.monitoring.pages.people import somebody, url
from tests.monitoring.probing import speaking

pytestmark = pytest.mark.django_db
MASK = "••••••"


def text_of(response):
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split()))


def values(environment, kind, **changes):
    common = {"name": "Checked", "environment": environment.pk, "interval_seconds": "60 s", "failure_threshold": "3"}
    return common | {"kind": kind, "timeout_ms": "5000"} | changes


STEPS = "### One\nGET https://shop.example/a\nAuthorization: Bearer {{secret.key}}\ncapture id = json id\n"
SIDES = {
    "left_name": "Orders", "left_url": "https://shop.example/stats", "left_path": "orders",
    "right_name": "Payments", "right_metric": "payments", "right_read": "sum", "right_over": "2 h",
}  # fmt: skip
KINDS = [
    ("HTTP", {"target": "https://shop.example/", "method": "GET", "follow": "on"}, {"method": "GET", "follow": True}),
    ("TCP", {"target": "db.example.org:5432", "send": r"PING\r\n"}, {"send": r"PING\r\n"}),
    ("TLS", {"target": "shop.example", "conditions": "certificate > 14 days"}, {}),
    ("DNS", {"target": "shop.example", "record": "MX", "resolver": "9.9.9.9"}, {"record": "MX", "resolver": "9.9.9.9"}),
    ("HEARTBEAT", {"period": "15 min", "grace": "1 min"}, {"period_seconds": 900, "grace_seconds": 60}),
    (
        "HEARTBEAT",
        {"cron": "30 2 * * *", "time_zone": "Europe/Berlin", "grace": "5 min"},
        {"cron": "30 2 * * *", "time_zone": "Europe/Berlin", "grace_seconds": 300},
    ),
    ("FLOW", {"steps": STEPS, "values": "key: s3cr3t"}, {"steps": STEPS}),
    (
        "RECONCILIATION",
        SIDES,
        {
            "left": {"name": "Orders", "url": "https://shop.example/stats", "path": "orders"},
            "right": {"name": "Payments", "metric": "payments", "read": "sum", "over_seconds": 7200},
        },
    ),
]


@pytest.mark.parametrize(("kind", "typed", "options"), KINDS)
def test_each_kind_is_added_and_opens_again_as_it_was_typed(person, environment, kind, typed, options):
    response = person.post(url(environment, "checks/new/"), values(environment, kind, **typed))
    assert response.status_code == 302, text_of(response)
    check = HealthCheck.objects.get()
    saved = {
        name: value.replace("\r\n", "\n") if isinstance(value, str) else value for name, value in check.options.items()
    }
    assert (check.kind, saved) == (kind, options)
    page = person.get(url(environment, f"checks/{check.pk}/edit/")).content.decode()
    for name, value in typed.items():
        if name not in ("follow", "values", "method", "record", "right_read"):
            assert html.escape(value.replace("\r\n", "\n").strip(), quote=True)[:20] in page, name
    person.post(url(environment, f"checks/{check.pk}/edit/"), values(environment, kind, **typed, name="Renamed"))
    again = HealthCheck.objects.get()
    assert (again.name, again.version, again.secrets) == ("Renamed", 2, check.secrets)


@pytest.mark.parametrize("kind", list(Kind))
def test_the_form_shows_the_fields_of_its_kind_and_the_way_to_the_others(person, environment, kind):
    page = person.get(url(environment, "checks/new/"), {"kind": kind, "environment": environment.pk}).content.decode()
    assert f'name="kind" value="{kind}"' in page
    for other in Kind:
        assert f'href="?kind={other}&amp;environment={environment.pk}"' in page
    assert ('name="steps"' in page) is (kind == Kind.FLOW)
    assert ('name="cron"' in page) is (kind == Kind.HEARTBEAT)
    assert ('name="timeout_ms"' in page) is (kind != Kind.HEARTBEAT)


def test_an_unknown_kind_is_taken_for_http(person, environment):
    assert 'value="HTTP"' in person.get(url(environment, "checks/new/"), {"kind": "SMOKE"}).content.decode()


def test_the_kind_of_a_check_stays(person, environment):
    check = HealthCheckFactory(environment=environment)
    typed = values(environment, "TCP", target="https://shop.example/", method="GET")
    person.post(url(environment, f"checks/{check.pk}/edit/"), typed)
    assert HealthCheck.objects.get().kind == "HTTP"


@pytest.mark.parametrize(
    ("kind", "typed", "sentence"),
    [
        ("TCP", {"target": "db.example.org"}, "Write the port after the host"),
        ("TCP", {"target": "10.0.0.1:5432"}, "with the setting PROBE_NETWORKS."),
        ("DNS", {"target": "shop.example", "record": "A", "resolver": "127.0.0.1"}, "with the setting PROBE_NETWORKS."),
        ("HEARTBEAT", {"grace": "1 min"}, "Say when the job runs"),
        ("HEARTBEAT", {"grace": "1 min", "cron": "often"}, "The cron expression cannot be read"),
        ("FLOW", {"steps": "GET https://shop.example/"}, "A flow begins with the title"),
        ("FLOW", {"steps": STEPS}, "Give the secret key a value"),
        ("RECONCILIATION", {**SIDES, "left_path": "a..b"}, "The path cannot be read"),
        ("RECONCILIATION", {**SIDES, "right_url": "https://bank.example/"}, "not both"),
        ("HTTP", {"target": "https://a.example/", "method": "GET", "certificate": "x"}, "both the certificate and its"),
    ],
)  # fmt: skip
def test_a_fault_of_a_kind_is_told_beside_its_field(person, environment, kind, typed, sentence):
    response = person.post(url(environment, "checks/new/"), values(environment, kind, **typed))
    assert response.status_code == 400
    assert sentence in text_of(response)
    assert not HealthCheck.objects.exists()


def test_secrets_are_shown_as_a_mask_kept_by_it_and_taken_away_without_it(person, environment):
    secrets = {"user": "ada", "password": "pa55word", "token": "", "values": {}}
    check = HealthCheckFactory(environment=environment, secrets=secrets | {"headers": {"X-Key": "k-4711"}})
    page = url(environment, f"checks/{check.pk}/edit/")
    shown = person.get(page).content.decode()
    assert "pa55word" not in shown
    assert "k-4711" not in shown
    assert f'value="{MASK}"' in shown
    typed = values(environment, "HTTP", target="https://shop.example/", method="GET", user="ada", password=MASK)
    person.post(page, typed | {"headers": f"X-Key: {MASK}"})
    assert HealthCheck.objects.get().secrets == {"user": "ada", "password": "pa55word", "headers": {"X-Key": "k-4711"}}
    person.post(page, typed | {"password": "", "user": ""})
    assert HealthCheck.objects.get().secrets == {}


def test_secrets_of_another_key_are_entered_again(person, environment):
    check = HealthCheckFactory(environment=environment, sealed="nonsense")
    page = url(environment, f"checks/{check.pk}/edit/")
    assert person.get(page).status_code == 200
    person.post(page, values(environment, "HTTP", target="https://shop.example/", method="GET", token="new-token"))
    assert HealthCheck.objects.get().secrets == {"token": "new-token"}


# --- as one types -----------------------------------------------------------------------------------------------------


def told(person, environment, **typed):
    return text_of(person.post(url(environment, "checks/read-lines/"), typed))


def test_conditions_are_told_back_line_by_line(person, environment):
    page = told(person, environment, kind="HTTP", conditions="status 2xx\n\nstats\ntime < 1 s")
    assert "Status is 200–299." in page
    assert "Line 3: “stats” is nothing to look at" in page
    assert "Time is below 1,000 ms." in page
    assert "has no status" in told(person, environment, kind="TCP", conditions="status 2xx")


def test_steps_are_told_back(person, environment):
    page = told(person, environment, kind="FLOW", of="steps", steps=STEPS)
    assert "One GET https://shop.example/a Status is 200–299. Captures id" in page
    assert "Line 1: A flow begins" in told(person, environment, kind="FLOW", of="steps", steps="GET /")


@pytest.mark.parametrize(
    "typed", [{}, {"kind": "SMOKE", "conditions": "\x00<script>alert(1)</script>"}, {"of": "steps"}]
)
def test_whatever_is_typed_is_answered(person, environment, typed):
    response = person.post(url(environment, "checks/read-lines/"), typed)
    assert response.status_code == 200
    assert b"<script>" not in response.content


def test_the_form_reads_its_lines_without_a_script_too(person, environment):
    typed = values(environment, "HTTP", target="https://shop.example/", method="GET", conditions="status 2xx\nfoo")
    page = text_of(person.post(url(environment, "checks/new/"), typed))
    assert "Status is 200–299." in page
    assert page.count("Line 2: “foo” is nothing to look at") >= 2


# --- trying -----------------------------------------------------------------------------------------------------------


def tried(person, environment, kind, **typed):
    response = person.post(url(environment, "checks/new/"), values(environment, kind, **typed, **{"try": "1"}))
    assert response.status_code == 200, text_of(response)
    assert not HealthCheck.objects.exists()
    return response


def test_trying_http_shows_where_the_time_went_as_a_picture_and_in_words(person, environment, target):
    target.set(delay=0.02)
    response = tried(person, environment, "HTTP", target=target.url + "/", method="GET", follow="on")
    page = text_of(response)
    assert "It would be up HTTP 200 in " in page
    assert re.search(r"First byte [\d.]+ ms .* Total [\d.]+ ms", page)
    assert '<svg class="phases" role="img" aria-label="' in response.content.decode()
    assert "Address 127.0.0.1" in page


def test_trying_a_flow_shows_its_steps(person, environment, target):
    target.set("/a", json={"id": 7})
    target.set("/b/7", status=500, body="broken")
    steps = f"### One\nGET {target.url}/a\ncapture id = json id\n### Two\nGET {target.url}/b/{{{{id}}}}\n"
    page = text_of(tried(person, environment, "FLOW", steps=steps))
    assert "It would have failed step 2 “Two”: HTTP 500, expected 200–299" in page
    assert "broken" in page


def test_trying_the_other_kinds(person, environment, target):
    target.set(json={"n": 5})
    with speaking(lambda connection: connection.sendall(b"220 hello")) as port:
        page = text_of(tried(person, environment, "TCP", target=port, conditions="answer contains 220"))
    assert "It would be up answered in " in page
    assert "holds it is in the answer" in page
    sides = {"left_name": "A", "left_url": target.url, "left_path": "n", "right_name": "B", "right_metric": "nothing"}
    page = text_of(tried(person, environment, "RECONCILIATION", **sides))
    assert "It would have failed B: the metric nothing has no sample" in page
    page = text_of(tried(person, environment, "HEARTBEAT", period="15 min", grace="1 min"))
    assert "It would not be known waiting for the first ping" in page


# --- heartbeats -------------------------------------------------------------------------------------------------------


def test_the_page_of_a_heartbeat_shows_its_pings_and_to_those_who_work_where_to_ping(person, environment):
    person.post(url(environment, "checks/new/"), values(environment, "HEARTBEAT", period="15 min", grace="1 min"))
    check = HealthCheck.objects.get()
    Ping.objects.create(health_check=check, at=check.created_at, signal="FAIL", note="disk full")
    page = url(environment, f"checks/{check.pk}/")
    shown = text_of(person.get(page))
    assert f"/ping/{check.ping_key}/$?" in shown
    assert f"{timezone.localtime(check.created_at):%H:%M:%S} Failed disk full" in shown
    assert "every 15 min, 1 min of grace" in shown
    assert str(check.ping_key) not in somebody(environment, Role.VIEWER).get(page).content.decode()
