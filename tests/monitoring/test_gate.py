"""The gate: what is known of a deployment, for pipelines that wait; and the same words on deployments."""

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from deployments.models import Deployment
from monitoring.facets import STATES, WatchFacet
from monitoring.selectors import findings_of, watch_states
from tests.api_client import ApiClient
from tests.factories import (
    ApiTokenFactory,
    DeploymentFactory,
    EnvironmentFactory,
    FindingFactory,
    MonitoringPeriodFactory,
    MonitoringPolicyFactory,
    VerdictFactory,
)

NOW = timezone.now()
pytestmark = pytest.mark.django_db


@pytest.fixture
def environment():
    return EnvironmentFactory()


@pytest.fixture
def client(environment):
    return ApiClient(ApiTokenFactory(project=environment.project, scopes=["deployments:read"]))


def watched(environment, initial="OPEN", extended="OPEN", finished_at=None):
    """A deployment with both periods; a result as status means closed with it."""
    deployment = DeploymentFactory(environment=environment, finished_at=finished_at or NOW - timedelta(minutes=10))
    ends = deployment.finished_at + timedelta(hours=1)
    spans = {"INITIAL": (deployment.finished_at, ends, initial), "EXTENDED": (ends, ends + timedelta(days=3), extended)}
    for stage, (opens_at, closes_at, said) in spans.items():
        is_result = said not in ("OPEN", "SUPERSEDED")
        period = MonitoringPeriodFactory(
            deployment=deployment,
            stage=stage,
            opens_at=opens_at,
            closes_at=closes_at,
            status="CLOSED" if is_result else said,
            result=said if is_result else None,
        )
        if is_result:
            verdict = VerdictFactory(
                period=period, result=said, is_final=True, sentence=f"{said} it is.", looked_at=period.closes_at
            )
            FindingFactory(verdict=verdict, key="metric:p95")
    return deployment


def gate(client, deployment, **query):
    return client.ask(f"/deployments/{deployment.pk}/verdict", **query)


def test_a_watch_under_way_says_so_and_when_to_ask_again(client, environment):
    deployment = watched(environment)
    response = gate(client, deployment)
    body = response.json()
    assert response.status_code == 200
    assert (body["state"], body["is_final"], body["decided_at"]) == ("watching", False, None)
    assert 1 <= int(response["Retry-After"]) <= 10
    assert body["watch"]["state"] == "initial"
    assert body["findings"] == []


def test_a_verdict_comes_with_its_sentence_and_findings_and_no_retry_after(client, environment):
    deployment = watched(environment, initial="DEGRADED")
    response = gate(client, deployment)
    body = response.json()
    assert (body["state"], body["sentence"], body["is_final"]) == ("degraded", "DEGRADED it is.", True)
    assert body["findings"] == [
        {
            "key": "metric:p95",
            "name": "Checkout p95",
            "result": "regressed",
            "is_critical": False,
            "sentence": "Checkout p95 rose 310 → 450 ms.",
        }
    ]
    assert body["decided_at"]
    assert "Retry-After" not in response


def test_until_extended_waits_for_the_whole_watch(client, environment):
    deployment = watched(environment, initial="HEALTHY")
    assert gate(client, deployment).json()["state"] == "healthy"
    assert gate(client, deployment, until="initial").json()["state"] == "healthy"
    assert gate(client, deployment, until="extended").json()["state"] == "watching"


@pytest.mark.parametrize(
    ("status", "state"),
    [("PENDING", "pending"), ("RUNNING", "pending"), ("FAILED", "not_deployed"), ("CANCELLED", "cancelled")],
)
def test_what_is_not_live_is_answered_too(client, environment, status, state):
    deployment = DeploymentFactory(environment=environment, status=status)
    response = gate(client, deployment)
    assert response.json()["state"] == state
    assert ("Retry-After" in response) == (state == "pending")


def test_before_the_periods_are_open_the_planned_ends_are_known(client, environment):
    MonitoringPolicyFactory(environment=environment, initial_seconds=600, extended_seconds=1200)
    deployment = DeploymentFactory(environment=environment)
    body = gate(client, deployment).json()
    assert (body["state"], body["watch"]["state"]) == ("watching", "not_begun")
    assert (
        body["watch"]["initial_until"]
        == (deployment.finished_at + timedelta(minutes=10)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    )


def test_the_same_answer_is_304_until_something_changes(client, environment):
    deployment = watched(environment)
    etag = gate(client, deployment)["ETag"]
    assert not etag.startswith("W/")
    again = client.get(f"/api/v1/deployments/{deployment.pk}/verdict", headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    assert again["ETag"] == etag
    assert "Retry-After" in again
    period = deployment.periods.get(stage="INITIAL")
    VerdictFactory(period=period, sentence="One check is failing.")
    assert (
        client.get(f"/api/v1/deployments/{deployment.pk}/verdict", headers={"If-None-Match": etag}).status_code == 200
    )


def test_each_question_has_an_etag_of_its_own(client, environment):
    deployment = watched(environment, initial="HEALTHY")
    assert gate(client, deployment, until="initial")["ETag"] != gate(client, deployment, until="extended")["ETag"]


def test_asking_is_cheap(client, environment, django_assert_num_queries):
    deployment = watched(environment, initial="DEGRADED")
    etag = gate(client, deployment)["ETag"]
    with django_assert_num_queries(5):  # token, deployment, periods, verdicts, findings
        gate(client, deployment)
    with django_assert_num_queries(4):  # without the findings
        client.get(f"/api/v1/deployments/{deployment.pk}/verdict", headers={"If-None-Match": etag})


def test_another_projects_deployment_is_404(client):
    deployment = watched(EnvironmentFactory())
    response = gate(client, deployment)
    assert response.status_code == 404
    assert response["Content-Type"] == "application/problem+json"
    assert client.ask(f"/deployments/{uuid.uuid4()}/verdict").status_code == 404


def test_a_wrong_question_is_refused_by_name(client, environment):
    response = gate(client, watched(environment), until="tomorrow")
    assert response.status_code == 400
    assert response.json()["errors"][0]["parameter"] == "until"


def test_a_token_without_the_scope_is_refused(environment):
    client = ApiClient(ApiTokenFactory(project=environment.project, scopes=["metrics:write"]))
    assert gate(client, watched(environment)).status_code == 403


# --- on deployments ---------------------------------------------------------------------------------------------------


def one_of_each(environment):
    made = {
        "pending": DeploymentFactory(environment=environment, status="RUNNING", finished_at=None),
        "cancelled": DeploymentFactory(environment=environment, status="CANCELLED"),
        "not_deployed": DeploymentFactory(environment=environment, status="FAILED"),
        "not_watched": DeploymentFactory(environment=environment, finished_at=NOW - timedelta(days=30)),
        "watching": watched(environment),
        "superseded": watched(environment, "SUPERSEDED", "SUPERSEDED"),
        "healthy": watched(environment, "HEALTHY", "OPEN"),
        "degraded": watched(environment, "HEALTHY", "DEGRADED"),
        "failed": watched(environment, "FAILED", "DEGRADED"),
        "inconclusive": watched(environment, "INCONCLUSIVE", "HEALTHY"),
        "blind": watched(environment, "BLIND", "INCONCLUSIVE"),
    }
    assert set(made) == set(STATES)
    return made


def test_the_filter_and_the_word_agree_for_every_state(environment):
    made = one_of_each(environment)
    states = watch_states(made.values(), NOW)
    facet = WatchFacet()
    for word, deployment in made.items():
        assert states[deployment.pk].state == word
        assert list(facet.narrow(Deployment.objects.all(), "verdict", word)) == [deployment]


def test_what_has_no_periods_yet_counts_as_watched(environment):
    deployment = DeploymentFactory(environment=environment)
    assert list(WatchFacet().narrow(Deployment.objects.all(), "verdict", "watching")) == [deployment]


def test_an_unknown_verdict_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="Must be one of: pending, watching, healthy"):
        WatchFacet().narrow(Deployment.objects.all(), "verdict", "fine")


def test_a_list_of_deployments_is_described_in_a_fixed_number_of_queries(environment):
    facet = WatchFacet()
    counts = []
    for _ in range(2):
        one_of_each(environment)
        DeploymentFactory(environment=environment)
        rows = list(Deployment.objects.select_related("environment"))
        with CaptureQueriesContext(connection) as queries:
            assert len(facet.describe(rows, now=NOW)) == len(rows)
        counts.append(len(queries))
    assert counts == [3, 3]


def test_a_deployments_answer_carries_watch_and_verdict(client, environment):
    deployment = watched(environment, initial="HEALTHY")
    body = client.ask(f"/deployments/{deployment.pk}").json()
    assert (body["verdict"]["state"], body["watch"]["state"]) == ("healthy", "extended")
    assert body["verdict_url"].endswith(f"/api/v1/deployments/{deployment.pk}/verdict")
    listed = client.ask("/deployments", verdict="healthy").json()["items"]
    assert [item["id"] for item in listed] == [str(deployment.pk)]
    assert client.ask("/deployments", verdict="fine").status_code == 400


def test_the_findings_of_a_deployment_are_those_of_the_verdict_that_decides(environment):
    deployment = watched(environment, "HEALTHY", "DEGRADED")
    assert [finding.verdict.result for finding in findings_of(deployment)] == ["DEGRADED"]
