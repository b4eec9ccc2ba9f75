"""The gate: what is known of a deployment, for pipelines that wait; and the same words on deployments."""

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from deployments.models import ApiToken, Deployment
from monitoring.api import BlameOutput, FindingOutput, GateOutput
from monitoring.facets import STATES, WatchFacet, WatchOutput
from monitoring.models import Finding, Verdict
from monitoring.selectors import findings_of, watch_states
from monitoring.watch import decide
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
    (finding,) = body["findings"]
    assert (finding["key"], finding["name"], finding["result"]) == ("metric:p95", "Checkout p95", "regressed")
    assert finding["sentence"] == "Checkout p95 rose 310 → 450 ms."
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
    assert "Content-Type" not in again  # caches take what a 304 says over into what they hold
    client.get(f"/api/v1/deployments/{deployment.pk}/verdict")  # notes the token: from here on the short way
    assert "Content-Type" not in ask_again(client, deployment, etag)
    assert "Retry-After" in again
    period = deployment.periods.get(stage="INITIAL")
    VerdictFactory(period=period, sentence="One check is failing.")
    assert (
        client.get(f"/api/v1/deployments/{deployment.pk}/verdict", headers={"If-None-Match": etag}).status_code == 200
    )


def test_each_question_has_an_etag_of_its_own(client, environment):
    deployment = watched(environment, initial="HEALTHY")
    assert gate(client, deployment, until="initial")["ETag"] != gate(client, deployment, until="extended")["ETag"]


def ask_again(client, deployment, etag, **query):
    return client.get(f"/api/v1/deployments/{deployment.pk}/verdict", query, headers={"If-None-Match": etag})


def test_asking_is_cheap(client, environment, django_assert_num_queries):
    deployment = watched(environment, initial="DEGRADED")
    etag = gate(client, deployment)["ETag"]
    with django_assert_num_queries(2):  # token and deployment with its watch, findings
        assert gate(client, deployment).status_code == 200
    with django_assert_num_queries(1):
        assert ask_again(client, deployment, etag).status_code == 304


def test_the_short_way_to_304_refuses_what_the_long_way_refuses(client, environment):
    deployment = watched(environment, initial="DEGRADED")
    etag = gate(client, deployment)["ETag"]
    assert ask_again(client, deployment, etag, until="tomorrow").status_code == 400
    assert ask_again(client, DeploymentFactory(), etag).status_code == 404
    other = ApiClient(ApiTokenFactory(project=environment.project, scopes=["metrics:write"]))
    assert ask_again(other, deployment, etag).status_code == 403
    client.token.revoked_at = NOW
    client.token.save()
    assert ask_again(client, deployment, etag).status_code == 401
    assert ask_again(ApiClient(client.token, Authorization=""), deployment, etag).status_code == 401


@pytest.mark.parametrize("facts", [{}, {"reasons": ["CHANGED", "SHARED_BLAME"], "rarity": [1, 140], "unit": "ms"}])
def test_the_short_way_and_the_long_way_answer_the_same(client, environment, facts):
    deployment = watched(environment, initial="DEGRADED")
    Finding.objects.update(facts=facts)
    Verdict.objects.update(blame=[{"deployment": str(deployment.pk), "share": 1.0, "because": [], "apart": None}])
    long = gate(client, deployment)  # nobody has noted a use of this token before
    assert ApiToken.objects.get().latest_use_at
    short = gate(client, deployment)
    kept = {"ETag", "Cache-Control", "Vary", "Content-Type"}
    assert short.content == long.content
    assert {name: short[name] for name in kept} == {name: long[name] for name in kept}


def test_a_refusal_says_what_can_be_asked_for(client, environment):
    deployment = watched(environment)
    refused = gate(client, deployment, until="INITIAL").json()
    assert refused["errors"][0]["detail"] == "Must be one of: initial, extended."


def test_a_304_still_notes_that_the_token_is_in_use(client, environment):
    deployment = watched(environment, initial="DEGRADED")
    etag = gate(client, deployment)["ETag"]
    before = NOW - timedelta(hours=1)
    ApiToken.objects.update(latest_use_at=before)
    assert ask_again(client, deployment, etag).status_code == 304
    assert ApiToken.objects.get().latest_use_at > before


@pytest.mark.parametrize(
    ("initial", "decision"),
    [
        ("OPEN", "wait"),
        ("HEALTHY", "go"),
        ("DEGRADED", "stop"),
        ("FAILED", "stop"),
        ("INCONCLUSIVE", "stop"),
        ("BLIND", "stop"),
        ("SUPERSEDED", "stop"),
    ],
)
def test_only_a_healthy_deployment_may_go_on(client, environment, initial, decision):
    body = gate(client, watched(environment, initial=initial)).json()
    assert (body["decision"], body["is_dry_run"]) == (decision, False)
    assert body["decision_reason"].endswith(".")


@pytest.mark.parametrize(
    ("status", "decision"), [("PENDING", "wait"), ("RUNNING", "wait"), ("FAILED", "stop"), ("CANCELLED", "stop")]
)
def test_what_is_not_live_is_waited_for_or_stopped(client, environment, status, decision):
    assert gate(client, DeploymentFactory(environment=environment, status=status)).json()["decision"] == decision


def test_every_state_has_a_decision(environment):
    for word, deployment in one_of_each(environment).items():
        decision, why = decide(watch_states([deployment], NOW)[deployment.pk], is_dry_run=False)
        assert decision == {"healthy": "go", "pending": "wait", "watching": "wait"}.get(word, "stop")
        assert why


def test_whoever_was_replaced_is_told_by_whom(client, environment):
    deployment = watched(environment, "SUPERSEDED", "SUPERSEDED")
    successor = DeploymentFactory(environment=environment, version="v2")
    deployment.periods.update(superseded_by=successor)
    body = gate(client, deployment).json()
    assert body["sentence"] == "v2 replaced it before a verdict was reached."
    assert "v2 took its place" in body["decision_reason"]


def test_a_dry_run_stops_nobody_and_says_what_it_would_have_said(client, environment):
    MonitoringPolicyFactory(environment=environment, is_dry_run=True)
    undecided = gate(client, DeploymentFactory(environment=environment)).json()
    assert (undecided["decision"], undecided["state"], undecided["is_dry_run"]) == ("go", "watching", True)
    failed = watched(environment, initial="FAILED")
    failed.periods.update(policy={"is_dry_run": True})
    body = gate(client, failed).json()
    assert (body["decision"], body["state"], body["is_final"]) == ("go", "failed", True)


def test_a_period_keeps_the_policy_that_it_opened_with(client, environment):
    deployment = watched(environment, initial="FAILED")
    deployment.periods.update(policy={"is_dry_run": False})
    MonitoringPolicyFactory(environment=environment, is_dry_run=True)
    assert gate(client, deployment).json()["decision"] == "stop"


# --- findings ---------------------------------------------------------------------------------------------------------


def test_a_finding_carries_its_numbers(client, environment):
    deployment = watched(environment, initial="DEGRADED")
    facts = {
        "unit": "ms", "before": 310.0, "after": 450.0, "change": 140.0, "change_low": 96.0, "change_high": 180.0,
        "relative_change": 0.45, "relative_low": 0.31, "relative_high": 0.58, "score": 7.5, "chance": 0.002,
        "rarity": [1, 140], "smallest_visible_change": 12.0, "minutes_to_settle": None, "coverage_before": 1.0,
        "coverage_after": 0.9, "reasons": ["HARD_LIMIT", "CHANGED"], "is_muted": True,
    }  # fmt: skip
    Finding.objects.update(facts=facts | {"picture": {"ordinary": [1.0] * 100}, "because": ["step"]})
    (finding,) = gate(client, deployment).json()["findings"]
    assert finding == {
        **facts,
        "key": "metric:p95",
        "name": "Checkout p95",
        "result": "regressed",
        "is_critical": False,
        "sentence": "Checkout p95 rose 310 → 450 ms.",
        "reasons": ["hard_limit", "changed"],
        "rarity": {"count": 1, "moments": 140},
    }


def test_a_finding_of_an_old_record_has_no_numbers_and_is_no_error(client, environment):
    deployment = watched(environment, initial="DEGRADED")
    Finding.objects.update(facts={})
    (finding,) = gate(client, deployment).json()["findings"]
    assert (finding["before"], finding["rarity"], finding["reasons"], finding["unit"]) == (None, None, [], "")


def test_what_was_not_watched_is_named(client, environment):
    deployment = watched(environment, initial="INCONCLUSIVE")
    verdict = deployment.periods.get(stage="INITIAL").verdicts.get()
    FindingFactory(verdict=verdict, key="metric:memory", name="Memory", result="NO_DATA", sentence="Memory: no data.")
    assert gate(client, deployment).json()["not_watched"] == [
        {"key": "metric:memory", "name": "Memory", "why": "no data."}
    ]


def test_who_else_may_have_caused_it_is_told_by_name_only_within_the_project(client, environment):
    deployment, ours = watched(environment, initial="DEGRADED"), DeploymentFactory(environment=environment)
    theirs = DeploymentFactory(version="v-secret")
    reason = {"code": "AFTER", "seconds": 40.0, "what": ""}
    named = {"code": "PART", "seconds": None, "what": "checkout-db"}
    blame = [
        {"deployment": str(row.pk), "share": share, "because": [reason, named], "apart": 60.0}
        for row, share in ((deployment, 0.5), (ours, 0.3), (theirs, 0.2))
    ]
    Verdict.objects.update(blame=blame)
    Finding.objects.update(facts={"reasons": ["CHANGED", "SHARED_BLAME"]})
    body = gate(client, deployment).json()
    assert [(row["version"], row["is_this"], row["share"]) for row in body["blame"]] == [
        (deployment.version, True, 0.5),
        (ours.version, False, 0.3),
        (None, False, 0.2),
    ]
    assert body["blame"][1]["because"] == [
        f"it began 40\u00a0s after {ours.version} went live",
        "checkout-db is what it changed",
    ]
    assert body["blame"][2]["because"] == ["it began 40\u00a0s after another deployment went live"]
    assert set(body["blame"][0]) == set(BlameOutput().fields)
    assert str(theirs.pk) not in str(body)
    assert "v-secret" not in str(body)


def test_without_another_deployment_there_is_no_blame(client, environment):
    assert gate(client, watched(environment, initial="DEGRADED")).json()["blame"] == []


def test_the_answer_is_what_its_description_says(client, environment):
    deployment = watched(environment, initial="DEGRADED")
    gate(client, deployment)
    body = gate(client, deployment).json()
    assert set(body) == set(GateOutput().fields)
    assert set(body["findings"][0]) == set(FindingOutput().fields)
    assert set(body["watch"]) == set(WatchOutput().fields)


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
