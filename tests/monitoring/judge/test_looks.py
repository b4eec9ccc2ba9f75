"""Looks: when, and how sure each has to be, so that many looks do not cry wolf more often than one."""

import numpy as np
import pytest

from monitoring.judge.deployment import judge_deployment
from monitoring.judge.facts import Window
from monitoring.judge.looks import FALSE_ALARM_BUDGET, look_plan, look_times
from monitoring.judge.metric import judge_metric
from tests.monitoring.judge.makers import HOUR, MINUTE, T, after, history, metric


def test_looks_come_after_twice_as_long_each():
    assert look_times(T, T + 2 * HOUR) == tuple(T + minutes * MINUTE for minutes in (15, 30, 60, 120))
    assert look_times(T, T + 60, count=1) == (T + 60,)


@pytest.mark.parametrize("times", [(T, T), (T, T - 5)])
def test_a_period_without_length_is_looked_at_once(times):
    assert look_times(*times) == (T,)


def test_the_budget_is_spent_once():
    times = look_times(T, T + 2 * HOUR)
    plans = [look_plan(times, T, time) for time in times]
    assert [plan.number for plan in plans] == [1, 2, 3, 4]
    assert sum(plan.budget for plan in plans) == pytest.approx(FALSE_ALARM_BUDGET)
    assert [plan.is_last for plan in plans] == [False, False, False, True]
    assert [plan.next_look_at for plan in plans] == [*times[1:], None]


def test_a_late_look_is_the_latest_that_has_come():
    times = look_times(T, T + 2 * HOUR)
    assert look_plan(times, T, T + 40 * MINUTE).number == 2
    assert look_plan(times, T, T + 5 * HOUR).is_last
    assert look_plan(times, T, T + 1).number == 1


def test_looking_four_times_at_quiet_periods_seldom_cries_wolf():
    flagged = 0
    for seed in range(100):
        baseline, afterwards = history(days=2, seed=seed), after(minutes=60, seed=seed + 5000)
        times = look_times(T, T + HOUR)
        for time in times:
            seen = Window(T, T + HOUR, T, 120, time)
            found = judge_metric(baseline, afterwards, metric(), seen)
            said = judge_deployment([found], window=seen, look=look_plan(times, T, time))
            if said.result in ("DEGRADED", "FAILED"):
                flagged += 1
                break
    assert flagged <= 8


def test_a_large_regression_is_seen_at_the_first_look():
    times = look_times(T, T + HOUR)
    seen = Window(T, T + HOUR, T, 60, times[0])
    found = judge_metric(history(), after(level=900), metric(), seen)
    assert judge_deployment([found], window=seen, look=look_plan(times, T, times[0])).result == "DEGRADED"
    assert np.isfinite(found.score)
