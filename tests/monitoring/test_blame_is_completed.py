"""A bad verdict stands at once; who may have caused it is completed when its period ends, with what came late."""

import pytest

from monitoring import services
from monitoring.models import Verdict
from monitoring.services import judging
from support.models import Notification
from support.services import announce_verdicts
from tests.factories import ChannelFactory, DeploymentFactory
from tests.monitoring.worlds import World, at

pytestmark = pytest.mark.django_db


def failed_world(up=lambda minute: not 10 <= minute < 30):
    """v2 went live at 12:00 and failed at 12:12; the checkout was down for 20 minutes."""
    world = World().open()
    check = world.check(up=up)
    outage = world.outage(check, began=10)
    world.judge(12.5)
    outage.ended_at = at(30)
    outage.save()
    assert world.verdict().result == "FAILED"
    assert world.verdict().blame == []
    return world


def reported(world, *, began, live, late, version):
    """A deployment that is only reported at minute `late`."""
    row = DeploymentFactory(
        environment=world.environment,
        started_at=at(began),
        finished_at=at(live),
        reported_at=at(late),
        version=version,
    )
    services.open_periods(now=at(late))
    return row


def blamed(world):
    return [part["deployment"] for part in world.verdict().blame]


def test_a_predecessor_that_is_reported_late_is_named_when_the_period_ends():
    world = failed_world()
    earlier = reported(world, began=-12, live=-10, late=20, version="v1.9")
    world.judge(40)
    assert blamed(world) == []
    world.judge(60)
    assert blamed(world) == [str(world.deployment.pk), str(earlier.pk)]
    verdict = world.verdict()
    assert (verdict.result, verdict.looked_at) == ("FAILED", at(12.5))
    assert "v1.9" in verdict.sentence
    assert "SHARED_BLAME" in verdict.reasons
    assert [part["deployment"] for part in verdict.findings.first().facts["blame"]] == blamed(world)


def test_a_successor_that_is_reported_late_is_named_at_once_since_it_ends_the_period():
    world = failed_world()
    later = reported(world, began=7, live=9, late=20, version="v3")
    world.judge(21)
    assert (world.period().status, world.period().next_look_at) == ("SUPERSEDED", None)
    assert str(later.pk) in blamed(world)
    assert world.verdict().result == "FAILED"


def test_it_is_completed_once_and_told_once():
    world = failed_world()
    channel = ChannelFactory(project=world.environment.project, hears_from_at=at(-60))
    announce_verdicts(now=at(13))
    told = Notification.objects.filter(channel=channel).count()
    assert told == 1
    verdicts = Verdict.objects.count()
    reported(world, began=7, live=9, late=20, version="v3")
    assert world.judge(21) >= 1
    before = world.verdict().blame
    world.judge(22)
    announce_verdicts(now=at(23))
    assert world.verdict().blame == before
    assert Verdict.objects.filter(period__deployment=world.deployment).count() == verdicts
    assert Notification.objects.filter(channel=channel, deployment=world.deployment).count() == told


def test_judged_again_it_says_the_same():
    world = failed_world()
    reported(world, began=7, live=9, late=20, version="v3")
    world.judge(21)
    assert services.judge_again(world.verdict()).sentence == world.verdict().sentence


def test_where_nothing_came_late_nothing_changes():
    world = failed_world()
    before = world.verdict()
    world.judge(60)
    after = world.verdict()
    assert (after.pk, after.sentence, after.inputs) == (before.pk, before.sentence, before.inputs)


def test_a_verdict_of_another_judge_stays_as_it_was_said(monkeypatch):
    world = failed_world()
    monkeypatch.setattr(judging, "RULE_VERSION", "99")
    reported(world, began=7, live=9, late=20, version="v3")
    world.judge(21)
    assert blamed(world) == []


def test_without_its_samples_the_blame_stays_as_it_was_said():
    world = failed_world()
    series = world.verdict().findings.first().series
    world.fill(series, 0.0, -30, -20, 1.0)
    Verdict.objects.filter(pk=world.verdict().pk).update(
        inputs={
            **world.verdict().inputs,
            "checks": [{**row, "digest": "x"} for row in world.verdict().inputs["checks"]],
        }
    )
    reported(world, began=7, live=9, late=20, version="v3")
    world.judge(21)
    assert blamed(world) == []
    assert world.period().next_look_at is None


def test_a_degraded_verdict_that_is_cut_short_later_stays_what_it_was():
    world = World().open()
    world.metric("p95", lambda minute: world.noisy(310, 310)(minute) * (2 if minute >= 5 else 1), kind="LATENCY")
    for minutes in (4, 8, 15, 30):
        world.judge(minutes)
    assert world.verdict().result == "DEGRADED"
    looked_at = world.verdict().looked_at
    later = reported(world, began=4, live=4.5, late=32, version="v3")
    world.judge(33)
    assert (world.verdict().result, world.verdict().looked_at) == ("DEGRADED", looked_at)
    assert str(later.pk) in blamed(world)
