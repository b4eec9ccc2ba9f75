"""Looking at periods: a verdict is reached with its reasons, bad ones early, good ones only at the end."""

import logging
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from monitoring import services
from monitoring.models import MonitoringPeriod, Verdict
from monitoring.selectors import watch_states
from monitoring.services import judging
from monitoring.services.evidence import judged
from monitoring.signals import verdict_reached
from tests.factories import DeploymentFactory
from tests.monitoring.worlds import World, at

pytestmark = pytest.mark.django_db


def state(world, minutes, **question):
    return watch_states([world.deployment], at(minutes), **question)[world.deployment.pk]


# --- results ----------------------------------------------------------------------------------------------------------


def test_nothing_worse_by_the_end_is_healthy():
    world = World().open()
    world.check(response=world.noisy(80, 80))
    world.metric("error_rate", world.noisy(0.5, 0.5, 0.2), kind="ERROR_RATE", unit="%")
    assert world.judge(60) == 1
    assert world.period().status == "CLOSED"
    assert (world.verdict().result, world.verdict().is_final) == ("HEALTHY", True)
    assert world.verdict().sentence.startswith("Nothing got worse in 60\u00a0min: ")


def test_healthy_is_never_said_before_the_end():
    world = World().open()
    world.check()
    for minutes in (0, 2, 5, 15, 30, 59.9):
        world.judge(minutes)
        assert state(world, minutes).state == "watching"
    assert not Verdict.objects.filter(result="HEALTHY").exists()
    assert Verdict.objects.filter(is_final=False).count() >= 3


def test_a_metric_that_got_worse_degrades_the_deployment():
    world = World().open()
    world.check()
    world.metric("checkout_p95", world.noisy(310, 900), kind="LATENCY", unit="ms")
    world.judge(60)
    assert world.verdict().result == "DEGRADED"
    finding = world.finding("metric:checkout_p95")
    assert (finding.result, finding.position) == ("REGRESSED", 0)
    assert finding.series == world.series_of("checkout_p95")
    assert finding.facts["relative_change"] > 1.5


def test_a_broken_hard_limit_fails_the_deployment():
    world = World().open()
    world.metric("error_rate", world.noisy(0.1, 5.0), kind="ERROR_RATE", unit="%", hard_limit=2.0)
    world.judge(10)
    assert (world.period().result, world.period().status) == ("FAILED", "OPEN")
    assert "hard limit" in world.verdict().sentence


def test_a_muted_metric_counts_for_nothing():
    world = World().open()
    world.check()
    world.metric("checkout_p95", world.noisy(310, 900), is_muted=True)
    world.judge(60)
    assert world.verdict().result == "HEALTHY"


def test_without_any_data_the_deployment_is_blind():
    world = World().open()
    world.check(until=-30)
    world.metric("orders", 12, until=-30)
    world.judge(60)
    assert world.verdict().result == "BLIND"
    assert {finding.result for finding in world.verdict().findings.all()} == {"NO_DATA"}


def test_where_nothing_is_watched_the_deployment_is_blind():
    world = World().open()
    world.judge(60)
    assert world.verdict().result == "BLIND"
    assert world.verdict().sentence == "Nothing was watched: there are no checks and no metrics here."


def test_too_little_is_inconclusive():
    world = World().open()
    world.check(until=4)
    world.judge(60)
    assert world.verdict().result == "INCONCLUSIVE"


def test_a_paused_check_is_not_judged():
    world = World().open()
    world.check(paused_at=at(-10))
    world.judge(60)
    assert world.verdict().result == "BLIND"


# --- a first deployment -----------------------------------------------------------------------------------------------


def test_checks_of_a_first_deployment_are_judged_by_their_own_conditions():
    world = World(is_first=True).open()
    world.check(since=0.5)
    world.metric("orders", 12, since=0)
    world.judge(60)
    assert world.verdict().result == "HEALTHY"
    assert "no history yet" in world.verdict().sentence
    assert world.finding("metric:orders").facts["reasons"] == ["NO_HISTORY"]


def test_a_first_deployment_that_never_answers_fails_though_nothing_answered_before_it_either():
    world = World(is_first=True).open()
    check = world.check(up=0.0, since=-60)
    world.outage(check, began=-60)
    world.judge(3)
    assert world.period().result is None or world.period().result == "FAILED"
    world.judge(10)
    assert world.period().result == "FAILED"


def test_metrics_alone_without_history_do_not_make_a_first_deployment_healthy():
    world = World(is_first=True).open()
    world.metric("orders", 12, since=0)
    world.judge(60)
    assert world.verdict().result == "INCONCLUSIVE"


# --- checks that are down ---------------------------------------------------------------------------------------------


def test_a_check_that_is_down_past_its_threshold_fails_the_deployment_at_the_next_look():
    world = World().open()
    check = world.check(up=lambda minute: minute < 20)
    world.judge(19)
    world.outage(check, began=20)
    MonitoringPeriod.objects.filter(stage="INITIAL").update(next_look_at=at(22))  # as the poller does
    assert world.judge(22.05) == 1
    assert (world.period().result, world.period().decided_at) == ("FAILED", at(22.05))
    assert state(world, 22.1).state == "failed"
    assert "down" in world.verdict().sentence
    assert world.finding(f"check:{check.pk}").health_check == check


def test_the_watch_goes_on_until_its_end_after_an_early_verdict():
    world = World().open()
    check = world.check(up=lambda minute: minute < 20)
    world.outage(check, began=20)
    world.judge(23)
    assert (world.period().status, world.period().next_look_at) == ("OPEN", at(60))
    world.judge(60)
    assert (world.period().status, world.period().result) == ("CLOSED", "FAILED")
    assert Verdict.objects.final().filter(period=world.period()).count() == 1


def test_an_early_failure_is_completed_at_the_end_with_all_that_can_be_said_by_then():
    world = World().open()
    check = world.check(up=lambda minute: minute < 1)
    world.metric("checkout_p95", world.noisy(310, 900), kind="LATENCY", unit="ms")
    world.outage(check, began=1)
    world.judge(3)
    early = world.verdict()
    assert world.finding("metric:checkout_p95").result == "INCONCLUSIVE"

    world.judge(60)

    assert world.verdict() != early
    assert (world.period().result, world.period().decided_at) == ("FAILED", at(3))
    assert world.finding("metric:checkout_p95").result == "REGRESSED"
    assert Verdict.objects.final().filter(period=world.period()).count() == 1


def test_what_recovered_after_an_early_failure_does_not_soften_the_verdict():
    world = World().open()
    check = world.check(up=lambda minute: not 20 <= minute < 25)
    world.outage(check, began=20, ended=25)
    MonitoringPeriod.objects.update(result="FAILED", decided_at=at(22))

    world.judge(60)

    assert (world.period().status, world.period().result) == ("CLOSED", "FAILED")


def test_a_check_that_is_not_critical_only_degrades():
    world = World().open()
    world.check()
    check = world.check(up=lambda minute: minute < 20, is_critical=False)
    world.outage(check, began=20)
    world.judge(23)
    assert world.period().result == "DEGRADED"


def test_a_check_that_was_down_before_the_deployment_is_said_so_and_not_blamed_on_it():
    world = World().open()
    check = world.check(up=lambda minute: minute < -30)
    world.outage(check, began=-30)
    world.judge(60)
    finding = world.finding(f"check:{check.pk}")
    assert finding.result != "REGRESSED"
    assert "was already down before the deployment" in finding.sentence
    assert world.verdict().result == "INCONCLUSIVE"


def test_a_check_that_went_down_during_the_roll_out_is_blamed_on_it():
    world = World().open()
    check = world.check(up=lambda minute: minute < -1)
    world.outage(check, began=-1)
    world.judge(2)
    assert world.period().result == "FAILED"


def test_a_degraded_deployment_becomes_failed_when_a_check_goes_down_and_never_better_again():
    world = World().open()
    fine = world.check(up=lambda minute: minute < 40)
    flaky = world.check(up=lambda minute: minute < 10, is_critical=False)
    world.outage(flaky, began=10, ended=15)
    world.judge(13)
    assert world.period().result == "DEGRADED"
    world.outage(fine, began=40)
    world.judge(43)
    assert world.period().result == "FAILED"
    world.judge(60)
    assert world.period().result == "FAILED"
    assert world.verdict().result == "FAILED"
    assert Verdict.objects.filter(result="DEGRADED", is_final=False).count() == 1


# --- sweeps -----------------------------------------------------------------------------------------------------------


def test_twice_in_a_row_writes_one_verdict():
    world = World().open()
    world.check()
    assert world.judge(60) == 1
    before = list(Verdict.objects.values()), list(MonitoringPeriod.objects.order_by("pk").values())
    assert world.judge(60) == 0
    assert (list(Verdict.objects.values()), list(MonitoringPeriod.objects.order_by("pk").values())) == before


def test_a_lost_race_writes_nothing():
    world = World().open()
    world.check()
    due = world.period().pk
    assert judging._look(due, at(60)) is True
    assert judging._look(due, at(60.1)) is False
    assert Verdict.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_reach_one_verdict():
    from tests.at_once import at_once

    world = World().open()
    world.check()
    assert sorted(at_once(lambda: services.judge_periods(now=at(60)), 4)) == [0, 0, 0, 1]
    assert Verdict.objects.final().count() == 1


def test_the_bell_rings_for_each_verdict(django_capture_on_commit_callbacks):
    heard = []

    def hear(sender, **ids):
        heard.append(ids["verdict_id"])

    verdict_reached.connect(hear)
    world = World().open()
    world.check()
    with django_capture_on_commit_callbacks(execute=True):
        world.judge(60)
    verdict_reached.disconnect(hear)
    assert heard == [world.verdict().pk]


def test_looks_are_planned_and_looks_in_between_are_written_down_only_when_something_is_wrong():
    world = World().open()
    world.check()
    times = [0.0]
    while world.period().status == "OPEN":
        times.append((world.period().next_look_at - at(0)).total_seconds() / 60)
        world.judge(times[-1])
    verdicts = Verdict.objects.filter(period=world.period()).count()
    assert verdicts == judging.LOOKS
    assert 40 <= len(times) <= 80  # once a minute or so
    assert times[-1] == 60


def test_an_extended_period_is_looked_at_less_often():
    world = World(extended_seconds=72 * 3600).open()
    world.judge(60)
    world.judge(60.1)
    pause = world.period("EXTENDED").next_look_at - at(60.1)
    assert pause >= timedelta(minutes=30)


def test_one_metric_that_cannot_be_judged_does_not_stop_the_others(monkeypatch):
    world = World().open()
    world.metric("odd", 1)
    world.metric("orders", 12)
    real = judged.judge_metric

    def fail_on_odd(baseline, after, facts, *rest):
        if facts.key == "metric:odd":
            raise ZeroDivisionError
        return real(baseline, after, facts, *rest)

    monkeypatch.setattr(judged, "judge_metric", fail_on_odd)
    world.judge(60)
    assert world.finding("metric:odd").result == "INCONCLUSIVE"
    assert world.finding("metric:orders").result == "UNCHANGED"
    assert world.verdict().result == "INCONCLUSIVE"  # unknown is not healthy


def test_a_period_that_cannot_be_judged_is_parked_and_stops_no_other(monkeypatch, caplog):
    bad, good = World().open(), World().open()
    good.check()
    real = judging.gather

    def fail_on_bad(period, **how):
        if period.deployment_id == bad.deployment.pk:
            raise RuntimeError("unreadable")
        return real(period, **how)

    monkeypatch.setattr(judging, "gather", fail_on_bad)
    with caplog.at_level(logging.CRITICAL, "monitoring"):
        assert good.judge(60) == 1
    assert good.verdict().result == "HEALTHY"
    assert bad.period().next_look_at == at(61)


def test_a_period_that_can_never_be_judged_ends_inconclusive_and_says_so(monkeypatch):
    world = World().open()
    monkeypatch.setattr(judging, "gather", lambda *args, **how: 1 / 0)
    world.judge(75)
    assert (world.period().status, world.verdict().result) == ("CLOSED", "INCONCLUSIVE")
    assert world.verdict().sentence.startswith("It could not be judged: the judge failed.")


# --- superseded, late, extended ---------------------------------------------------------------------------------------


def supersede(world, minutes):
    DeploymentFactory(environment=world.environment, finished_at=at(minutes), reported_at=at(minutes), version="v3")
    services.open_periods(now=at(minutes))


def test_a_period_that_was_cut_short_is_not_cleared():
    world = World().open()
    world.check()
    supersede(world, 20)
    world.judge(20.1)
    assert (world.period().status, world.period().result) == ("SUPERSEDED", None)
    assert world.period().next_look_at is None
    assert state(world, 21).state == "superseded"
    assert state(world, 21).sentence == "v3 replaced it before a verdict was reached."


def test_a_period_that_was_cut_short_is_still_found_bad_on_what_there_is():
    world = World().open()
    check = world.check(up=lambda minute: minute < 10)
    world.outage(check, began=10, ended=21)
    supersede(world, 20)
    world.judge(20.1)
    assert (world.period().status, world.period().result) == ("SUPERSEDED", "FAILED")
    assert state(world, 21).state == "failed"


def test_a_deployment_reported_after_its_watch_is_judged_at_once():
    world = World()
    world.check(until=180)
    services.open_periods(now=at(24 * 60))
    assert world.judge(24 * 60) == 2
    assert world.verdict("INITIAL").result == "HEALTHY"
    assert world.verdict("EXTENDED").result == "HEALTHY"


def test_a_late_report_of_something_bad_is_found_bad():
    world = World()
    check = world.check(up=lambda minute: not 10 <= minute < 30, until=180)
    world.outage(check, began=10, ended=30)
    services.open_periods(now=at(24 * 60))
    world.judge(24 * 60)
    assert world.verdict("INITIAL").result in ("FAILED", "DEGRADED")


def test_the_extended_period_judges_its_own_time():
    world = World().open()
    world.check(until=180)
    world.metric(
        "checkout_p95",
        lambda minute: 310 * (1 + 0.05 * world.random.standard_normal()) * (1 if minute < 70 else 3),
        until=180,
    )
    world.judge(60)
    world.judge(180)
    assert world.verdict("INITIAL").result == "HEALTHY"
    assert world.verdict("EXTENDED").result == "DEGRADED"
    assert state(world, 181).state == "degraded"


# --- cost -------------------------------------------------------------------------------------------------------------


def queries_of_a_look(size):
    world = World().open()
    for n in range(size):
        world.metric(f"m{n}", world.noisy(10, 10))
        world.check()
    with CaptureQueriesContext(connection) as queries:
        assert world.judge(60) == 1
    return len(queries)


def test_the_number_of_queries_does_not_grow_with_what_is_watched():
    assert queries_of_a_look(1) == queries_of_a_look(8)
