"""The sweep of alert rules on stored samples: rows, once, whoever runs when."""

from datetime import timedelta

import pytest
from django.db import transaction

from monitoring.models import Alert, AlertRule, MaintenanceWindow, Series
from monitoring.selectors import rules as selected
from monitoring.services import alerting, judge_rules, mute_rule, pause_rule, resume_rule, save_rule, unmute_rule
from tests.at_once import at_once
from tests.factories import AlertRuleFactory, HealthCheckFactory, MetricFactory, ObjectiveFactory, SeriesFactory
from tests.monitoring.alerting.worlds import World, at
from tests.samples import store_samples

pytestmark = pytest.mark.django_db


def test_a_threshold_is_pending_then_fires_then_resolves():
    world = World(window_seconds=60)
    world.fill(50, -10, 0)
    world.fill(150, 0, 10)
    world.fill(50, 10, 20)
    assert world.judge(0) == []
    assert world.judge(2) == ["PENDING"]
    assert world.judge(5) == ["FIRING"]
    assert world.judge(15) == ["RESOLVED"]
    alert = world.alert()
    assert (alert.fired_at - alert.began_at).total_seconds() == 120
    assert (alert.ended_by, alert.worst) == ("MEASURED", 150)
    assert "120 s" in alert.detail.replace("\u00a0", " ")


def test_what_does_not_last_leaves_no_row():
    world = World(window_seconds=60)
    world.fill(lambda minute: 150 if 0 <= minute < 2 else 50, -10, 10)
    assert world.judge(1.8) == ["PENDING"]
    assert world.judge(5) == []


def test_a_sweep_that_comes_late_finds_the_same_as_one_that_comes_often():
    def filled(world):
        world.fill(lambda minute: 150 if 0 <= minute % 20 < 8 else 50, -10, 60)
        return world

    often = filled(World(window_seconds=60))
    for minute in range(58):
        judge_rules(now=at(minute))
    found = list(Alert.objects.values_list("began_at", "fired_at", "resolved_at", "value", "worst"))
    Alert.objects.all().delete()
    AlertRule.objects.update(judged_until=at(-1), next_judge_at=at(0))
    judge_rules(now=at(57))
    once = list(Alert.objects.values_list("began_at", "fired_at", "resolved_at", "value", "worst"))
    assert often.states() == ["RESOLVED", "RESOLVED", "RESOLVED"]
    assert once == found


def test_sweeping_twice_is_sweeping_once():
    world = World(window_seconds=60)
    world.fill(150, -10, 10)
    world.judge(5)
    before = Alert.objects.values().get()
    assert judge_rules(now=at(5)) == 0
    assert Alert.objects.values().get() == before


def test_a_new_rule_need_not_wait_for_what_is_so_already():
    world = World(window_seconds=60, hold_seconds=600)
    world.fill(150, -30, 1)
    assert world.judge(0) == ["FIRING"]


def test_each_series_is_judged_by_itself_and_labels_choose():
    world = World(window_seconds=60)
    german, french = world.new_series(shop="de"), world.new_series(shop="fr")
    world.fill(150, -10, 10, series=german)
    world.fill(50, -10, 10, series=french)
    other = AlertRuleFactory(
        metric=world.metric,
        labels={"shop": "fr"},
        window_seconds=60,
        next_judge_at=at(-1),
        threshold=10,
        clear_threshold=5,
    )
    world.judge(5)
    assert world.rule.alerts.get().key == f"series:{german.pk}"
    assert other.alerts.get().key == f"series:{french.pk}"
    world.rule.refresh_from_db()
    assert (world.rule.series_count, world.rule.silent_count) == (3, 1)


def test_silence_never_resolves_and_is_not_called_quiet():
    world = World(window_seconds=60)
    world.fill(150, -10, 5)
    world.judge(5)
    assert world.judge(60) == ["FIRING"]
    world.rule.refresh_from_db()
    assert world.rule.silent_count == 1
    assert world.alert().seen_at < at(7)


def test_absence_fires_after_the_silence_and_resolves_with_the_next_sample():
    world = World(kind="ABSENCE", window_seconds=600, hold_seconds=0)
    world.fill(1, -30, 0)
    assert world.judge(9) == []
    assert world.judge(11) == ["FIRING"]
    assert "sent no samples for" in world.alert().detail
    world.fill(1, 12, 13)
    assert world.judge(13) == ["RESOLVED"]


def test_a_change_against_last_week_is_told():
    world = World(kind="RATE_OF_CHANGE", threshold=50, clear_threshold=20, versus="WEEK", window_seconds=300)
    world.fill(100, -7 * 1440 - 30, -7 * 1440 + 30)
    world.fill(160, -30, 30)
    assert world.judge(10) == ["FIRING"]
    assert "+60" in world.alert().detail


def test_a_check_s_response_time_can_be_watched_of_each_check():
    world = World(aspect="response_time", metric=None, window_seconds=60)
    checks = [HealthCheckFactory(environment=world.environment) for _ in range(2)]
    for check, value in zip(checks, (150, 50), strict=True):
        series = SeriesFactory(environment=world.environment, metric=None, health_check=check, aspect="response_time")
        world.fill(value, -10, 10, series=series)
    assert world.judge(5) == ["FIRING"]
    assert checks[0].name in world.alert().subject


def test_a_burning_budget_is_told_by_both_windows():
    objective = ObjectiveFactory(target_percent=99.9, created_at=at(-10_000))
    world = World(
        kind="BURN_RATE", objective=objective, metric=None, hold_seconds=0, project=objective.environment.project
    )
    up = SeriesFactory(
        environment=objective.environment, metric=None, health_check=objective.health_check, aspect=Series.UP
    )
    world.fill(lambda minute: 0.0 if minute % 10 < 1 and minute > -60 else 1.0, -400, 30, series=up)
    assert world.judge(10) == ["FIRING"]
    assert "burns 14.4 times too fast" in world.alert().detail


def test_errors_of_all_requests_burn_a_budget_also_when_both_are_counters():
    world = World()
    part = MetricFactory(project=world.environment.project, key="errors_total", is_counter=True)
    whole = MetricFactory(project=world.environment.project, key="requests_total", is_counter=True)
    objective = ObjectiveFactory(
        environment=world.environment, health_check=None, kind="BAD", part=part, whole=whole, target_percent=99.0
    )
    AlertRule.objects.all().delete()
    rule = AlertRuleFactory(
        kind="BURN_RATE", objective=objective, metric=None, project=world.environment.project, hold_seconds=0,
        next_judge_at=at(-1),
    )  # fmt: skip
    for metric, slope in ((part, 3), (whole, 10)):
        series = SeriesFactory(environment=world.environment, metric=metric)
        world.fill(lambda minute, slope=slope: (minute + 500) * slope, -400, 30, series=series)
    judge_rules(now=at(10))
    assert rule.alerts.get().state == "FIRING"


# --- who may be judged, and when --------------------------------------------------------------------------------------


def test_planned_maintenance_is_not_judged():
    world = World(window_seconds=60)
    MaintenanceWindow.objects.create(
        project=world.environment.project, environment=world.environment, starts_at=at(-5), ends_at=at(20), reason="x"
    )
    world.fill(150, -5, 20)
    world.fill(50, 20, 40)
    assert world.judge(15) == []
    assert world.judge(35) == []


def test_a_muted_rule_is_judged_and_tells_nobody_until_it_is_unmuted():
    world = World(window_seconds=60)
    world.fill(150, -10, 30)
    mute_rule(rule=world.rule, now=at(0))
    world.sweep(5)
    assert world.alert().is_muted
    assert not hasattr(world.alert(), "occurrence")
    unmute_rule(rule=world.rule, now=at(6))
    world.sweep(6)
    assert world.alert().occurrence


def test_a_paused_rule_is_not_judged_and_begins_anew():
    world = World(window_seconds=60)
    world.fill(150, -10, 30)
    world.judge(5)
    assert pause_rule(rule=world.rule, now=at(6))
    assert world.judge(10) == ["RESOLVED"]
    assert world.alert().ended_by == "PAUSED"
    assert resume_rule(rule=world.rule, now=at(11))
    assert world.judge(15) == ["RESOLVED", "FIRING"]


def test_what_a_rule_asked_before_it_was_changed_ends_unproven():
    world = World(window_seconds=60)
    world.fill(150, -10, 30)
    world.judge(5)
    save_rule(project=world.rule.project, rule=world.rule, now=at(6), threshold=200.0, clear_threshold=100.0)
    assert world.alert().ended_by == "CHANGED"
    assert world.judge(10) == ["RESOLVED"]


def test_a_new_name_changes_nothing_of_what_fires():
    world = World(window_seconds=60)
    world.fill(150, -10, 30)
    world.judge(5)
    world.rule.refresh_from_db()
    save_rule(project=world.rule.project, rule=world.rule, now=at(6), name="Too slow")
    assert world.judge(10) == ["FIRING"]


def test_a_change_of_its_name_by_somebody_who_read_it_earlier_takes_nothing_back():
    world = World(window_seconds=60)
    world.fill(lambda minute: 150 if minute < 3 or minute > 8 else 50, -10, 30)
    read_earlier = AlertRule.objects.get(pk=world.rule.pk)
    world.judge(12)
    mute_rule(rule=world.rule, now=at(12))
    save_rule(project=world.rule.project, rule=read_earlier, now=at(12), name="Too slow")
    world.rule.refresh_from_db()
    assert (world.rule.name, world.rule.judged_until, world.rule.muted_at) == ("Too slow", at(12), at(12))
    assert world.judge(13) == ["FIRING"]


def test_what_somebody_says_while_the_sweep_runs_is_kept(monkeypatch):
    world = World(window_seconds=60)
    world.fill(150, -10, 30)
    world.judge(5)
    original = alerting.rules.walk

    def walk(*args):
        Alert.objects.update(answer="YES")
        return original(*args)

    monkeypatch.setattr(alerting.rules, "walk", walk)
    world.judge(10)
    assert world.alert().answer == "YES"
    assert world.alert().seen_at == at(10)


# --- what goes wrong --------------------------------------------------------------------------------------------------


def test_a_rule_that_cannot_be_judged_is_parked_with_its_error_and_stops_nobody(monkeypatch):
    bad, good = World(window_seconds=60), World(window_seconds=60)
    good.fill(150, -10, 10)
    judged = selected.condition_of

    def condition_of(rule):
        if rule.pk == bad.rule.pk:
            raise ZeroDivisionError
        return judged(rule)

    monkeypatch.setattr("monitoring.services.alerting.condition_of", condition_of)
    monkeypatch.setattr("monitoring.selectors.rules.condition_of", condition_of)
    bad.fill(150, -10, 10)
    judge_rules(now=at(5))
    bad.rule.refresh_from_db()
    assert "could not be judged: ZeroDivisionError" in bad.rule.error
    assert bad.rule.next_judge_at == at(6)
    assert good.rule.alerts.get().state == "FIRING"
    monkeypatch.undo()
    judge_rules(now=at(7))
    bad.rule.refresh_from_db()
    assert (bad.rule.error, bad.rule.alerts.get().state) == ("", "FIRING")


def test_a_rule_that_matches_too_much_says_so(monkeypatch):
    monkeypatch.setattr(selected, "MAX_SERIES_OF_RULE", 1)
    world = World()
    world.new_series(shop="de")
    world.judge(5)
    world.rule.refresh_from_db()
    assert "Name a label or an environment" in world.rule.error


def test_a_crash_before_the_rule_is_remembered_leaves_nothing_and_doubles_nothing(monkeypatch):
    world = World(window_seconds=60)
    world.fill(150, -10, 10)

    def crash(*args):
        raise MemoryError

    monkeypatch.setattr("monitoring.services.alerting._keep", crash)
    world.judge(5)
    assert world.states() == []
    monkeypatch.undo()
    assert world.judge(7) == ["FIRING"]


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_make_one_alert():
    world = World(window_seconds=60)
    world.fill(150, -10, 10)
    at_once(lambda: judge_rules(now=at(5)), 3)
    assert world.states() == ["FIRING"]


@pytest.mark.django_db(transaction=True)
def test_a_rule_that_another_worker_holds_is_left_to_it():
    world = World(window_seconds=60)
    world.fill(150, -10, 10)
    with transaction.atomic():
        AlertRule.objects.select_for_update(no_key=True).get(pk=world.rule.pk)
        at_once(lambda: judge_rules(now=at(5)), 1)
    assert world.states() == []
    assert world.judge(5) == ["FIRING"]


def test_after_an_interruption_the_moments_in_between_are_judged():
    world = World(window_seconds=60)
    world.fill(lambda minute: 150 if 10 <= minute < 20 else 50, -10, 70)
    world.judge(0)
    assert world.judge(65) == ["RESOLVED"]
    assert at(11) < world.alert().fired_at < at(15)


def test_the_sweep_costs_a_fixed_number_of_queries_a_rule(django_assert_max_num_queries):
    world = World(window_seconds=60)
    for number in range(20):
        world.fill(50, -10, 10, series=world.new_series(shop=str(number)))
    with django_assert_max_num_queries(14):
        judge_rules(now=at(5))


def test_samples_that_come_again_change_nothing():
    world = World(window_seconds=60)
    world.fill(50, -10, 10)
    store_samples([world.series.pk], [at(1)], [5000.0])
    assert world.judge(5) == []


def test_a_sum_waits_for_samples_that_are_on_their_way():
    world = World(
        window_seconds=300, aggregate="SUM", direction="BELOW", threshold=9, clear_threshold=9, hold_seconds=0
    )
    world.fill(1, -30, 9.5)
    assert world.judge(10) == []
    assert world.judge(13) == ["FIRING"]


def test_a_rule_is_due_again_after_its_step():
    world = World(window_seconds=60)
    world.judge(0)
    world.rule.refresh_from_db()
    assert world.rule.next_judge_at - world.rule.judged_until == timedelta(seconds=10)
