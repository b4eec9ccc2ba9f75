"""What says nothing of what is normal is left out of the history, and said."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from monitoring import services
from monitoring.judge.looks import LookPlan
from monitoring.models import ProberOutage, Ruling, Verdict
from monitoring.services.evidence import from_json, gather, judge, to_json, window_of
from tests.at_once import at_once
from tests.factories import (
    DeploymentFactory,
    MaintenanceWindowFactory,
    MonitoringPeriodFactory,
)
from tests.monitoring.worlds import World, at

pytestmark = pytest.mark.django_db


def left_out(world, stage="INITIAL"):
    """Kind and name of what the verdict's inputs say was left out."""
    return {(one["kind"], one["name"]) for one in world.verdict(stage).inputs["left_out"]}


def bad_deployment(world, began, replaced, *, result="DEGRADED", stage="INITIAL", version="v1.1"):
    deployment = DeploymentFactory(
        environment=world.environment, finished_at=at(began), reported_at=at(began), version=version
    )
    MonitoringPeriodFactory(
        deployment=deployment,
        environment=world.environment,
        stage=stage,
        opens_at=at(began),
        closes_at=at(began + 10_000),
        ended_at=at(replaced),
        status="SUPERSEDED",
        result=result,
        decided_at=at(began + 5),
    )
    return deployment


def usual(level, *, odd, value, after=None, noise=0.05):
    """A function of the minute: a level with noise, another one between `odd`, and perhaps another after."""

    def give(world):
        def at_minute(minute):
            base = value if odd[0] <= minute < odd[1] else level if minute < 0 else after or level
            return base * (1 + noise * world.random.standard_normal())

        return at_minute

    return give


# --- what is left out -------------------------------------------------------------------------------------------------


def test_an_outage_of_a_critical_check_is_no_example_of_normal():
    world = World().open()
    check = world.check(up=lambda minute: not -900 <= minute < -500)
    world.outage(check, began=-900, ended=-500)
    world.metric("p95", usual(310, odd=(-900, -500), value=5000, after=390)(world), kind="LATENCY", unit="ms")
    world.judge(60)
    assert left_out(world) == {("OUTAGE", check.name)}
    assert world.finding("metric:p95").result == "REGRESSED"
    assert world.verdict().inputs["window"]["left_out"] == [[at(-900).timestamp(), at(-500).timestamp()]]


def test_an_outage_of_a_check_that_is_not_critical_stays_in():
    world = World().open()
    check = world.check(up=lambda minute: not -900 <= minute < -500, is_critical=False)
    world.outage(check, began=-900, ended=-500)
    world.judge(60)
    assert left_out(world) == set()


def test_an_outage_that_lasts_into_the_deployment_is_left_out_until_it():
    world = World().open()
    check = world.check(up=lambda minute: minute < -100)
    world.outage(check, began=-100)
    world.judge(60)
    deployed_at = world.verdict().inputs["window"]["deployed_at"]
    assert world.verdict().inputs["window"]["left_out"] == [[at(-100).timestamp(), deployed_at]]


def test_planned_maintenance_of_the_environment_is_left_out_that_of_one_check_is_not():
    world = World().open()
    check = world.check()
    window = {"project": world.environment.project, "ends_at": at(-300), "starts_at": at(-400)}
    MaintenanceWindowFactory(environment=world.environment, reason="New disks", **window)
    MaintenanceWindowFactory(health_check=check, reason="New certificate", **window)
    world.judge(60)
    assert left_out(world) == {("MAINTENANCE", "New disks")}


def test_a_weekly_window_is_left_out_each_time():
    world = World().open()
    MaintenanceWindowFactory(
        project=world.environment.project,
        reason="Backups",
        every_week=True,
        starts_at=at(-14 * 24 * 60 + 60),
        ends_at=at(-14 * 24 * 60 + 120),
    )
    world.judge(60)
    (backups,) = world.verdict().inputs["left_out"]
    assert (backups["count"], backups["seconds"]) == (2, 7200)


def test_outages_and_maintenance_of_others_are_not_left_out():
    other = World()
    check = other.check()
    other.outage(check, began=-900, ended=-500)
    MaintenanceWindowFactory(project=other.environment.project, starts_at=at(-400), ends_at=at(-300))
    bad_deployment(other, -600, -200)
    world = World().open()
    world.judge(60)
    assert left_out(world) == set()


def test_an_earlier_bad_deployment_is_left_out_until_it_was_replaced():
    world = World().open()
    bad_deployment(world, -600, -200)
    world.judge(60)
    (one,) = world.verdict().inputs["left_out"]
    assert (one["kind"], one["name"]) == ("DEPLOYMENT", "v1.1")
    assert one["spans"] == [[at(-600).timestamp(), at(-200).timestamp()]]


def test_a_deployment_found_bad_in_its_extended_watch_is_left_out_from_then_on():
    world = World().open()
    deployment = bad_deployment(world, -600, -200, result="HEALTHY")
    MonitoringPeriodFactory(
        deployment=deployment,
        environment=world.environment,
        stage="EXTENDED",
        opens_at=at(-500),
        closes_at=at(-300),
        status="CLOSED",
        ended_at=at(-300),
        result="FAILED",
        decided_at=at(-400),
    )
    world.judge(60)
    (one,) = world.verdict().inputs["left_out"]
    assert one["spans"] == [[at(-500).timestamp(), at(-200).timestamp()]]


def test_a_healthy_deployment_and_the_judged_one_itself_stay_in():
    world = World().open()
    bad_deployment(world, -600, -200, result="HEALTHY")
    check = world.check(up=lambda minute: minute < 1)
    world.outage(check, began=1)
    world.judge(10)
    world.judge(60)
    world.judge(180)
    assert world.period("INITIAL").result == "FAILED"
    assert left_out(world) == set()


@pytest.mark.parametrize("kind", ["NOT_US", "EXPECTED"])
def test_a_deployment_that_people_acquitted_is_normal_now(kind):
    world = World().open()
    deployment = bad_deployment(world, -600, -200)
    Ruling.objects.create(deployment=deployment, kind=kind, reason="The provider had an outage", at=at(-100))
    world.judge(60)
    assert left_out(world) == set()


def test_what_people_said_of_one_finding_holds_for_that_metric_alone():
    world = World().open()
    world.metric("p95", world.noisy(310, 310))
    world.metric("orders", world.noisy(40, 40))
    deployment = bad_deployment(world, -600, -200)
    Ruling.objects.create(deployment=deployment, key="metric:p95", kind="EXPECTED", reason="It does more", at=at(-100))
    world.judge(60)
    (one,) = world.verdict().inputs["left_out"]
    assert one["normal_for"] == ["metric:p95"]
    evidence = evidence_of(world)
    windows = {metric.metric: evidence.window_for(metric).left_out for metric in evidence.metrics}
    assert windows == {"p95": (), "orders": ((at(-600).timestamp(), at(-200).timestamp()),)}


def test_a_deployment_that_looked_healthy_and_was_not_is_left_out_once_people_say_so():
    world = World().open()
    deployment = bad_deployment(world, -600, -200, result="HEALTHY")
    Ruling.objects.create(deployment=deployment, kind="US", reason="Carts were empty", at=at(-100))
    world.judge(60)
    (one,) = world.verdict().inputs["left_out"]
    assert one["spans"] == [[at(-600).timestamp(), at(-200).timestamp()]]


def test_a_withdrawn_acquittal_counts_for_nothing():
    world = World().open()
    deployment = bad_deployment(world, -600, -200)
    Ruling.objects.create(deployment=deployment, kind="NOT_US", reason="?", at=at(-100), replaced_at=at(-50))
    world.judge(60)
    assert left_out(world) == {("DEPLOYMENT", "v1.1")}


def test_our_own_outages_are_left_out_of_what_we_measured_only():
    world = World().open()
    ProberOutage.objects.create(prober_name="a:1", began_at=at(-300), ended_at=at(-200), reason="No network", checks=3)
    world.check(response=world.noisy(80, 80))
    world.metric("p95", world.noisy(310, 310))
    world.judge(60)
    assert left_out(world) == {("PROBER", "No network")}
    assert world.verdict().inputs["window"]["left_out"] == []
    evidence = evidence_of(world)
    windows = {metric.facts.key.split(":")[-1]: evidence.window_for(metric) for metric in evidence.metrics}
    assert windows["p95"].left_out == ()
    assert windows["response_time"].left_out == ((at(-300).timestamp(), at(-200).timestamp()),)


def test_failures_that_only_our_own_view_saw_do_not_make_a_check_flap_prone():
    world = World().open()
    blind = lambda minute: not (-300 <= minute < -200 and minute % 2)  # noqa: E731
    ProberOutage.objects.create(prober_name="a:1", began_at=at(-300), ended_at=at(-200), reason="No network")
    check = world.check(up=blind)
    world.judge(60)
    assert world.finding(f"check:{check.pk}").facts["before"] == 100


def test_stretches_that_overlap_are_left_out_once():
    world = World().open()
    check = world.check(up=lambda minute: not -900 <= minute < -500)
    world.outage(check, began=-900, ended=-500)
    bad_deployment(world, -700, -300)
    world.judge(60)
    assert world.verdict().inputs["window"]["left_out"] == [[at(-900).timestamp(), at(-300).timestamp()]]
    assert len(left_out(world)) == 2


# --- when too little would remain -------------------------------------------------------------------------------------


def test_when_most_of_the_history_is_odd_nothing_is_left_out_and_that_is_said():
    world = World().open()
    check = world.check(up=lambda minute: minute >= -200)
    world.outage(check, began=-24 * 60, ended=-200)
    world.metric("p95", world.noisy(310, 310))
    world.judge(60)
    finding = world.finding("metric:p95")
    assert finding.result == "UNCHANGED"
    assert "WITH_ANOMALIES" in finding.facts["reasons"]
    assert finding.sentence.endswith("Nothing was left out of its history: too little would remain.")


def test_a_metric_without_data_is_not_told_about_its_history():
    world = World().open()
    check = world.check(up=lambda minute: minute >= -200)
    world.outage(check, began=-24 * 60, ended=-200)
    world.metric("orders", 12, since=-30, until=-20)
    world.judge(60)
    assert world.finding("metric:orders").facts["reasons"] == ["GONE_SILENT"]


# --- what was already so ----------------------------------------------------------------------------------------------


def was_bad_before(level_after):
    world = World().open()
    world.check()
    bad_deployment(world, -600, -3)
    world.metric("p95", usual(310, odd=(-600, 0), value=620, after=level_after)(world), kind="LATENCY", unit="ms")
    world.metric("orders", world.noisy(40, 40))
    world.judge(60)
    return world


def test_a_deployment_that_mends_a_bad_one_is_compared_with_the_time_before_both():
    world = was_bad_before(310)
    assert world.finding("metric:p95").result == "UNCHANGED"
    assert world.verdict().result == "HEALTHY"


def test_what_an_earlier_deployment_broke_is_not_blamed_on_this_one():
    world = was_bad_before(620)
    finding = world.finding("metric:p95")
    assert (finding.result, finding.facts["reasons"][-1]) == ("INCONCLUSIVE", "WAS_WORSE")
    assert finding.sentence.endswith("It was so already right before the deployment, under v1.1.")
    assert world.verdict().result not in ("DEGRADED", "FAILED")


def test_what_got_worse_still_is_found():
    world = was_bad_before(1400)
    assert world.finding("metric:p95").result == "REGRESSED"
    assert world.verdict().result == "DEGRADED"


def test_a_limit_that_was_broken_before_is_not_broken_by_this_deployment():
    world = World().open()
    world.check()
    bad_deployment(world, -600, -3)
    world.metric("errors", usual(0.1, odd=(-600, 0), value=5, after=5)(world), kind="ERROR_RATE", hard_limit=2)
    world.judge(60)
    assert world.finding("metric:errors").result == "INCONCLUSIVE"
    assert world.verdict().result not in ("DEGRADED", "FAILED")


# --- cost -------------------------------------------------------------------------------------------------------------


def evidence_of(world):
    return from_json(world.verdict().inputs)


def test_looks_in_between_do_not_ask_for_anomalies(django_assert_max_num_queries):
    world = World().open()
    period, window = world.period(), window_of(world.period(), at(3))
    with django_assert_max_num_queries(7):
        evidence = gather(period, window=window, look=LookPlan(1, 4, 0.0), is_last=False, conditions_only=True)
    assert evidence.before.left_out == ()
    assert judge(evidence).result is None
    assert to_json(evidence)["left_out"] == []


def test_many_anomalies_cost_no_more_queries():
    def queries(count):
        world = World().open()
        check = world.check()
        for n in range(count):
            world.outage(check, began=-900 + 10 * n, ended=-895 + 10 * n)
            bad_deployment(world, -1200 + 10 * n, -1195 + 10 * n)
        with CaptureQueriesContext(connection) as found:
            services.judge_periods(now=at(60) + timedelta(seconds=count))
        return len(found)

    assert queries(1) == queries(6)


# --- two that are due at once -----------------------------------------------------------------------------------------


def two_that_were_reported_late():
    """v2 got worse after 15 min; v3 replaced it when half an hour was over. The later one is due first."""
    world = World()
    world.metric("p95", usual(310, odd=(15, 9999), value=520)(world), kind="LATENCY", unit="ms", until=95)
    follower = DeploymentFactory(
        environment=world.environment, started_at=at(28), finished_at=at(30), reported_at=at(90), version="v3"
    )
    services.open_periods(now=at(100))
    follower.periods.update(next_look_at=at(99))
    return world, follower


def of_the_later_one(follower):
    return Verdict.objects.final().filter(period__deployment=follower, period__stage="INITIAL").get()


def test_what_is_due_at_once_is_judged_in_the_order_of_deployments():
    world, follower = two_that_were_reported_late()
    world.judge(100)
    assert world.verdict().result == "DEGRADED"
    assert [one["name"] for one in of_the_later_one(follower).inputs["left_out"]] == ["v2"]


@pytest.mark.django_db(transaction=True)
def test_two_workers_judge_in_the_order_of_deployments_too():
    world, follower = two_that_were_reported_late()
    at_once(lambda: world.judge(100), 2)
    world.judge(100)
    assert [one["name"] for one in of_the_later_one(follower).inputs["left_out"]] == ["v2"]


# --- what began before ------------------------------------------------------------------------------------------------


def rises(began, *, level=300, to=450):
    """A function of the minute: up for good from `began` on, with noise."""

    def give(world):
        return lambda minute: (to if minute >= began else level) * (1 + 0.03 * world.random.standard_normal())

    return give


@pytest.mark.parametrize(("began", "result"), [(-14, "INCONCLUSIVE"), (-5, "REGRESSED"), (0, "REGRESSED")])
def test_what_rose_ten_minutes_before_the_roll_out_began_did_not_begin_with_it(began, result):
    world = World().open()
    world.metric("p95", rises(began)(world), kind="LATENCY", unit="ms")
    world.judge(60)
    finding = world.finding("metric:p95")
    assert finding.result == result
    if result == "INCONCLUSIVE":
        assert finding.facts["reasons"][-1] == "WAS_WORSE"
        assert finding.sentence.endswith("It was so already right before the deployment.")


def test_what_was_as_high_for_a_moment_right_before_is_still_found():
    world = World().open()
    blip = rises(0)(world)
    world.metric("p95", lambda minute: 450 if -4 <= minute < -1 else blip(minute), kind="LATENCY", unit="ms")
    world.judge(60)
    assert world.finding("metric:p95").result == "REGRESSED"
