"""Replays over the API: asked for, followed, read, stopped; what cannot be is refused by its field."""

import uuid

import pytest

from monitoring import services
from monitoring.changes import Changes
from monitoring.models import Replay
from tests.api_client import ApiClient
from tests.factories import (
    ApiTokenFactory,
    DeploymentFactory,
    ReplayedVerdictFactory,
    ReplayFactory,
    RulingFactory,
)
from tests.monitoring.worlds import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def world():
    """A deployment whose watch found one metric worse."""
    world = World().open()
    world.check()
    world.metric("checkout_p95", world.noisy(310, 450), kind="LATENCY", unit="ms")
    world.judge(60)
    return world


@pytest.fixture
def project(world):
    return world.environment.project


@pytest.fixture
def api(project):
    return ApiClient(ApiTokenFactory(project=project))


def ask(api, project, **changes):
    return api.send("/replays", {"project": project.slug} | changes)


def test_a_replay_is_asked_for_and_its_result_is_read(api, project, world):
    RulingFactory(deployment=world.deployment, kind="NOT_US", reason="A neighbour")
    made = ask(api, project, environment="production", metrics={"checkout_p95": {"least_change": 0.9}})
    assert made.status_code == 201
    replay = made.json()
    assert (replay["status"], replay["total"], replay["environment"]) == ("waiting", 1, "production")
    assert replay["changes"] == ["checkout_p95: least change 90\u00a0%"]
    assert api.ask(f"/replays/{replay['id']}").json()["done"] == 0
    services.run_replays(now=Replay.objects.get().requested_at)
    result = api.ask(f"/replays/{replay['id']}").json()
    assert (result["status"], result["done"], result["judged"], result["changed"]) == ("done", 1, 1, 1)
    assert [result[side]["called_worse"] for side in ("then", "now")] == [1, 0]
    assert [result[side]["false_alarms"] for side in ("then", "now")] == [1, 0]
    assert result["then"]["precision"] | {"interval": ...} == {
        "hits": 0, "of": 1, "is_enough": False, "value": 0.0, "interval": ...
    }  # fmt: skip
    assert result["now"]["precision"]["value"] is None
    (row,) = api.ask(f"/replays/{replay['id']}/verdicts").json()["items"]
    assert (row["then"], row["now"], row["ruling"], row["problem"]) == ("degraded", "healthy", "not_us", "")
    assert row["deployment"] == str(world.deployment.pk)
    (difference,) = row["differences"]
    assert (difference["finding"], difference["then"], difference["now"]) == (
        "metric:checkout_p95", "regressed", "unchanged",
    )  # fmt: skip


def test_each_change_arrives(api, project, world):
    given = {"chance_limit": 0.004, "settle_seconds": 0, "baseline_seconds": 604_800, "as_configured": True}
    fields = {
        "least_change": 0.0, "least_change_absolute": None, "hard_limit": None, "is_critical": True, "is_muted": False,
        "must_have_data": False,
    }  # fmt: skip
    asked = {"environment": "production", "reference": str(world.deployment.pk), "metrics": {"checkout_p95": fields}}
    assert ask(api, project, **given, **asked).status_code == 201
    changes = Changes.from_json(Replay.objects.get().changes)
    assert changes.policy == {"chance_limit": 0.004, "settle_seconds": 0, "baseline_seconds": 604_800}
    assert (changes.reference, changes.reference_version) == (str(world.deployment.pk), "v2")
    assert changes.metrics == {"checkout_p95": fields}
    assert changes.configured["checkout_p95"]["is_muted"] is False


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"chance_limit": 0.9}, "/chance_limit"),
        ({"chance_limit": "nan"}, "/chance_limit"),
        ({"settle_seconds": -1}, "/settle_seconds"),
        ({"environment": "moon"}, "/environment"),
        ({"reference": "v1"}, "/reference"),
        ({"reference": str(uuid.uuid4()), "environment": "production"}, "/reference"),
        ({"metrics": {"nothing": {"is_muted": True}}}, "/metrics"),
        ({"metrics": {"checkout_p95": {"is_muted": 1}}}, "/metrics/checkout_p95/is_muted"),
        ({"metrics": {"checkout_p95": {"colour": 1}}}, "/metrics/checkout_p95/colour"),
        ({"metrics": {"checkout_p95": 5}}, "/metrics/checkout_p95"),
        ({"metrics": []}, "/metrics"),
        ({"metrics": {"checkout_p95": {"hard_limit": 1e308}}}, "/metrics"),
        ({"metrics": {"a\u0000b": {"is_muted": True}}}, "/metrics/a\ufffdb"),
        ({"metrics": {f"m{number}": {"is_muted": True} for number in range(201)}}, "/metrics"),
        ({"colour": 1}, "/colour"),
    ],
)
def test_what_cannot_be_is_refused_by_its_field(api, project, given, pointer):
    refused = ask(api, project, **given)
    assert refused.status_code == 400, refused.content
    assert pointer in [error["pointer"] for error in refused.json()["errors"]]
    assert not Replay.objects.exists()


def test_a_second_replay_waits_for_the_first(api, project):
    assert ask(api, project).status_code == 201
    refused = ask(api, project)
    assert (refused.status_code, refused.json()["code"]) == (409, "still_running")
    stopped = api.send(f"/replays/{Replay.objects.get().pk}/stop")
    assert stopped.json()["status"] == "stopped"
    assert ask(api, project).status_code == 201
    again = api.send(f"/replays/{stopped.json()['id']}/stop")
    assert (again.status_code, again.json()["status"]) == (200, "stopped")


def test_before_any_watch_has_ended_there_is_nothing_to_judge():
    token = ApiTokenFactory()
    refused = ask(ApiClient(token), token.project)
    assert (refused.status_code, refused.json()["code"]) == (409, "nothing_to_judge")


def test_the_list_holds_the_project_s_own_the_latest_first_and_has_pages(api, project):
    made = [ReplayFactory(project=project, status="DONE").pk for _ in range(3)]
    ReplayFactory()
    page = api.ask("/replays", limit=2).json()
    assert [row["id"] for row in page["items"]] == made[:0:-1]
    rest = api.ask("/replays", limit=2, cursor=page["next"]).json()
    assert ([row["id"] for row in rest["items"]], rest["next"]) == (made[:1], None)


def test_the_deployments_of_a_replay_can_be_narrowed(api, project, world):
    replay = ReplayFactory(project=project, status="DONE", total=3)
    rows = {
        "changed": ReplayedVerdictFactory(replay=replay, result_then="DEGRADED", result_now="HEALTHY"),
        "same": ReplayedVerdictFactory(replay=replay, result_then="HEALTHY", result_now="HEALTHY"),
        "problems": ReplayedVerdictFactory(replay=replay, result_now="", problem="Its samples are gone."),
    }
    for which in ("changed", "problems"):
        (row,) = api.ask(f"/replays/{replay.pk}/verdicts", which=which).json()["items"]
        assert row["deployment"] == str(rows[which].deployment_id)
    assert row["now"] is None
    assert len(api.ask(f"/replays/{replay.pk}/verdicts").json()["items"]) == 3
    assert api.ask(f"/replays/{replay.pk}/verdicts", which="odd").status_code == 400


def test_a_page_of_deployments_costs_as_many_queries_however_long_it_is(
    api, project, django_assert_num_queries, django_assert_max_num_queries
):
    replay = ReplayFactory(project=project, status="DONE")
    address = f"/replays/{replay.pk}/verdicts"
    ReplayedVerdictFactory(replay=replay, deployment=DeploymentFactory())
    api.ask(address)  # the token notes its first use
    with django_assert_max_num_queries(20) as few:
        api.ask(address)
    for _ in range(5):
        RulingFactory(deployment=ReplayedVerdictFactory(replay=replay, deployment=DeploymentFactory()).deployment)
    with django_assert_num_queries(len(few)):
        api.ask(address)


@pytest.mark.parametrize("address", ["/replays/{}", "/replays/{}/verdicts"])
@pytest.mark.parametrize("pk", [0, 2**63, 10**30])
def test_a_replay_that_is_not_there_is_not_found(api, address, pk):
    assert api.ask(address.format(pk)).status_code == 404
