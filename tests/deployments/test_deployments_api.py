import uuid
from datetime import UTC, datetime

import pytest
import time_machine

from deployments.models import MASK, Deployment, Environment, Scope
from tests.api_client import ApiClient
from tests.at_once import at_once
from tests.factories import ApiTokenFactory, DeploymentFactory, EnvironmentFactory

NOW = datetime(2026, 11, 19, 12, 0, tzinfo=UTC)
LEAST = {"project": "shop", "environment": "production", "version": "1.42.0"}
FULL = {
    **LEAST,
    "revision": "8d97e41",
    "status": "running",
    "source": "github",
    "external_id": "8412",
    "url": "https://ci.example.org/runs/8412",
    "started_at": "2026-11-19T11:58:00Z",
    "kind": "deploy",
    "deployed_by": "ada",
    "description": "Two\nlines",
    "change_committed_at": "2026-11-18T09:00:00+01:00",
    "system_changes": [{"component": "checkout", "description": "Address lookup", "status": "done"}],
    "configuration_changes": [
        {"setting": "CACHE_TTL", "old_value": "60", "value": "30", "purpose": "Fresher prices", "secret": False},
        {"setting": "LOOKUP_API_KEY", "value": "hunter2"},
    ],
}


@pytest.fixture(autouse=True)
def at_noon():
    with time_machine.travel(NOW, tick=False):
        yield


def report(api, **said):
    return api.send("/deployments", {**LEAST, **said})


def made(api, **said):
    response = report(api, **said)
    assert response.status_code == 201, response.content
    return response.json()


def pointers(response):
    return {error.get("pointer") or error.get("parameter"): error["code"] for error in response.json()["errors"]}


def test_three_fields_are_enough(api):
    body = made(api)
    assert (body["project"], body["version"], body["status"], body["kind"]) == ("shop", "1.42.0", "pending", "deploy")
    assert body["environment"] == {"name": "production", "tier": "production", "is_new": True}
    assert body["external_id"] is None


def test_a_full_report_is_answered_as_it_was_understood(api):
    response = api.send("/deployments", FULL)
    assert response.status_code == 201
    body = response.json()
    assert body["url"] == f"http://127.0.0.1:8000/p/shop/deployments/{body['id']}/"
    assert body["verdict_url"] == f"http://127.0.0.1:8000/api/v1/deployments/{body['id']}/verdict"
    assert response["Location"] == f"http://127.0.0.1:8000/api/v1/deployments/{body['id']}"
    assert body["pipeline_url"] == FULL["url"]
    assert body["started_at"] == "2026-11-19T11:58:00.000Z"
    assert body["change_committed_at"] == "2026-11-18T08:00:00.000Z"
    assert body["system_changes"] == FULL["system_changes"]
    assert body["configuration_changes"] == [
        FULL["configuration_changes"][0],
        {"setting": "LOOKUP_API_KEY", "old_value": "", "value": MASK, "purpose": "", "secret": True},
    ]
    assert [(e["status"], e["is_applied"], e["note"]) for e in body["events"]] == [("running", True, "")]
    assert {"initial_until", "extended_until"} <= set(body["watch"])


def test_a_finished_deployment_is_reported_in_one_call(api):
    body = made(api, status="succeeded")
    assert (body["status"], body["finished_at"], body["started_at"]) == ("succeeded", "2026-11-19T12:00:00.000Z", None)
    assert body["watch"]["initial_until"] is not None


def test_a_repeat_is_200_and_the_same(api):
    first, again = api.send("/deployments", FULL), api.send("/deployments", FULL)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()


def test_a_repeat_that_disagrees_is_409_and_names_the_fields(api):
    first = api.send("/deployments", FULL).json()
    response = api.send("/deployments", {**FULL, "version": "1.43.0", "revision": "abc"})
    assert response.status_code == 409
    assert pointers(response) == {"/version": "disagrees", "/revision": "disagrees"}
    assert "Was reported as “1.42.0” first." in str(response.json()["errors"])
    assert response.json()["deployment"] == first["id"]
    assert Deployment.objects.get().version == "1.42.0"


def test_the_whole_life_of_a_deployment(api):
    path = f"/deployments/{made(api)['id']}"
    assert api.send(f"{path}/start").json()["status"] == "running"
    response = api.send(f"{path}/finish", {"status": "succeeded", "finished_at": "2026-11-19T12:05:00Z"})
    assert response.status_code == 200
    assert (response.json()["status"], response.json()["finished_at"]) == ("succeeded", "2026-11-19T12:05:00.000Z")
    assert api.ask(path).json()["started_at"] == "2026-11-19T12:00:00.000Z"


def test_finish_before_start_leaves_the_start_unknown_until_it_is_told(api):
    path = f"/deployments/{made(api)['id']}"
    assert api.send(f"{path}/finish", {"status": "failed"}).json()["started_at"] is None
    late = api.send(f"{path}/start", {"started_at": "2026-11-19T11:50:00Z"}).json()
    assert (late["status"], late["started_at"]) == ("failed", "2026-11-19T11:50:00.000Z")


def test_a_later_end_counts(api):
    path = f"/deployments/{made(api)['id']}"
    api.send(f"{path}/finish", {"status": "failed", "finished_at": "2026-11-19T11:00:00Z"})
    assert api.send(f"{path}/finish", {"status": "succeeded"}).json()["status"] == "succeeded"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"started_at": "2026-11-19T12:00:00Z", "finished_at": "2026-11-19T11:00:00Z", "status": "failed"},
         {"/started_at": "wrong_order", "/finished_at": "wrong_order"}),
        ({"queued_at": "2026-11-19T12:00:00Z", "started_at": "2026-11-19T11:00:00Z"},
         {"/queued_at": "wrong_order", "/started_at": "wrong_order"}),
        ({"finished_at": "2026-11-19T12:00:00Z"}, {"/finished_at": "wrong_status"}),
        ({"finished_at": "2026-11-19T12:00:00Z", "status": "running"}, {"/finished_at": "wrong_status"}),
        ({"started_at": "2026-11-19T12:00:00Z", "status": "pending"}, {"/started_at": "wrong_status"}),
        ({"started_at": "1999-11-19T12:00:00Z"}, {"/started_at": "invalid_time"}),
        ({"started_at": "2101-11-19T12:00:00Z"}, {"/started_at": "invalid_time"}),
        ({"started_at": "2026-11-19T12:00:00"}, {"/started_at": "invalid_time"}),
        ({"started_at": "0001-01-01T00:00:00Z"}, {"/started_at": "invalid_time"}),
        ({"started_at": 1700000000}, {"/started_at": "invalid_time"}),
        ({"started_at": ""}, {"/started_at": "invalid_time"}),
        ({"version": ""}, {"/version": "blank"}),
        ({"version": 1.42}, {"/version": "invalid"}),
        ({"version": None}, {"/version": "null"}),
        ({"version": "v" * 201}, {"/version": "max_length"}),
        ({"environment": "a\tb"}, {"/environment": "control"}),
        ({"status": "SUCCEEDED"}, {"/status": "invalid_choice"}),
        ({"status": "done"}, {"/status": "invalid_choice"}),
        ({"kind": "hotfix"}, {"/kind": "invalid_choice"}),
        ({"external_id": ""}, {"/external_id": "blank"}),
        ({"url": "javascript:alert(1)"}, {"/url": "invalid_url"}),
        ({"url": "https://"}, {"/url": "invalid_url"}),
        ({"stauts": "running"}, {"/stauts": "unknown_field"}),
        ({"system_changes": {}}, {"/system_changes": "not_a_list"}),
        ({"system_changes": [{}]}, {"/system_changes/0/component": "required"}),
        ({"system_changes": [{"component": "a"}] * 201}, {"/system_changes": "max_length"}),
        ({"configuration_changes": [{"setting": "A"}, {"setting": "B", "secret": "no"}]},
         {"/configuration_changes/1/secret": "invalid"}),
        ({"configuration_changes": [{"setting": "A", "new_value": "1"}]},
         {"/configuration_changes/0/new_value": "unknown_field"}),
    ],
)  # fmt: skip
def test_a_bad_report_is_400_and_names_the_field(api, body, expected):
    response = report(api, **body)
    assert response.status_code == 400, response.content
    assert pointers(response) == expected
    assert not Deployment.objects.exists()
    assert not Environment.objects.exists()


@pytest.mark.parametrize("missing", ["project", "environment", "version"])
def test_the_required_fields_are_named(api, missing):
    response = api.send("/deployments", {name: value for name, value in LEAST.items() if name != missing})
    assert pointers(response) == {f"/{missing}": "required"}


def test_a_future_start_is_kept_as_its_arrival_and_flagged(api):
    body = made(api, started_at="2026-11-20T12:00:00Z")
    assert body["started_at"] == "2026-11-19T12:00:00.000Z"
    assert body["events"][0]["note"] == "Reported 1\u00a0d ahead of our clock; counted as its arrival."


@pytest.mark.parametrize("slug", ["nothing", "other", "SHOP", "../shop"])
def test_a_project_that_the_token_may_not_use_does_not_exist(api, slug):
    ApiTokenFactory(project__slug="other")
    for response in (report(api, project=slug), api.ask("/deployments", project=slug)):
        assert response.status_code == 404
        assert response.json()["projects"] == ["shop"]
        assert response.json()["detail"].endswith("It may use: shop.")


@pytest.mark.parametrize("action", ["", "/changes", "/start", "/finish", "/cancel", "/rollback"])
@pytest.mark.parametrize("is_foreign", [True, False])
def test_a_foreign_deployment_does_not_exist(api, action, is_foreign):
    pk = DeploymentFactory().pk if is_foreign else uuid.uuid4()
    path = f"/deployments/{pk}{action}"
    body = {"/finish": {"status": "failed"}, "/changes": {"system_changes": [{"component": "a"}]}}.get(action)
    response = api.send(path, body) if action else api.ask(path)
    assert response.status_code == 404
    assert response.json()["code"] == "not_found"


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("get", "/deployments", "deployments:read"),
        ("post", "/deployments", "deployments:write"),
        ("get", "/deployments/{id}", "deployments:read"),
        ("post", "/deployments/{id}/finish", "deployments:write"),
        ("get", "/deployments/{id}/changes", "deployments:read"),
        ("post", "/deployments/{id}/changes", "deployments:write"),
    ],
)
def test_each_operation_needs_its_scope_and_names_it(project, method, path, scope):
    weak = ApiClient(ApiTokenFactory(project=project, scopes=[s for s in Scope.values if s != scope]))
    response = getattr(weak, method)(f"/api/v1{path.format(id=uuid.uuid4())}", content_type="application/json")
    assert response.status_code == 403
    assert (response.json()["scope"], response.json()["code"]) == (scope, "missing_scope")


def test_cancelling_what_has_ended_is_409(api):
    path = f"/deployments/{made(api, status='succeeded')['id']}"
    response = api.send(f"{path}/cancel")
    assert (response.status_code, response.json()["code"]) == (409, "already_ended")


def test_cancelling_is_200_however_often(api):
    path = f"/deployments/{made(api)['id']}"
    assert [api.send(f"{path}/cancel").json()["status"] for _ in range(2)] == ["cancelled"] * 2


def test_rolling_back_makes_a_deployment_of_the_version_before(api):
    made(api, status="succeeded", version="1.41.0", finished_at="2026-11-19T10:00:00Z")
    bad = made(api, status="succeeded", finished_at="2026-11-19T11:00:00Z")
    response = api.send(f"/deployments/{bad['id']}/rollback", {"status": "succeeded", "external_id": "r1"})
    assert response.status_code == 201
    body = response.json()
    assert (body["version"], body["kind"], body["rolls_back"]) == ("1.41.0", "rollback", bad["id"])
    assert (
        api.send(f"/deployments/{bad['id']}/rollback", {"status": "succeeded", "external_id": "r1"}).status_code == 200
    )


def test_rolling_back_to_nothing_known_is_409(api):
    response = api.send(f"/deployments/{made(api)['id']}/rollback")
    assert (response.status_code, response.json()["code"]) == (409, "no_earlier_version")
    assert api.send(f"/deployments/{made(api)['id']}/rollback", {"version": "0.9"}).status_code == 201


def test_a_roll_back_can_be_reported_as_such(api):
    assert made(api, kind="rollback")["kind"] == "rollback"


def test_changes_are_added_and_listed_with_secrets_masked(api):
    path = f"/deployments/{api.send('/deployments', FULL).json()['id']}/changes"
    response = api.send(path, {"configuration_changes": [{"setting": "X", "value": "hunter2", "secret": True}]})
    assert response.status_code == 201
    listed = api.ask(path).json()
    assert listed == response.json()
    assert [change["component"] for change in listed["system_changes"]] == ["checkout"]
    assert [change["value"] for change in listed["configuration_changes"]] == ["30", MASK, MASK]


@pytest.mark.parametrize("body", [{}, {"system_changes": []}])
def test_adding_no_change_is_400(api, body):
    response = api.send(f"/deployments/{made(api)['id']}/changes", body)
    assert response.status_code == 400


def test_the_detail_answers_304_until_something_changes(api):
    path = f"/deployments/{made(api)['id']}"
    etag = api.ask(path)["ETag"]
    assert api.get(f"/api/v1{path}", headers={"If-None-Match": etag}).status_code == 304
    api.send(f"{path}/start")
    assert api.get(f"/api/v1{path}", headers={"If-None-Match": etag}).status_code == 200


def versions(response):
    assert response.status_code == 200, response.content
    return [item["version"] for item in response.json()["items"]]


@pytest.fixture
def four(project):
    production, staging = (EnvironmentFactory(project=project, name=name) for name in ("production", "staging"))
    for minute, (environment, version, status) in enumerate(
        [
            (production, "a", "SUCCEEDED"),
            (staging, "b", "SUCCEEDED"),
            (production, "c", "FAILED"),
            (production, "a", "FAILED"),
        ]
    ):
        DeploymentFactory(
            environment=environment, version=version, status=status, finished_at=NOW.replace(hour=8, minute=minute)
        )
    DeploymentFactory(version="foreign")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["a", "c", "b", "a"]),
        ({"project": "shop"}, ["a", "c", "b", "a"]),
        ({"environment": "production"}, ["a", "c", "a"]),
        ({"environment": "Staging"}, ["b"]),
        ({"status": "failed"}, ["a", "c"]),
        ({"version": "a", "status": "succeeded"}, ["a"]),
        ({"version": "never-seen"}, []),
        ({"environment": "nowhere"}, []),
    ],
)
def test_the_list_is_filtered_and_the_latest_comes_first(api, four, query, expected):
    assert versions(api.ask("/deployments", **query)) == expected


def test_the_list_can_be_filtered_by_verdict(api, four):
    assert versions(api.ask("/deployments", verdict="healthy")) == []
    assert pointers(api.ask("/deployments", verdict="good")) == {"verdict": "invalid_choice"}


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("ordering=password", "ordering"),
        ("filter[__]=1", "filter[__]"),
        ("limit=1e9", "limit"),
        ("limit=201", "limit"),
        ("limit=-1", "limit"),
        ("limit=", "limit"),
        ("status=SUCCEEDED", "status"),
        ("environment=%00", "environment"),
        ("cursor=forged", "cursor"),
        ("cursor=", "cursor"),
    ],
)
def test_a_bad_query_is_400_and_names_the_parameter(api, query, parameter):
    response = api.get(f"/api/v1/deployments?{query}")
    assert response.status_code == 400, response.content
    assert set(pointers(response)) == {parameter}


def test_pages_follow_each_other_without_gap_or_repeat(api, project):
    environment = EnvironmentFactory(project=project)
    for number in range(7):  # all at the same instant: the id breaks the tie
        DeploymentFactory(environment=environment, version=str(number), finished_at=NOW)
    seen, cursor = [], {}
    while True:
        response = api.ask("/deployments", limit=3, **cursor)
        seen += versions(response)
        if response.json()["next"] is None:
            assert "Link" not in response
            break
        assert response["Link"].endswith('>; rel="next"')
        assert versions(api.get(response["Link"].split(">")[0].lstrip("<"))) == versions(
            api.ask("/deployments", limit=3, cursor=response.json()["next"])
        )
        cursor = {"cursor": response.json()["next"]}
        DeploymentFactory(environment=environment, version="later", finished_at=NOW.replace(hour=13))
    assert sorted(seen) == list("0123456")


def test_a_cursor_belongs_to_its_filter(api, four):
    cursor = api.ask("/deployments", limit=1).json()["next"]
    assert versions(api.ask("/deployments", limit=2, cursor=cursor)) == ["c", "b"]
    assert pointers(api.ask("/deployments", status="failed", cursor=cursor)) == {"cursor": "bad_cursor"}


def test_the_list_costs_the_same_for_one_and_for_many(api, four, django_assert_max_num_queries, project):
    with django_assert_max_num_queries(12) as few:
        api.ask("/deployments", limit=1)
    with django_assert_max_num_queries(len(few.captured_queries)):
        api.ask("/deployments")


@pytest.mark.django_db(transaction=True)
def test_ten_identical_reports_at_once_make_one_deployment():
    token = ApiTokenFactory(project__slug="shop")
    results = at_once(lambda: ApiClient(token).send("/deployments", FULL), 10)
    assert sorted(response.status_code for response in results) == [200] * 9 + [201]
    assert len({response.json()["id"] for response in results}) == 1
