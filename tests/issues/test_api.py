import json

import pytest
from django.test import Client

from deployments.models import Role
from issues.models import Issue
from support import services as support
from tests.factories import (
    ApiTokenFactory,
    DeploymentFactory,
    EnvironmentFactory,
    IssueFactory,
    MembershipFactory,
    ProjectFactory,
)
from tests.issues.builders import NOON

pytestmark = pytest.mark.django_db
URL = "/api/v1/issues"


@pytest.fixture
def project():
    return ProjectFactory(slug="shop", issue_prefix="SHOP")


@pytest.fixture
def api(project):
    return client_of(project, ["issues:write", "reports:read"])


def client_of(project, scopes):
    token = ApiTokenFactory(project=project, scopes=scopes, name="ci")
    return Client(headers={"Authorization": f"Bearer {token.text}"})


def post(client, path, **body):
    return client.post(f"{URL}{path}", json.dumps(body), content_type="application/json")


def references(response):
    return [item["reference"] for item in response.json()["items"]]


def test_it_lists_issues_newest_first_with_tier_and_clock(api, project):
    IssueFactory(project=project, opened_at=NOON)
    IssueFactory(project=project, opened_at=NOON)
    support.route_issues(now=NOON)
    response = api.get(URL)
    assert response.status_code == 200
    assert references(response) == ["SHOP-2", "SHOP-1"]
    item = response.json()["items"][0]
    assert (item["tier"], item["escalate_at"]) == ("L1", "2026-11-19T12:15:00.000Z")
    assert (item["severity"], item["status"], item["url"]) == (
        "major",
        "identified",
        "http://127.0.0.1:8000/p/shop/issues/SHOP-2/",
    )


def test_it_narrows_by_each_filter(api, project):
    production = EnvironmentFactory(project=project)
    deployment = DeploymentFactory(environment=production)
    IssueFactory(project=project, environment=production, severity="CRITICAL", deployment=deployment)
    IssueFactory(project=project, status="VERIFIED", resolved_at=NOON, severity="MINOR")
    IssueFactory(project=project, status="RESOLVED", resolved_at=NOON)
    support.route_issues(now=NOON)
    for query, expected in {
        "status=open": ["SHOP-3", "SHOP-1"],
        "status=closed": ["SHOP-2"],
        "status=resolved": ["SHOP-3"],
        "severity=critical": ["SHOP-1"],
        "environment=production": ["SHOP-1"],
        f"deployment={deployment.pk}": ["SHOP-1"],
        "tier=L1": ["SHOP-1"],
        "tier=User Support": [],
        "project=shop": ["SHOP-3", "SHOP-2", "SHOP-1"],
    }.items():
        assert references(api.get(f"{URL}?{query}")) == expected, query


@pytest.mark.parametrize("query", ["status=done", "severity=awful", "tier=L9", "deployment=x", "colour=red", "limit=0"])
def test_a_filter_it_does_not_know_is_refused_by_name(api, query):
    response = api.get(f"{URL}?{query}")
    assert response.status_code == 400
    assert response.json()["errors"][0]["parameter"] == query.partition("=")[0]


def test_pages_follow_each_other(api, project):
    for _ in range(3):
        IssueFactory(project=project)
    first = api.get(f"{URL}?limit=2")
    second = api.get(f"{URL}?limit=2&cursor={first.json()['next']}")
    assert references(first) + references(second) == ["SHOP-3", "SHOP-2", "SHOP-1"]
    assert second.json()["next"] is None


def test_another_project_is_unknown_and_its_issues_too(api):
    other = IssueFactory(project=ProjectFactory(slug="other", issue_prefix="OTHER"))
    assert api.get(f"{URL}?project=other").json()["projects"] == ["shop"]
    assert api.get(f"{URL}/OTHER-1").status_code == 404
    assert api.get(f"{URL}/{other.pk}").status_code == 404
    assert post(api, "", project="other", title="x", severity="minor").status_code == 404


def test_it_opens_an_issue_and_reads_it_by_reference_and_by_id(api, project):
    EnvironmentFactory(project=project, name="production")
    response = post(
        api, "", project="shop", title="Mails are late", severity="major", environment="production", impact="900 people"
    )
    assert response.status_code == 201
    body = response.json()
    assert (body["reference"], body["environment"], body["events"][0]["actor"]) == ("SHOP-1", "production", "ci (API)")
    assert body["occurrences"][0]["source"] == "api"
    for key in ("SHOP-1", "shop-1", body["id"]):
        assert api.get(f"{URL}/{key}").json()["id"] == body["id"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"title": "x"}, "/severity"),
        ({"severity": "minor"}, "/title"),
        ({"title": "x", "severity": "sev1"}, "/severity"),
        ({"title": "x", "severity": "minor", "environment": "mars"}, "/environment"),
        ({"title": "x", "severity": "minor", "deployment": "6b2c2f2e-0000-4000-8000-000000000000"}, "/deployment"),
        ({"title": "x", "severity": "minor", "status": "resolved"}, "/status"),
        ({"title": "a\u0000b", "severity": "minor"}, "/title"),
        ({"title": "x" * 201, "severity": "minor"}, "/title"),
    ],
)
def test_a_bad_report_is_refused_with_the_field_named(api, project, body, pointer):
    response = post(api, "", project="shop", **body)
    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["errors"][0]["pointer"] == pointer
    assert Issue.objects.count() == 0


def test_a_report_with_a_key_opens_one_issue(api, project):
    body = json.dumps({"project": "shop", "title": "x", "severity": "minor"})
    for _ in range(2):
        response = api.post(URL, body, content_type="application/json", headers={"Idempotency-Key": "k1"})
        assert response.status_code == 201
    assert Issue.objects.count() == 1


def test_it_moves_through_the_process(api, project):
    IssueFactory(project=project, impact="33 orders lost")
    responder = MembershipFactory(project=project, role=Role.RESPONDER).user
    assert post(api, "/SHOP-1/move", status="assessed").json()["status"] == "assessed"
    assigned = post(api, "/SHOP-1/move", status="assigned", owner=responder.email)
    assert assigned.json()["owner"] == responder.username
    resolved = post(api, "/SHOP-1/move", status="resolved", resolution="Rolled back.").json()
    assert (resolved["status"], resolved["resolution"]) == ("resolved", "Rolled back.")
    assert resolved["resolved_at"]
    reopened = post(api, "/SHOP-1/move", status="assigned", reason="It came back.").json()
    assert [event["kind"] for event in reopened["events"]] == ["moved", "moved", "moved", "reopened"]


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({"status": "resolved"}, 400, "/resolution"),
        ({"status": "assigned"}, 400, "/owner"),
        ({"status": "assigned", "owner": "nobody"}, 400, "/owner"),
        ({"status": "identified"}, 409, "/status"),
        ({"status": "gone"}, 400, "/status"),
    ],
)
def test_a_move_that_the_process_refuses_says_why(api, project, body, status, pointer):
    IssueFactory(project=project)
    response = post(api, "/SHOP-1/move", **body)
    assert response.status_code == status
    assert response.json()["errors"][0]["pointer"] == pointer


def test_a_token_cannot_verify(api, project):
    IssueFactory(project=project, status="RESOLVED", resolved_at=NOON)
    response = post(api, "/SHOP-1/move", status="verified", reason="Looks fine.")
    assert response.status_code == 403
    assert "by measurement" in response.json()["detail"]


def test_a_move_from_old_knowledge_is_a_conflict_with_the_current_values(api, project):
    IssueFactory(project=project, revision=4)
    response = post(api, "/SHOP-1/move", status="resolved", resolution="Done.", revision=3)
    assert response.status_code == 409
    assert (response.json()["revision"], response.json()["current"]["status"]) == (4, "identified")


def test_it_adds_an_update(api, project):
    issue = IssueFactory(project=project)
    response = post(api, "/SHOP-1/comments", text="Looking into it.\r\nMore soon.")
    assert response.status_code == 201
    assert issue.events.get().text == "Looking into it.\nMore soon."
    assert post(api, "/SHOP-1/comments", text="   ").status_code == 400


def test_reading_and_writing_need_their_scopes(project):
    IssueFactory(project=project)
    reader, writer = client_of(project, ["reports:read"]), client_of(project, ["issues:write"])
    assert reader.get(f"{URL}/SHOP-1").status_code == 200
    assert post(reader, "/SHOP-1/comments", text="x").status_code == 403
    assert writer.get(URL).status_code == 403
    assert Client().get(URL).status_code == 401


def test_an_unchanged_issue_is_not_sent_again(api, project):
    IssueFactory(project=project)
    etag = api.get(f"{URL}/SHOP-1")["ETag"]
    assert api.get(f"{URL}/SHOP-1", headers={"If-None-Match": etag}).status_code == 304


@pytest.mark.parametrize("key", ["SHOP-0", "SHOP-99999999999", "%00", "Ü", "1e9", "-1", "SHOP-1 "])
def test_an_odd_key_is_not_found(api, project, key):
    IssueFactory(project=project)
    assert api.get(f"{URL}/{key}").status_code in (404, 400)
