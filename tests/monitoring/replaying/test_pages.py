"""The pages: ruling on a deployment, how right the verdicts were, asking for a replay and reading it."""

import pytest
from django.test import Client
from django.urls import reverse

from deployments.models import Role
from monitoring import services
from monitoring.changes import Changes
from monitoring.models import Metric, Replay, Ruling
from tests.factories import (
    DeploymentFactory,
    EnvironmentFactory,
    MembershipFactory,
    MetricFactory,
    ReplayedVerdictFactory,
    ReplayFactory,
    RulingFactory,
    UserFactory,
)
from tests.issues.builders import make_finding, watch
from tests.monitoring.worlds import World, at

pytestmark = pytest.mark.django_db


@pytest.fixture
def finding():
    return make_finding(watch(status="CLOSED", result="FAILED"), key="metric:cpu", name="CPU", result="REGRESSED")


@pytest.fixture
def deployment(finding):
    return finding.verdict.period.deployment


@pytest.fixture
def project(deployment):
    return deployment.project


def sign_in(project, role=Role.RESPONDER, **fields):
    user = MembershipFactory(project=project, role=role, user=UserFactory(**fields)).user
    client = Client()
    client.force_login(user)
    return client


def ruling_url(deployment):
    return reverse("ruling_add", args=[deployment.project.slug, deployment.pk])


def page_of(client, deployment):
    return client.get(reverse("deployment", args=[deployment.project.slug, deployment.pk])).content.decode()


def rule(client, deployment, **given):
    return client.post(ruling_url(deployment), {"kind": "NOT_US", "reason": "A neighbour used the disk"} | given)


# --- ruling -----------------------------------------------------------------------------------------------------------


def test_a_responder_says_on_the_page_whether_the_judge_was_right(project, deployment):
    client = sign_in(project, first_name="Ada", last_name="Lovelace")
    assert "Was the judge right?" in page_of(client, deployment)
    answer = rule(client, deployment)
    assert (answer.status_code, answer["Location"].endswith("#rulings")) == (302, True)
    page = page_of(client, deployment)
    assert "<b>Not us</b>, says Ada Lovelace" in page
    assert "A neighbour used the disk" in page


def test_of_two_who_rule_at_once_the_second_reads_the_first(project, deployment):
    first, second = sign_in(project, first_name="Ada", last_name="Lovelace"), sign_in(project)
    rule(first, deployment, seen="")
    answer = rule(second, deployment, kind="US", reason="A query without its index", seen="")
    page = answer.content.decode()
    assert answer.status_code == 400
    assert "Ada Lovelace has ruled on it meanwhile: not us" in page
    assert "A query without its index" in page
    seen = Ruling.objects.current().get().pk
    assert f'name="seen" value="{seen}"' in page
    assert rule(second, deployment, kind="US", reason="A query without its index", seen=seen).status_code == 302


def test_a_ruling_on_what_is_not_there_says_so(project, deployment):
    for key in ("metric:nothing", "x" * 300):
        answer = rule(sign_in(project), deployment, key=key)
        assert (answer.status_code, "Not saved: " in answer.content.decode()) == (400, True)


def test_each_bad_finding_is_ruled_on_by_itself(project, deployment, finding):
    client = sign_in(project)
    assert "Was this right?" in page_of(client, deployment)
    rule(client, deployment, key=finding.key, kind="EXPECTED")
    assert Ruling.objects.current().get().key == finding.key


def test_a_ruling_can_be_withdrawn(project, deployment):
    client = sign_in(project)
    rule(client, deployment)
    client.post(ruling_url(deployment), {"withdraw": "1", "key": ""})
    assert not Ruling.objects.current().exists()
    assert Ruling.objects.exists()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"reason": ""}, "Say why in a few words"),
        ({"kind": ""}, "Choose one: this was us"),
        ({"kind": "MAYBE"}, "MAYBE"),
        ({"reason": "x" * 501}, "at most 500 characters"),
        ({"key": "metric:nothing"}, "has a finding"),
        ({"key": "x" * 201}, "at most 200 characters"),
        ({"reason": "a\x00b"}, "Null characters"),
    ],
)
def test_what_cannot_be_taken_comes_back_with_its_reason(project, deployment, given, sentence):
    answer = rule(sign_in(project), deployment, **given)
    assert answer.status_code == 400
    assert sentence in answer.content.decode() or given.get("key")
    assert not Ruling.objects.exists()


def test_what_was_typed_is_not_lost(project, deployment):
    answer = rule(sign_in(project), deployment, kind="")
    assert "A neighbour used the disk" in answer.content.decode()


def test_a_viewer_reads_rulings_and_has_no_form(project, deployment):
    RulingFactory(deployment=deployment, reason="No index")
    page = page_of(sign_in(project, Role.VIEWER), deployment)
    assert "No index" in page
    assert 'name="kind"' not in page


def test_a_deployment_without_a_watch_has_nothing_to_rule_on(project, deployment):
    deployment.periods.all().delete()
    assert "Was the judge right?" not in page_of(sign_in(project), deployment)
    assert rule(sign_in(project), deployment).status_code == 400


def test_the_withdrawing_of_an_odd_key_is_no_error(project, deployment):
    assert sign_in(project).post(ruling_url(deployment), {"withdraw": "1", "key": "a\x00b"}).status_code == 302


# --- a dry run --------------------------------------------------------------------------------------------------------


def test_a_dry_run_is_named_on_the_page_and_in_the_lists(project, deployment):
    period = deployment.periods.get()
    period.policy = {**period.policy, "is_dry_run": True}
    period.save()
    client = sign_in(project)
    assert "dry run" in page_of(client, deployment)
    assert "dry run" in client.get(reverse("deployments", args=[project.slug])).content.decode()
    assert "dry run" in client.get(reverse("overview", args=[project.slug])).content.decode()


# --- how right --------------------------------------------------------------------------------------------------------


def verdicts(client, project, **query):
    return client.get(reverse("verdicts", args=[project.slug]), query).content.decode()


def test_the_page_of_verdicts_names_what_was_wrong_and_what_nobody_ruled_on(project, deployment):
    client = sign_in(project, Role.VIEWER)
    page = verdicts(client, project, over="all")
    assert "Nobody has said yet how right the verdicts were" in page
    assert f'id="unruled-{deployment.pk}"' in page
    RulingFactory(deployment=deployment, kind="NOT_US", reason="A neighbour")
    page = verdicts(client, project, over="all")
    assert f'id="wrong-{deployment.pk}"' in page
    assert "too few rulings to say (0 of 1)" in page


def test_a_metric_that_cries_wolf_leads_to_a_replay_with_its_change(project, deployment):
    MetricFactory(project=project, key="cpu", name="CPU")
    for _ in range(2):
        judged = DeploymentFactory(environment=deployment.environment)
        make_finding(watch(judged, status="CLOSED", result="FAILED"), key="metric:cpu", facts={"relative_change": 0.2})
        RulingFactory(deployment=judged, kind="NOT_US")
    page = verdicts(sign_in(project), project, over="all")
    assert "It cries wolf: 2 of 2 times it was not us." in page
    assert "?metric=cpu&amp;least_change=25#changes" in page


@pytest.mark.parametrize("query", [{"over": "x"}, {"environment": "moon"}, {"over": "90", "environment": "\x00"}])
def test_an_odd_address_is_no_error(project, query):
    assert sign_in(project).get(reverse("verdicts", args=[project.slug]), query).status_code == 200


def test_before_any_verdict_the_page_says_what_will_be_there():
    project = EnvironmentFactory().project
    page = verdicts(sign_in(project), project)
    assert "No verdict has been reached yet" in page
    assert "will be said here" in page


# --- replays ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def world():
    world = World().open()
    world.check()
    world.metric("checkout_p95", world.noisy(310, 450), kind="LATENCY", unit="ms")
    world.judge(60)
    return world


def ask(client, project, **given):
    return client.post(reverse("replays", args=[project.slug]), given)


def test_a_replay_is_asked_for_followed_and_read(world):
    project = world.environment.project
    client = sign_in(project)
    answer = ask(client, project, **{"m1-metric": "checkout_p95", "m1-least_change": "90", "environment": "production"})
    assert answer.status_code == 302
    page = client.get(answer["Location"]).content.decode()
    assert "0 of 1 deployment judged once more" in page
    assert 'hx-trigger="every 3s"' in page
    services.run_replays(now=Replay.objects.get().requested_at)
    page = client.get(answer["Location"]).content.decode()
    assert "1 of 1 verdict would have been another: 1 alarm fewer." in page
    assert "hx-trigger" not in page.partition("<main")[2]
    assert "Checkout_p95: least change 90\u00a0%" in page


def test_the_form_takes_each_change(world):
    project = world.environment.project
    given = {
        "chance_limit": "0.4", "settle_seconds": "3 min", "baseline_seconds": "7 d", "as_configured": "on",
        "m1-metric": "checkout_p95", "m1-least_change_absolute": "5", "m1-hard_limit": "none", "m1-is_critical": "yes",
        "m1-is_muted": "no", "m1-must_have_data": "no",
    }  # fmt: skip
    assert ask(sign_in(project), project, **given).status_code == 302
    changes = Changes.from_json(Replay.objects.get().changes)
    assert changes.policy == {"chance_limit": 0.004, "settle_seconds": 180, "baseline_seconds": 604_800}
    assert changes.metrics == {
        "checkout_p95": {
            "least_change_absolute": 5.0, "hard_limit": None, "is_critical": True, "is_muted": False,
            "must_have_data": False,
        }
    }  # fmt: skip
    assert changes.configured["checkout_p95"]["is_muted"] is False


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"chance_limit": "50"}, "less than or equal to 5"),
        ({"chance_limit": "nan"}, "Write a number"),
        ({"settle_seconds": "soon"}, "soon"),
        ({"environment": "moon"}, "Select a valid choice"),
        ({"m1-metric": "nothing"}, "There is no metric nothing in this project."),
        ({"reference": "v1"}, "It is no longer to be had here"),
        ({"m1-least_change": "20"}, "Choose the metric that this is about"),
        ({"m1-metric": "checkout_p95"}, "Say what to change of it"),
        ({"m1-metric": "checkout_p95", "m1-hard_limit": "low"}, "Write a number such as 2.5, or none."),
        ({"m1-metric": "checkout_p95", "m1-hard_limit": "inf"}, "Write a number such as 2.5, or none."),
        (
            {"m1-metric": "checkout_p95", "m1-is_muted": "yes", "m2-metric": "checkout_p95", "m2-is_muted": "no"},
            "It stands in a row above already.",
        ),
    ],
)
def test_what_cannot_be_replayed_is_refused_beside_its_field(world, given, sentence):
    project = world.environment.project
    answer = ask(sign_in(project), project, **given)
    assert answer.status_code == 400
    assert sentence in answer.content.decode()
    assert not Replay.objects.exists()


def test_a_second_replay_is_refused_with_the_way_out(world):
    project = world.environment.project
    client = sign_in(project)
    ask(client, project)
    answer = ask(client, project, chance_limit="2")
    assert answer.status_code == 400
    assert "still runs. Wait for it, or stop it." in answer.content.decode()


def test_a_button_that_was_pressed_twice_leads_to_the_replay_that_runs(world):
    project = world.environment.project
    client = sign_in(project)
    given = {"m1-metric": "checkout_p95", "m1-least_change": "30", "environment": "production", "as_configured": "on"}
    first, second = ask(client, project, **given), ask(client, project, **given)
    assert first["Location"] == second["Location"]
    assert ask(client, project, **given | {"environment": ""}).status_code == 400
    assert ask(sign_in(project), project, **given).status_code == 400
    assert Replay.objects.count() == 1


def test_when_it_is_done_nothing_more_is_promised(world):
    project = world.environment.project
    client = sign_in(project)
    answer = ask(client, project)
    services.run_replays(now=Replay.objects.get().requested_at)
    page = client.get(answer["Location"]).content.decode()
    assert "No deployment would have had another verdict." in page
    assert "so far" not in page
    assert "the same deployment in both columns" in page
    assert "Nothing changed but perhaps the judge." in page


def test_the_form_opens_with_what_the_address_suggests(project):
    MetricFactory(project=project, key="cpu", name="CPU")
    url = reverse("replays", args=[project.slug])
    page = sign_in(project).get(url, {"metric": "cpu", "least_change": "25"}).content.decode()
    assert 'name="m1-metric" value="cpu"' in page
    assert '<option value="cpu">' in page
    assert 'value="25"' in page
    assert sign_in(project).get(url, {"metric": "\x00", "least_change": "x" * 5000}).status_code == 200


def test_more_metrics_make_more_rows_and_lose_nothing_that_was_typed(world):
    project = world.environment.project
    client = sign_in(project)
    typed = {
        "rows": "3",
        "chance_limit": "0.4",
        "as_configured": "on",
        "m3-metric": "checkout_p95",
        "m3-is_muted": "yes",
    }
    answer = ask(client, project, more="1", **typed)
    page = answer.content.decode()
    assert answer.status_code == 200
    assert not Replay.objects.exists()
    assert [page.count(f'name="m{number}-metric"') for number in (1, 6, 7)] == [1, 1, 0]
    for kept in ('value="0.4"', 'name="m3-metric" value="checkout_p95"', '<option value="yes" selected>', " checked"):
        assert kept in page
    assert "Not saved yet" not in page
    assert ask(client, project, **typed | {"rows": "6"}).status_code == 302
    assert Changes.from_json(Replay.objects.get().changes).metrics == {"checkout_p95": {"is_muted": True}}


def test_any_number_of_metrics_can_be_changed(world):
    project = world.environment.project
    keys = [MetricFactory(project=project, key=f"metric_{number}").key for number in range(1, 13)]
    given = {f"m{number}-metric": key for number, key in enumerate(keys, 1)}
    given |= {f"m{number}-is_muted": "yes" for number in range(1, 13)}
    assert ask(sign_in(project), project, **given).status_code == 302
    assert set(Changes.from_json(Replay.objects.get().changes).metrics) == set(keys)


@pytest.mark.parametrize("rows", ["", "-1", "nine", "9" * 5000, "\u0663", "9999"])
def test_an_odd_number_of_rows_is_no_error(project, rows):
    page = ask(sign_in(project), project, more="1", rows=rows)
    assert page.status_code == 200
    assert page.content.decode().count('-hard_limit"') <= 200 * 3


def test_a_reference_is_chosen_among_those_that_can_be_pinned(world):
    project = world.environment.project
    reference = DeploymentFactory(environment=world.environment, version="v0", finished_at=at(-3000))
    policy = world.environment.policy
    policy.reference = reference
    policy.save()
    client = sign_in(project)
    assert (
        f'<option value="{reference.pk}">v0 in production</option>'
        in client.get(reverse("replays", args=[project.slug])).content.decode()
    )
    refused = ask(client, project, reference=str(reference.pk))
    assert "Choose the environment that it went to" in refused.content.decode()
    answer = ask(client, project, reference=str(reference.pk), environment="production")
    assert "Compared with v0" in client.get(answer["Location"]).content.decode()


def test_a_viewer_has_no_form(project):
    page = sign_in(project, Role.VIEWER).get(reverse("replays", args=[project.slug])).content.decode()
    assert "<form class" not in page.partition("<main")[2]


def test_a_replay_is_stopped(project, deployment):
    replay = ReplayFactory(project=project, total=3)
    client = sign_in(project)
    client.post(reverse("replay_stop", args=[project.slug, replay.pk]))
    page = client.get(reverse("replay", args=[project.slug, replay.pk])).content.decode()
    assert "It was stopped" in page


def test_a_failed_replay_says_why(project):
    replay = ReplayFactory(project=project, status="FAILED", error="Postdeploy was upgraded while it ran.")
    page = sign_in(project).get(reverse("replay", args=[project.slug, replay.pk])).content.decode()
    assert "The replay failed" in page
    assert "upgraded while it ran" in page


def test_what_could_not_be_judged_stands_apart_with_its_reason(project, deployment):
    replay = ReplayFactory(project=project, status="DONE", total=1)
    ReplayedVerdictFactory(replay=replay, deployment=deployment, result_now="", problem="The samples are gone.")
    page = sign_in(project).get(reverse("replay", args=[project.slug, replay.pk])).content.decode()
    assert "Could not be judged once more" in page
    assert "The samples are gone." in page


def test_a_maintainer_switches_on_what_was_tried(project, deployment):
    MetricFactory(project=project, key="cpu", least_change=0.1)
    replay = ReplayFactory(project=project, status="DONE", changes={"metrics": {"cpu": {"least_change": 0.3}}})
    url = reverse("replay_switch_on", args=[project.slug, replay.pk])
    maintainer = sign_in(project, Role.MAINTAINER)
    assert "Switch it on" in maintainer.get(reverse("replay", args=[project.slug, replay.pk])).content.decode()
    assert sign_in(project).post(url).status_code == 403
    maintainer.post(url)
    assert Metric.objects.get(key="cpu").least_change == 0.3
    page = maintainer.get(reverse("replay", args=[project.slug, replay.pk])).content.decode()
    assert "Switched on" in page
    assert "Switch it on" not in page
