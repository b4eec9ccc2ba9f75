"""`manage.py replay`: the same replay in the foreground."""

import json

import pytest
from django.core.management import CommandError, call_command

from monitoring.models import Replay
from tests.factories import RulingFactory
from tests.monitoring.worlds import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def world():
    world = World().open()
    world.check()
    world.metric("checkout_p95", world.noisy(310, 450), kind="LATENCY", unit="ms")
    world.judge(60)
    RulingFactory(deployment=world.deployment, kind="NOT_US", reason="A neighbour")
    return world


def run(capsys, world, *arguments):
    call_command("replay", world.environment.project.slug, *arguments)
    return capsys.readouterr().out


def test_it_prints_what_would_have_been_different_and_how_right_that_is(capsys, world):
    out = run(capsys, world, "--least-change", "checkout_p95=0.9", "--environment", "production")
    lines = [line.split() for line in out.splitlines()]
    assert out.startswith("1 of 1 verdict would have been another: 1 alarm fewer.\n")
    assert "checkout_p95: least change 90\u00a0%" in out
    assert ["called", "worse", "1", "0"] in lines
    assert ["false", "alarms", "1", "0"] in lines
    assert ["v2", "production", "DEGRADED", "HEALTHY", "a", "false", "alarm", "fewer"] in lines
    assert Replay.objects.get().status == "DONE"


def test_it_prints_json_for_programs(capsys, world):
    found = json.loads(run(capsys, world, "--mute", "checkout_p95", "--json"))
    assert found["changes"]["metrics"] == {"checkout_p95": {"is_muted": True}}
    (row,) = found["deployments"]
    assert (row["then"], row["now"], row["ruling"], row["problem"]) == ("degraded", "healthy", "not_us", "")
    assert found["then"]["precision"]["of"] == 1
    assert found["then"]["precision"]["is_enough"] is False


def test_with_nothing_changed_everything_is_the_same(capsys, world):
    assert run(capsys, world).startswith("The verdict would have been the same.\n")


def test_metrics_can_be_judged_as_they_are_configured_now(capsys, world):
    world.environment.project.metrics.update(is_muted=True)
    assert "HEALTHY" in run(capsys, world, "--as-configured")


def test_a_reference_is_named_by_its_version(capsys, world):
    out = run(capsys, world, "--reference", "v1", "--environment", "production")
    assert "compared with v1." in out
    assert "v2 in production: Of 7\u00a0d under v1 23\u00a0h 57\u00a0min are still kept." in out
    assert "compared with the hours before." in run(capsys, world, "--reference", "before")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--environment", "moon"], "There is no environment 'moon'"),
        (["--least-change", "checkout_p95"], "such as checkout_p95=0.2"),
        (["--least-change", "nothing=0.2"], "There is no metric “nothing” in this project. There are: checkout_p95."),
        (["--mute", "checkout_p95", "--unmute", "checkout_p95"], "--mute and --unmute of checkout_p95"),
        (["--chance-limit", "0.9"], "less than or equal to 0.05"),
        (["--chance-limit", "nan"], "--chance-limit: It must be a number"),
        (["--reference", "v1"], "--reference wants --environment"),
        (["--reference", "v9", "--environment", "production"], "No 'v9' went live in production"),
    ],
)
def test_what_cannot_be_is_one_sentence(world, arguments, sentence):
    with pytest.raises(CommandError, match=sentence):
        call_command("replay", world.environment.project.slug, *arguments)


def test_an_unknown_project_names_those_there_are(world):
    with pytest.raises(CommandError, match=world.environment.project.slug):
        call_command("replay", "nothing")


def test_a_replay_under_way_is_not_crossed(world):
    Replay.objects.create(
        project=world.environment.project,
        rule_version="1",
        requested_at=world.deployment.finished_at,
        next_step_at=world.deployment.finished_at,
    )
    with pytest.raises(CommandError, match="still runs"):
        call_command("replay", world.environment.project.slug)
