"""Histories that mislead: each is handled, and a real change is found in it all the same."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from monitoring.judge.deployment import judge_deployment
from monitoring.judge.facts import BadDirection, FindingResult, MetricKind, Reason, Result, Series, Window
from monitoring.judge.looks import LookPlan
from monitoring.judge.metric import judge_metric
from tests.monitoring.judge.makers import DAY, HOUR, T, after, flat, history, metric, values, window

SEEDS = range(12)
#: Of the quiet ones no more than this may be called worse (a limit of 0.8 % and twelve seeds: one is bad luck).
FEW = 1


def judge(baseline, afterwards, the_window=None, **facts):
    return judge_metric(baseline, afterwards, metric(**{"least_change": 0.0} | facts), the_window or window())


def called_worse(results):
    return sum(result is FindingResult.REGRESSED for result in results)


def counts(start, end, rate, seed, step=60.0):
    times = start + step * np.arange(round((end - start) / step))
    return Series(times, np.random.default_rng(seed).poisson(rate, times.size).astype(float))


def mapped(series, change):
    """The same times with ``change(times, values)`` for values."""
    return Series(series.times, change(series.times, series.values))


def test_low_traffic_is_not_called_worse_and_a_flood_of_errors_is():
    quiet, worse = [], []
    for seed in SEEDS:
        past = counts(T - 3 * DAY, T, 0.3, seed)
        quiet.append(judge(past, counts(T, T + HOUR, 0.3, seed + 99), kind=MetricKind.ERROR_COUNT).result)
        worse.append(judge(past, counts(T, T + HOUR, 3, seed + 99), kind=MetricKind.ERROR_COUNT).result)
    assert called_worse(quiet) <= FEW
    assert called_worse(worse) == len(SEEDS)


def test_counts_that_are_nearly_always_zero_may_have_one_more_and_not_a_dozen():
    past = counts(T - 7 * DAY, T, 0.01, seed=3)
    one, dozen = flat(T, T + HOUR, 0.0), flat(T, T + HOUR, 0.0)
    one.values[30], dozen.values[10:58:4] = 1.0, 1.0
    assert judge(past, one).result is FindingResult.UNCHANGED
    assert judge(past, dozen).result is FindingResult.REGRESSED


@pytest.mark.parametrize("value", [0.0, 1.0, 7.5])
def test_a_constant_says_nothing_by_itself_and_is_healthy_beside_what_moves(value):
    still = judge(flat(T - 2 * DAY, T, value), flat(T, T + HOUR, value))
    moving = judge(history(), after(), key="metric:moving")
    look = LookPlan(1, 1, 0.05)
    assert (still.result, Reason.NEVER_MOVES in still.reasons) == (FindingResult.UNCHANGED, True)
    alone = judge_deployment([still], window=window(), look=look)
    assert (alone.result, alone.reasons) == (Result.INCONCLUSIVE, (Reason.NEVER_MOVES,))
    assert "one and the same value" in alone.sentence
    assert judge_deployment([still, moving], window=window(), look=look).result is Result.HEALTHY


def test_a_constant_that_moves_at_last_has_changed():
    assert judge(flat(T - 2 * DAY, T, 5.0), flat(T, T + HOUR, 5.5)).result is FindingResult.REGRESSED


@pytest.mark.parametrize("lost", [0.1, 0.4, 0.7])
def test_gaps_are_neither_zeros_nor_changes(lost):
    quiet, worse = [], []
    for seed in SEEDS:
        random = np.random.default_rng(seed)

        def with_gaps(series, random=random):
            kept = random.random(len(series)) > lost
            return Series(series.times[kept], series.values[kept])

        past = with_gaps(history(seed=seed))
        quiet.append(judge(past, with_gaps(after(seed=seed + 50)), bad_direction=BadDirection.BOTH).result)
        worse.append(judge(past, with_gaps(after(seed=seed + 50, level=330))).result)
    assert called_worse(quiet) <= FEW
    assert called_worse(worse) == len(SEEDS)


def test_a_day_without_values_is_no_day_to_compare_with():
    past = history(days=5, season=80)
    there = (past.times < T - 2 * DAY) | (past.times >= T - DAY)
    past = Series(past.times[there], past.values[there])
    assert judge(past, after(season=80)).result is FindingResult.UNCHANGED
    assert judge(past, after(season=80, level=340)).result is FindingResult.REGRESSED


@pytest.mark.parametrize(("changed_on", "name"), [((2026, 3, 29), "spring"), ((2026, 10, 25), "autumn")])
def test_the_hour_that_a_clock_is_moved_by_is_no_change(changed_on, name):
    """Traffic follows the clock on the wall; a day after it was moved, yesterday's hours are an hour off."""
    zone = ZoneInfo("Europe/Berlin")
    deployed = datetime(*changed_on, 9, 30, tzinfo=zone) + timedelta(days=1)
    start = deployed.astimezone(UTC).timestamp()
    times = start + 300 * np.arange(-10 * 288, 24)
    hours = [(at := datetime.fromtimestamp(time, zone)).hour + at.minute / 60 for time in times]
    wave = 1000 - 400 * np.cos(2 * np.pi * np.array(hours) / 24)
    found = []
    for drop in (1.0, 0.6):
        seen = wave + 40 * np.random.default_rng(5).standard_normal(wave.size)
        series = Series(times, np.where(times >= start, drop * seen, seen))
        the_window = Window(start, start + 2 * HOUR, start, 120, start + 2 * HOUR)
        found.append(judge(series, series, the_window, step_seconds=300.0, bad_direction=BadDirection.DOWN).result)
    assert found == [FindingResult.UNCHANGED, FindingResult.REGRESSED], name


@pytest.mark.parametrize("per_day", [10.0, -10.0, 60.0])
def test_a_trend_that_goes_on_is_no_change_and_a_step_on_it_is(per_day):
    def rising(times, seen):
        return seen + per_day * (times - T) / DAY

    quiet, worse = [], []
    for seed in SEEDS:
        past, now = mapped(history(days=7, seed=seed), rising), mapped(after(seed=seed + 70), rising)
        quiet.append(judge(past, now, bad_direction=BadDirection.BOTH).result)
        worse.append(judge(past, mapped(now, lambda _, seen: seen + 30)).result)
    assert called_worse(quiet) <= FEW
    assert called_worse(worse) >= len(SEEDS) - 1


@pytest.mark.parametrize("days_ago", [0.5, 1.5, 4])
@pytest.mark.parametrize("shift", [100, -100])
def test_an_old_shift_of_the_level_is_not_held_against_a_deployment(days_ago, shift):
    def shifted(times, seen):
        return np.where(times < T - days_ago * DAY, seen - shift, seen)

    quiet, worse = [], []
    for seed in SEEDS:
        past = mapped(history(days=7, seed=seed), shifted)
        quiet.append(judge(past, after(seed=seed + 30), bad_direction=BadDirection.BOTH).result)
        worse.append(judge(past, after(seed=seed + 30, level=360)).result)
    assert called_worse(quiet) <= FEW
    assert called_worse(worse) >= len(SEEDS) - 1


def test_an_old_incident_is_not_what_is_normal():
    def with_incident(times, seen):
        return np.where((times > T - 30 * HOUR) & (times < T - 28 * HOUR), seen * 5, seen)

    past = mapped(history(days=4), with_incident)
    assert judge(past, after()).result is FindingResult.UNCHANGED
    assert judge(past, after(level=350)).result is FindingResult.REGRESSED


def test_a_metric_that_began_an_hour_ago_is_judged_by_that_hour():
    past = values(T - HOUR, T)
    assert judge(past, after(minutes=30), window(minutes=30)).result is FindingResult.UNCHANGED
    assert judge(past, after(minutes=30, level=450), window(minutes=30)).result is FindingResult.REGRESSED


def test_a_metric_measured_every_hour_is_judged_in_its_own_steps():
    past = values(T - 14 * DAY, T, step=HOUR, season=60)
    day = window(minutes=1440)
    now = values(T, T + DAY, step=HOUR, season=60, seed=7)
    worse = mapped(now, lambda _, seen: seen + 60)
    assert judge(past, now, day, step_seconds=HOUR).result is FindingResult.UNCHANGED
    assert judge(past, worse, day, step_seconds=HOUR).result is FindingResult.REGRESSED
