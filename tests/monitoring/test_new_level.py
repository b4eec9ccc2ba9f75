"""An earlier deployment moved a metric for good: what comes next is compared with how it is since."""

from datetime import timedelta

import pytest

from monitoring import services
from monitoring.models import Verdict
from monitoring.services.evidence import from_json, judge
from tests.factories import DeploymentFactory, FindingFactory, MonitoringPeriodFactory, RulingFactory, VerdictFactory
from tests.monitoring.worlds import World, at

pytestmark = pytest.mark.django_db


def levels(world, *, old, new, now, since=-120, until=0, noise=0.03):
    """A function of the minute: `old`, `new` from `since` to `until`, then `now` from the deployment on."""

    def give(minute):
        base = now if minute >= 0 else new if since <= minute < until else old
        return base * (1 + noise * world.random.standard_normal())

    return give


def moved(world, *, before=220.0, after=100.0, result="IMPROVED", minute=-120, key="metric:p95", reasons=("CHANGED",)):
    """An earlier deployment whose verdict says that it moved the metric."""
    deployment = DeploymentFactory(
        environment=world.environment, finished_at=at(minute), reported_at=at(minute), version="v1.1"
    )
    period = MonitoringPeriodFactory(
        deployment=deployment,
        environment=world.environment,
        opens_at=at(minute),
        closes_at=at(minute + 60),
        ended_at=at(minute + 60),
        status="CLOSED",
        result="HEALTHY" if result == "IMPROVED" else "DEGRADED",
        decided_at=at(minute + 60),
    )
    verdict = VerdictFactory(period=period, is_final=True, result=period.result, looked_at=at(minute + 60))
    FindingFactory(
        verdict=verdict,
        key=key,
        result=result,
        series=world.series_of("p95"),
        facts={"before": before, "after": after, "reasons": list(reasons)},
    )
    return deployment


@pytest.mark.parametrize("now", [130, 190])
def test_what_gives_back_a_part_of_what_was_won_two_hours_ago_is_worse(now):
    world = World().open()
    world.metric("p95", levels(world, old=220, new=100, now=now), since=-4 * 1440, step=5, kind="LATENCY", unit="ms")
    moved(world)
    world.judge(60)
    finding = world.finding("metric:p95")
    assert finding.result == "REGRESSED"
    assert 95 < finding.facts["before"] < 105
    assert "NEW_LEVEL" in finding.facts["reasons"]
    assert (
        "What was before v1.1 is compared at the level that v1.1 brought (220 → 100 ms)."
        in finding.sentence.replace("\u00a0", " ")
    )


def test_what_stays_where_the_last_deployment_brought_it_is_unchanged_and_no_improvement_once_more():
    world = World().open()
    world.metric("p95", levels(world, old=220, new=100, now=100), since=-4 * 1440, step=5, kind="LATENCY", unit="ms")
    moved(world)
    world.judge(60)
    assert world.finding("metric:p95").result == "UNCHANGED"


def test_what_went_back_before_the_deployment_had_not_been_for_good():
    world = World().open()
    series = levels(world, old=220, new=100, now=220, since=-120, until=-60)
    world.metric("p95", series, since=-4 * 1440, step=5, kind="LATENCY", unit="ms")
    moved(world)
    world.judge(60)
    finding = world.finding("metric:p95")
    assert finding.result == "UNCHANGED"
    assert "NEW_LEVEL" not in finding.facts["reasons"]


def test_what_got_worse_and_was_expected_is_how_it_is_now():
    world = World().open()
    world.metric("p95", levels(world, old=100, new=220, now=100), since=-4 * 1440, step=5, kind="LATENCY", unit="ms")
    RulingFactory(deployment=moved(world, before=100.0, after=220.0, result="REGRESSED"), kind="EXPECTED")
    world.judge(60)
    finding = world.finding("metric:p95")
    assert finding.result == "IMPROVED"
    assert "NEW_LEVEL" in finding.facts["reasons"]


@pytest.mark.parametrize("changes", [{"result": "UNCHANGED"}, {"reasons": ["UNSTEADY"]}, {"key": "metric:other"}])
def test_what_was_no_change_of_this_metrics_level_moves_nothing(changes):
    world = World().open()
    world.metric("p95", levels(world, old=220, new=100, now=100), since=-4 * 1440, step=5, kind="LATENCY", unit="ms")
    moved(world, **changes)
    world.judge(60)
    assert "NEW_LEVEL" not in world.finding("metric:p95").facts["reasons"]


def test_a_deployment_of_another_environment_moves_nothing():
    world, other = World().open(), World()
    world.metric("p95", levels(world, old=220, new=100, now=100), since=-4 * 1440, step=5, kind="LATENCY", unit="ms")
    earlier = moved(world)
    earlier.periods.update(environment=other.environment)
    world.judge(60)
    assert "NEW_LEVEL" not in world.finding("metric:p95").facts["reasons"]


def test_judged_again_it_says_the_same_whatever_was_ruled_since():
    world = World().open()
    world.metric("p95", levels(world, old=220, new=100, now=150), since=-4 * 1440, step=5, kind="LATENCY", unit="ms")
    earlier = moved(world)
    world.judge(60)
    earlier.periods.all().delete()
    verdict = world.verdict()
    again = judge(from_json(verdict.inputs))
    assert [finding.sentence for finding in again.findings] == [finding.sentence for finding in verdict.findings.all()]


def test_the_flow_finds_the_first_deployment_to_help_and_the_second_to_undo_it():
    world = World()
    world.deployment.delete()
    first = DeploymentFactory(
        environment=world.environment, finished_at=at(-300), reported_at=at(-300), version="v1.1", started_at=at(-301)
    )
    series = levels(world, old=220, new=100, now=150, since=-300)
    world.metric("p95", series, since=-6 * 1440, step=5, kind="LATENCY", unit="ms", until=180)
    services.open_periods(now=at(-300))
    services.judge_periods(now=at(-240))
    services.judge_periods(now=at(-120))
    helped = Verdict.objects.final().filter(period__deployment=first).first().findings.get(key="metric:p95")
    assert helped.result == "IMPROVED"
    world.deployment = DeploymentFactory(
        environment=world.environment, finished_at=at(0), reported_at=at(0), version="v1.2", started_at=at(-1)
    )
    services.open_periods(now=at(0) + timedelta(seconds=1))
    world.judge(61)
    assert world.finding("metric:p95").result == "REGRESSED"
