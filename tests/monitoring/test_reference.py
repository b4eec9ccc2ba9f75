"""A pinned reference: a deployment is compared with how it was under another one, instead of the hours before."""

import uuid

import pytest

from monitoring import services
from monitoring.models import Hold, MonitoringPeriod, Outage
from monitoring.services.evidence import from_json
from tests.factories import DeploymentFactory
from tests.monitoring.worlds import World, at

pytestmark = pytest.mark.django_db

DAY = 24 * 60


def reference_in(world, began, replaced, version="v1.0"):
    """A deployment that was live from `began` until `replaced`, when v1.1 came."""
    found = DeploymentFactory(
        environment=world.environment, finished_at=at(began), reported_at=at(began), version=version
    )
    DeploymentFactory(environment=world.environment, finished_at=at(replaced), reported_at=at(replaced), version="v1.1")
    return found


def pinned(began=-6 * DAY, replaced=-2 * DAY, **policy):
    world = World(**policy)
    reference = reference_in(world, began, replaced)
    policy = world.environment.policy
    policy.reference = reference
    policy.save()
    world.open()
    return world, reference


def crept_up(world, *, under=310, since=620, after=620, from_=-2 * DAY):
    """A metric that was at one level until v1.1 came, and at another one since."""

    def at_minute(minute):
        level = under if minute < from_ else since if minute < 0 else after
        return level * (1 + 0.05 * world.random.standard_normal())

    return at_minute


# --- what is compared -------------------------------------------------------------------------------------------------


def test_it_is_compared_with_the_reference_and_not_with_the_hours_before():
    world, _ = pinned()
    world.check()
    world.metric("p95", crept_up(world), since=-7 * DAY, step=5, kind="LATENCY", unit="ms")
    world.judge(60)
    finding = world.finding("metric:p95")
    assert finding.result == "REGRESSED"
    assert finding.facts["before"] == pytest.approx(310, rel=0.1)
    assert world.verdict().sentence.endswith("Compared with v1.0.")


def test_what_is_as_it_was_under_the_reference_is_unchanged_though_the_hours_before_were_better():
    world, _ = pinned()
    world.check()
    world.metric("p95", crept_up(world, since=155, after=310), since=-7 * DAY, step=5, kind="LATENCY", unit="ms")
    world.judge(60)
    assert world.finding("metric:p95").result == "UNCHANGED"
    assert world.verdict().result == "HEALTHY"


def test_the_reference_counts_from_when_it_had_settled_until_the_next_one_began_at_whole_days_before():
    world, reference = pinned()
    world.metric("p95", 1, since=-7 * DAY, step=5)
    world.judge(60)
    kept = world.verdict().inputs["reference"]
    deployed_at = world.verdict().inputs["window"]["deployed_at"]
    assert (kept["deployment"], kept["version"]) == (str(reference.pk), "v1.0")
    assert kept["start"] == at(-6 * DAY + 2).timestamp()
    assert kept["end"] == deployed_at - 2 * DAY * 60
    assert kept["shift"] == 2 * DAY * 60


def test_no_more_of_the_reference_is_used_than_the_policy_compares_with():
    world, _ = pinned(baseline_seconds=2 * 86_400)
    world.metric("p95", 1, since=-7 * DAY, step=5)
    world.judge(60)
    kept = world.verdict().inputs["reference"]
    assert kept["start"] == at(-4 * DAY).timestamp()


def test_what_was_odd_under_the_reference_is_left_out():
    world, _ = pinned()
    check = world.check()
    Outage.objects.create(
        health_check=check, began_at=at(-5 * DAY), confirmed_at=at(-5 * DAY), ended_at=at(-4.5 * DAY), cause="?"
    )
    world.metric("p95", 1, since=-7 * DAY, step=5)
    world.judge(60)
    inputs = world.verdict().inputs
    (outage,) = inputs["reference"]["left_out"]
    assert (outage["kind"], outage["name"]) == ("OUTAGE", check.name)
    evidence = from_json(inputs)
    (span,) = evidence.window_for(evidence.metrics[0]).left_out
    assert span == (at(-3 * DAY).timestamp(), at(-2.5 * DAY).timestamp())
    assert inputs["window"]["left_out"] == []  # of the hours before nothing was used


def test_the_deployment_right_before_may_be_the_reference():
    world = World()
    right_before = DeploymentFactory(
        environment=world.environment, finished_at=at(-3 * DAY), reported_at=at(-3 * DAY), version="v1.1"
    )
    world.environment.policy.reference = right_before
    world.environment.policy.save()
    world.open()
    world.metric("p95", crept_up(world, from_=-3 * DAY), since=-7 * DAY, step=5, kind="LATENCY")
    world.judge(60)
    assert world.finding("metric:p95").result == "UNCHANGED"
    assert world.verdict().inputs["reference"]["shift"] == 0


def test_a_reference_that_lived_for_hours_is_enough():
    world, _ = pinned(began=-3 * DAY, replaced=-3 * DAY + 300)
    world.metric("p95", crept_up(world, from_=-3 * DAY + 300), since=-7 * DAY, step=1, kind="LATENCY")
    world.judge(60)
    assert world.finding("metric:p95").result == "REGRESSED"


# --- when it cannot be used -------------------------------------------------------------------------------------------


def judged_without(world):
    world.metric("p95", world.noisy(310, 310), kind="LATENCY")
    world.judge(60)
    verdict = world.verdict()
    assert verdict.inputs["reference"] is None
    assert "NO_REFERENCE" in verdict.reasons
    assert world.finding("metric:p95").result == "UNCHANGED"
    return verdict.sentence


def test_without_samples_under_it_the_hours_before_are_compared_with_and_that_is_said():
    world, _ = pinned(began=-60 * DAY, replaced=-50 * DAY)
    assert judged_without(world).endswith(
        "Compared with the hours before: v1.0, the pinned reference, has no samples any more."
    )


def test_a_metric_that_is_newer_than_the_reference_is_compared_with_the_hours_before():
    world, _ = pinned()
    world.metric("p95", crept_up(world), since=-7 * DAY, step=5, kind="LATENCY")
    world.metric("orders", world.noisy(40, 40), since=-DAY)
    world.judge(60)
    finding = world.finding("metric:orders")
    assert (finding.result, finding.facts["reasons"][-1]) == ("UNCHANGED", "NO_REFERENCE")
    assert finding.sentence.endswith("It has no values under v1.0, so it was compared with the hours before.")
    assert world.finding("metric:p95").result == "REGRESSED"


def test_the_reference_itself_is_compared_with_the_hours_before():
    world = World()
    world.environment.policy.reference = world.deployment
    world.environment.policy.save()
    world.open()
    assert judged_without(world).endswith("Compared with the hours before: it is the pinned reference itself.")


@pytest.mark.parametrize("pinned_to", ["no uuid", str(uuid.UUID(int=7)), "\x00", 12])
def test_a_reference_that_is_gone_is_said(pinned_to):
    world = World().open()
    period = world.period()
    period.policy["reference"] = pinned_to if pinned_to != "\x00" else "0" * 5000
    period.save()
    assert "is no deployment of this environment any more" in judged_without(world)


def test_a_later_deployment_is_no_reference():
    world = World().open()
    later = DeploymentFactory(environment=world.environment, finished_at=at(500), reported_at=at(500), version="v3")
    MonitoringPeriod.objects.update(policy=world.period().policy | {"reference": str(later.pk)})
    assert "v3, the pinned reference, did not go live before it" in judged_without(world)


def test_a_reference_that_never_settled_is_said():
    world, _ = pinned(began=-2 * DAY, replaced=-2 * DAY + 1)
    assert "was replaced before it had settled" in judged_without(world)


# --- kept -------------------------------------------------------------------------------------------------------------


def test_judged_again_it_is_compared_with_the_same_stretch_whatever_the_policy_says_now():
    world, reference = pinned()
    world.check()
    world.metric("p95", crept_up(world), since=-7 * DAY, step=5, kind="LATENCY", unit="ms")
    world.metric("orders", world.noisy(40, 40), since=-DAY)
    world.judge(60)
    before = services.judge_again(world.verdict()).to_dict()
    policy = world.environment.policy
    policy.reference = None
    policy.save()
    reference.delete()
    assert services.judge_again(world.verdict()).to_dict() == before
    kept = [(f.key, f.sentence) for f in world.verdict().findings.all()]
    assert [(f["key"], f["sentence"]) for f in before["findings"]] == kept


def test_both_stretches_are_held():
    world, _ = pinned()
    world.metric("p95", crept_up(world), since=-7 * DAY, step=5)
    world.judge(60)
    series = world.series_of("p95").pk
    spans = {
        (hold.start_us / 1e6, hold.end_us / 1e6)
        for hold in Hold.objects.filter(verdict=world.verdict(), series_ids__contains=[series])
    }
    kept = world.verdict().inputs
    assert (kept["reference"]["start"], kept["reference"]["end"]) in spans
    assert any(start <= kept["window"]["deployed_at"] and end >= at(60).timestamp() for start, end in spans)


def test_samples_that_came_later_into_the_reference_are_noticed():
    from tests.samples import store_samples

    world, _ = pinned()
    world.metric("p95", crept_up(world), since=-7 * DAY, step=5)
    world.judge(60)
    store_samples([world.series_of("p95").pk], [at(-1 * DAY + 0.5)], [1.0])  # between both: not looked at
    from_json(world.verdict().inputs)
    store_samples([world.series_of("p95").pk], [at(-4 * DAY + 0.5)], [1.0])
    with pytest.raises(services.InputsChanged):
        services.judge_again(world.verdict())
