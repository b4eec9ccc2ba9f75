"""Checks over the API: made, changed, paused and deleted; secrets go in and never come out."""

from urllib.parse import urlsplit

import pytest

from monitoring.models import HealthCheck, Ping
from tests.api_client import ApiClient
from tests.factories import ApiTokenFactory, EnvironmentFactory, HealthCheckFactory

pytestmark = pytest.mark.django_db
SCOPES = ["deployments:read", "checks:write"]


@pytest.fixture
def environment():
    return EnvironmentFactory(project__slug="shop", name="production")


@pytest.fixture
def api(environment):
    return ApiClient(ApiTokenFactory(project=environment.project, scopes=SCOPES))


SHOP = {"project": "shop", "environment": "production", "name": "Shop", "target": "https://shop.example/healthz"}


def sent(api, verb, path, body):
    return getattr(api, verb)(f"/api/v1{path}", body, content_type="application/json")


def made(api, **fields):
    return sent(api, "post", "/checks", SHOP | fields)


def pointers(response):
    assert response.status_code == 400, response.content
    return {error["pointer"]: error["detail"] for error in response.json()["errors"]}


def test_a_check_is_made_and_its_secrets_are_only_named(api):
    secrets = {"headers": {"X-Api-Key": "k-4711"}, "token": "t-0815"}
    response = made(
        api, conditions="status is 200\ntime < 1 s", secrets=secrets, options={"method": "POST", "body": "{}"}
    )
    assert response.status_code == 201
    answer = response.json()
    assert (answer["kind"], answer["target"], answer["version"]) == ("http", SHOP["target"], 1)
    assert answer["secrets"] == ["headers.X-Api-Key", "token"]
    assert "k-4711" not in response.content.decode()
    assert "t-0815" not in api.get("/api/v1/checks").content.decode()
    assert HealthCheck.objects.get().secrets == secrets
    assert "k-4711" not in HealthCheck.objects.get().sealed


@pytest.mark.parametrize(
    ("fields", "pointer", "part"),
    [
        ({"target": "http://10.0.0.8/"}, "/target", "PROBE_NETWORKS"),
        ({"conditions": "status in 200\nfoo"}, "/conditions", "Line 2: “foo”"),
        ({"options": {"method": "BREW"}}, "/options/method", "is not one of"),
        ({"options": {"follow": "no"}}, "/options/follow", "true or false"),
        ({"options": {"methd": "GET"}}, "/options/methd", "is not an option"),
        ({"secrets": {"headers": {"Bad name": "x"}}}, "/secrets/headers", "is not valid"),
        ({"secrets": {"certificate": "x"}}, "/secrets/certificate", "both the certificate and its key"),
        ({"kind": "reconciliation", "target": ""}, "/options/left", "Say where this number"),
        (
            {"kind": "reconciliation", "target": "", "options": {"left": {"url": "http://10.0.0.1/"}, "right": 5}},
            "/options/left/url",
            "Private address",
        ),
        (
            {"kind": "heartbeat", "target": "", "options": {"period_seconds": "60"}},
            "/options/period_seconds",
            "a whole number",
        ),
        ({"kind": "flow", "target": "", "options": {"steps": "GET"}}, "/options/steps", "Line 1"),
        ({"kind": "smoke"}, "/kind", "Must be one of: http, tcp"),
        ({"nme": "x"}, "/nme", "no such field"),
        ({"name": ""}, "/name", "blank"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_its_pointer(api, fields, pointer, part):
    found = pointers(made(api, **fields))
    assert part in found[pointer]
    assert not HealthCheck.objects.exists()


def test_a_name_that_is_taken_is_told(api):
    made(api)
    assert "already" in pointers(made(api))["/name"]


def test_what_is_left_out_of_a_change_stays(api):
    check = made(api, secrets={"token": "t-0815", "headers": {"A": "1"}}, conditions="status is 200").json()
    changed = sent(api, "patch", f"/checks/{check['id']}", {"group": "Edge", "secrets": {"headers": {"B": "2"}}})
    assert changed.status_code == 200
    answer = changed.json()
    assert (answer["group"], answer["conditions"], answer["version"]) == ("Edge", "status is 200", 2)
    assert answer["secrets"] == ["headers.B", "token"]
    gone = sent(api, "patch", f"/checks/{check['id']}", {"secrets": {"token": ""}}).json()
    assert gone["secrets"] == ["headers.B"]
    assert HealthCheck.objects.get().secrets == {"headers": {"B": "2"}}


def test_a_refused_change_changes_nothing(api):
    check = made(api).json()
    assert "/conditions" in pointers(sent(api, "patch", f"/checks/{check['id']}", {"name": "New", "conditions": "foo"}))
    assert HealthCheck.objects.get().name == "Shop"


def test_a_check_is_paused_resumed_and_deleted(api):
    pk = made(api).json()["id"]
    assert sent(api, "post", f"/checks/{pk}/pause", {}).json()["is_paused"] is True
    assert sent(api, "post", f"/checks/{pk}/resume", {}).json()["is_paused"] is False
    assert sent(api, "delete", f"/checks/{pk}", {}).status_code == 204
    assert api.get(f"/api/v1/checks/{pk}").status_code == 404


def test_a_heartbeat_says_where_to_ping_only_to_those_who_may_change_it(api, environment, client):
    check = made(api, kind="heartbeat", target="", options={"period_seconds": 3600}).json()
    assert client.get(urlsplit(check["ping_url"]).path).status_code == 200
    assert Ping.objects.count() == 1
    reader = ApiClient(ApiTokenFactory(project=environment.project, scopes=["deployments:read"]))
    assert reader.get(f"/api/v1/checks/{check['id']}").json()["ping_url"] is None


def test_a_token_without_the_scope_and_one_of_another_project_cannot_write(environment):
    check = HealthCheckFactory(environment=environment)
    reader = ApiClient(ApiTokenFactory(project=environment.project, scopes=["deployments:read"]))
    stranger = ApiClient(ApiTokenFactory(scopes=SCOPES))
    for verb, path in (("patch", ""), ("delete", ""), ("post", "/pause"), ("post", "/resume")):
        assert sent(reader, verb, f"/checks/{check.pk}{path}", {}).status_code == 403
        assert sent(stranger, verb, f"/checks/{check.pk}{path}", {}).status_code == 404
    assert made(stranger).status_code == 404


def test_an_impossible_id_is_not_there(api):
    assert api.get(f"/api/v1/checks/{2**70}").status_code == 404


def test_a_refused_check_leaves_no_environment_behind(api, environment):
    response = made(api, environment="brandnew", target="http://10.0.0.1/")
    assert "/target" in pointers(response)
    assert not environment.project.environments.filter(name="brandnew").exists()


@pytest.mark.parametrize(
    ("secrets", "pointer"),
    [
        ({"token": "日本"}, "/secrets/token"),
        ({"token": "t", "user": "u", "password": "p"}, "/secrets/token"),
        ({"user": "u:v", "password": "p"}, "/secrets/user"),
    ],
)
def test_secrets_that_cannot_be_sent_as_meant_name_their_own_field(api, secrets, pointer):
    assert pointer in pointers(made(api, secrets=secrets))


def test_nobody_s_change_is_undone_by_somebody_who_did_not_see_it(api, environment):
    check = HealthCheckFactory(environment=environment)
    path = f"/checks/{check.pk}"
    first = api.get(f"/api/v1{path}")["ETag"]
    HealthCheck.objects.update(state="DOWN")
    assert api.get(f"/api/v1{path}")["ETag"] == first, "how it stands is no change"

    def change(etag, **fields):
        headers = {"If-Match": etag}
        return api.patch(f"/api/v1{path}", fields, content_type="application/json", headers=headers)

    assert change(first, name="Till").status_code == 200
    assert change(first, name="Shop").status_code == 412
    assert api.delete(f"/api/v1{path}", headers={"If-Match": first}).status_code == 412
    assert HealthCheck.objects.get().name == "Till"
    assert change(api.get(f"/api/v1{path}")["ETag"], name="Shop").status_code == 200
