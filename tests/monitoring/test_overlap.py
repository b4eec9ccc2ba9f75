"""Deployments that follow each other closely: windows end where the next one begins, and the budget is spent once."""

from datetime import timedelta

import pytest

from deployments.models import Deployment
from monitoring import services
from monitoring.judge.looks import FALSE_ALARM_BUDGET
from monitoring.models import MonitoringPeriod, Verdict
from tests.at_once import at_once
from tests.factories import DeploymentFactory
from tests.monitoring.worlds import World, at

pytestmark = pytest.mark.django_db


def next_one(world, *, began, finished=None, reported=None, status="SUCCEEDED", version="v3"):
    """The next deployment in the world's environment, in minutes."""
    return DeploymentFactory(
        environment=world.environment,
        started_at=None if began is None else at(began),
        finished_at=None if finished is None else at(finished),
        reported_at=at(reported if reported is not None else finished if finished is not None else began),
        status=status,
        version=version,
    )


def opened(now):
    services.open_periods(now=at(now))


# --- windows end where the next one begins ----------------------------------------------------------------------------


def test_a_watch_ends_where_the_next_roll_out_begins_and_not_where_it_ended():
    world = World().open()
    following = next_one(world, began=20, finished=35)
    opened(35)
    assert (world.period().status, world.period().ended_at) == ("SUPERSEDED", at(20))
    assert world.period().superseded_by == following
    assert world.period("EXTENDED").ended_at == at(20)


def test_a_next_one_whose_start_was_not_reported_cuts_where_it_ended():
    world = World().open()
    next_one(world, began=None, finished=35)
    opened(35)
    assert world.period().ended_at == at(35)


def test_a_roll_out_that_is_said_to_have_taken_a_day_cuts_two_hours_before_its_end():
    world = World(initial_seconds=6 * 3600).open()
    next_one(world, began=10, finished=24 * 60)
    opened(24 * 60)
    assert world.period().status == "OPEN"  # its six hours were over by then
    assert world.period("EXTENDED").status == "OPEN"
    next_one(world, began=10, finished=300, version="v4")
    opened(24 * 60 + 1)
    assert world.period().ended_at == at(180)


def test_what_goes_wrong_while_the_next_one_rolls_out_is_not_put_on_the_one_before():
    world = World().open()
    check = world.check(up=lambda minute: minute < 25)
    following = next_one(world, began=20, finished=40)
    world.outage(check, began=25)
    opened(40)
    world.judge(40)
    assert (world.period().status, world.period().result) == ("SUPERSEDED", None)
    late = MonitoringPeriod.objects.get(deployment=following, stage="INITIAL")
    assert late.result == "FAILED"


def test_what_went_wrong_before_the_next_one_began_is_still_found():
    world = World().open()
    check = world.check(up=lambda minute: minute < 10)
    world.outage(check, began=10)
    next_one(world, began=20, finished=40)
    opened(40)
    world.judge(40)
    assert world.period().result == "FAILED"


def test_of_two_that_follow_the_first_to_begin_ends_the_watch():
    world = World().open()
    next_one(world, began=30, finished=33, version="v4")
    next_one(world, began=20, finished=50, version="v3")
    opened(50)
    assert world.period().ended_at == at(20)


def test_one_that_went_live_while_the_next_was_rolling_out_has_no_window_of_its_own():
    world = World().open()
    next_one(world, began=-1, finished=5)
    opened(5)
    assert (world.period().ended_at, world.period().next_look_at) == (at(0), None)
    world.judge(7)
    assert set(Verdict.objects.values_list("period__deployment__version", flat=True)) == {"v3"}


# --- while the next one rolls out -------------------------------------------------------------------------------------


def test_while_the_next_one_rolls_out_nothing_after_its_start_is_looked_at():
    world = World().open()
    check = world.check(up=lambda minute: minute < 25)
    next_one(world, began=20, status="RUNNING")
    world.outage(check, began=25)
    world.judge(28)
    assert world.period().result is None
    world.judge(30)
    assert world.period().looks_taken == 4  # the planned look at 30 min waits
    assert not Verdict.objects.filter(period=world.period(), result__isnull=False).exists()


def test_the_verdict_waits_for_the_end_of_the_next_roll_out():
    world = World().open()
    world.check()
    running = next_one(world, began=50, status="RUNNING")
    world.judge(60)
    assert (world.period().status, world.period().result) == ("OPEN", None)
    assert world.period().next_look_at == at(61)
    Deployment.objects.filter(pk=running.pk).update(status="SUCCEEDED", finished_at=at(70))
    world.judge(70)  # its report is here, its watch not yet: still no clearance
    assert world.period().status == "OPEN"
    opened(71)
    world.judge(71)
    assert (world.period().status, world.period().ended_at) == ("SUPERSEDED", at(50))
    assert world.period().result is None


def test_a_next_one_that_fails_in_the_pipeline_does_not_cut():
    world = World().open()
    world.check()
    running = next_one(world, began=50, status="RUNNING")
    world.judge(60)
    Deployment.objects.filter(pk=running.pk).update(status="FAILED", finished_at=at(65))
    world.judge(66)
    assert (world.period().status, world.period().result) == ("CLOSED", "HEALTHY")


def test_a_roll_out_that_is_never_said_to_have_ended_is_waited_for_two_hours():
    world = World().open()
    world.check()
    next_one(world, began=50, status="RUNNING")
    for minutes in (60, 100, 169):
        world.judge(minutes)
        assert world.period().status == "OPEN"
    world.judge(171)
    assert (world.period().status, world.period().result) == ("CLOSED", "HEALTHY")


def test_a_report_that_can_never_be_watched_does_not_hold_a_verdict_for_ever():
    world = World().open()
    world.check()
    next_one(world, began=50, finished=55)  # and nothing ever opens its periods
    world.judge(60)
    assert world.period().status == "OPEN"
    world.judge(181)
    assert (world.period().status, world.period().result) == ("CLOSED", "HEALTHY")


def test_a_next_one_in_another_environment_cuts_nothing():
    world, other = World().open(), World()
    world.check()
    next_one(other, began=50, status="RUNNING")
    world.judge(60)
    assert world.period().result == "HEALTHY"


@pytest.mark.django_db(transaction=True)
def test_a_last_look_and_the_next_report_at_once_never_clear_what_was_cut():
    world = World().open()
    world.check()
    next_one(world, began=50, finished=59)
    at_once(lambda: (services.judge_periods(now=at(60)), services.open_periods(now=at(60))), 4)
    services.judge_periods(now=at(61))
    assert (world.period().status, world.period().result, world.period().ended_at) == ("SUPERSEDED", None, at(50))


# --- what was reported is corrected -----------------------------------------------------------------------------------


def test_a_report_that_comes_late_cuts_what_was_not_decided():
    world = World().open()
    world.check(until=200)
    world.judge(60)
    next_one(world, began=90, finished=95, reported=120)
    opened(120)
    assert world.period().result == "HEALTHY"  # it was decided before the next one began
    assert (world.period("EXTENDED").status, world.period("EXTENDED").ended_at) == ("SUPERSEDED", at(90))


def test_a_watch_goes_on_when_its_successor_turns_out_not_to_have_gone_live():
    world = World().open()
    world.check(until=200)
    following = next_one(world, began=20, finished=25)
    opened(25)
    world.judge(25)
    Deployment.objects.filter(pk=following.pk).update(status="FAILED")
    opened(30)
    assert (world.period().status, world.period().superseded_by, world.period().ended_at) == ("OPEN", None, None)
    assert world.period("EXTENDED").status == "OPEN"
    world.judge(60)
    assert (world.period().status, world.period().result) == ("CLOSED", "HEALTHY")


def test_a_watch_that_goes_on_is_cut_by_the_one_that_came_after_the_mistake():
    world = World().open()
    mistaken = next_one(world, began=20, finished=25)
    opened(25)
    real = next_one(world, began=40, finished=42, version="v4")
    Deployment.objects.filter(pk=mistaken.pk).update(status="FAILED")
    opened(42)
    opened(43)
    assert (world.period().superseded_by, world.period().ended_at) == (real, at(40))


def test_what_was_corrected_twice_in_a_row_changes_nothing_more():
    world = World().open()
    following = next_one(world, began=20, finished=25)
    opened(25)
    Deployment.objects.filter(pk=following.pk).update(status="FAILED")
    opened(30)
    before = list(MonitoringPeriod.objects.order_by("pk").values())
    opened(30)
    assert list(MonitoringPeriod.objects.order_by("pk").values()) == before


# --- looks ------------------------------------------------------------------------------------------------------------


def spent(period):
    """What the written looks at a period were allowed to spend, together, as a share of its budget."""
    looks = Verdict.objects.filter(period=period)
    return sum(look.inputs["look"]["budget"] for look in looks) / FALSE_ALARM_BUDGET


def look_until(world, minutes):
    """Take every look that comes due, as the sweep does."""
    while (due := world.period().next_look_at) and due <= at(minutes):
        services.judge_periods(now=due + timedelta(milliseconds=1))


def test_the_looks_of_a_whole_period_spend_its_budget_once():
    world = World().open()
    world.metric("checkout_p95", world.noisy(310, 310))
    look_until(world, 60)
    assert world.period().status == "CLOSED"
    assert spent(world.period()) == pytest.approx(1.0)


def test_looks_that_were_missed_leave_what_they_would_have_spent_to_the_next():
    world = World().open()
    world.check()
    for minutes in (0, 10, 60):
        world.judge(minutes)
    assert spent(world.period()) == pytest.approx(1.0)


def test_a_look_in_between_that_finds_a_check_down_spends_nothing():
    world = World().open()
    world.check()
    flaky = world.check(up=lambda minute: minute < 18, is_critical=False)
    world.metric("checkout_p95", world.noisy(310, 900), unit="ms")
    world.judge(7.6)
    Verdict.objects.all().delete()
    MonitoringPeriod.objects.update(result=None, decided_at=None)
    world.outage(flaky, began=18)
    MonitoringPeriod.objects.filter(stage="INITIAL").update(looks_taken=4, next_look_at=at(21))
    world.judge(21)
    verdict = world.verdict()
    assert (verdict.result, verdict.inputs["look"]["budget"]) == ("DEGRADED", 0)
    finding = world.finding("metric:checkout_p95")
    assert finding.result == "INCONCLUSIVE"
    assert finding.sentence.endswith("The next planned look weighs it.")


def test_the_last_look_of_a_period_that_was_cut_spends_what_is_left():
    world = World().open()
    world.check()
    look_until(world, 16)
    next_one(world, began=20, finished=22)
    opened(22)
    look_until(world, 22)
    assert (world.period().status, world.period().next_look_at) == ("SUPERSEDED", None)
    assert spent(world.period()) == pytest.approx(1.0)


def test_a_second_last_look_spends_nothing_again():
    world = World().open()
    world.check()
    world.judge(0)
    next_one(world, began=20, finished=22)
    opened(22)
    look_until(world, 22)
    next_one(world, began=10, finished=12, reported=30, version="v2.1")
    opened(30)
    assert (world.period().ended_at, world.period().next_look_at) == (at(10), at(30))
    world.judge(30)
    assert world.period().next_look_at is None
    assert spent(world.period()) == pytest.approx(1.0)


def test_a_look_that_runs_twice_spends_once():
    world = World().open()
    world.check()
    world.judge(16)
    MonitoringPeriod.objects.filter(stage="INITIAL").update(next_look_at=at(16))
    world.judge(16)
    assert Verdict.objects.filter(period=world.period()).count() == 1
    assert spent(world.period()) == pytest.approx(0.25)


def test_a_cut_period_is_not_found_bad_for_what_may_be_its_restart():
    world = World(settle_seconds=0).open()
    world.check()
    world.metric("checkout_p95", lambda minute: world.noisy(310, 900)(minute), step=1.0, unit="ms")
    next_one(world, began=4, finished=4)
    opened(4)
    world.judge(4)
    assert world.period().result is None
    look = Verdict.objects.get(period=world.period())
    assert "RESTARTING" in look.findings.get(key="metric:checkout_p95").facts["reasons"]
