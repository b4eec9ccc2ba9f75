"""Error budgets: what was counted, how fast it burns, what is left."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitoring.rules import (
    FAST,
    NOTHING,
    SLOW,
    Line,
    Tally,
    budget_left,
    burn_down,
    burn_rate,
    burn_values,
    by_time,
    cut,
    increments,
)

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def counted(bad_share, *, minutes=3 * 1440, per_minute=100.0):
    """A tally by minutes; `bad_share` is a number or a function of the minute."""
    give = bad_share if callable(bad_share) else lambda minute: bad_share
    times = np.arange(1, minutes + 1) * MINUTE
    bad = np.array([per_minute * give(minute) for minute in range(minutes)])
    return Tally(times, bad, np.full(minutes, per_minute))


def test_the_windows_are_those_of_the_workbook():
    assert [(burn.factor, burn.long, burn.short) for burn in (*FAST, *SLOW)] == [
        (14.4, HOUR, 5 * MINUTE), (6.0, 6 * HOUR, 30 * MINUTE), (1.0, 3 * DAY, 6 * HOUR),
    ]  # fmt: skip
    # 2 %, 5 % and 10 % of a budget of 30 days
    assert [round(burn.factor * burn.long / (30 * DAY), 3) for burn in (*FAST, *SLOW)] == [0.02, 0.05, 0.1]


@pytest.mark.parametrize(("share", "rate"), [(0.001, 1), (0.0144, 14.4), (0.0, 0)])
def test_a_burn_of_one_spends_exactly_the_budget(share, rate):
    tally = counted(share)
    assert burn_rate(tally, tally.times[-1:], HOUR, 0.999)[0] == pytest.approx(rate)


def test_a_fast_burn_needs_both_windows():
    now = 3 * DAY
    short = counted(lambda minute: 0.2 if minute >= 3 * 1440 - 2 else 0)
    lasting = counted(lambda minute: 0.2 if minute >= 3 * 1440 - 30 else 0)
    over = counted(lambda minute: 0.2 if 3 * 1440 - 60 <= minute < 3 * 1440 - 30 else 0)
    fires = [burn_values(tally, np.array([now]), FAST, 0.999)[0] > 1 for tally in (short, lasting, over)]
    assert fires == [False, True, False]


def test_a_slow_burn_is_told_by_the_slow_rule_alone():
    tally = counted(0.002)
    at = tally.times[-1:]
    assert burn_values(tally, at, SLOW, 0.999)[0] > 1
    assert burn_values(tally, at, FAST, 0.999)[0] < 1


def test_nothing_counted_is_not_well():
    empty = cut(NOTHING, NOTHING, step=MINUTE)
    assert np.isnan(burn_values(empty, np.array([DAY]), FAST, 0.999)[0])
    assert budget_left(empty, 0.999) is None
    assert np.isnan(burn_down(empty, 0.999, 0, DAY, 5).values).all()


@pytest.mark.parametrize(("share", "left"), [(0.0, 1.0), (0.0005, 0.5), (0.001, 0.0), (0.003, -2.0)])
def test_the_budget_that_is_left_may_be_overspent(share, left):
    assert budget_left(counted(share), 0.999) == pytest.approx(left)


@unhurried
@given(st.lists(st.floats(0, 1), min_size=1, max_size=50), st.floats(0.5, 0.9999))
def test_the_burn_down_only_falls_and_ends_at_what_is_left(shares, target):
    tally = counted(lambda minute: shares[minute], minutes=len(shares))
    line = burn_down(tally, target, 0.0, float(tally.times[-1]), 20)
    known = line.values[np.isfinite(line.values)]
    assert (np.diff(known) <= 1e-9).all()
    assert known[-1] == pytest.approx(budget_left(tally, target))


@unhurried
@given(st.lists(st.floats(0, 0.5), min_size=5, max_size=40), st.floats(0, 0.5))
def test_more_errors_never_burn_less(shares, more):
    moments = np.array([len(shares) * MINUTE])
    fewer = counted(lambda minute: shares[minute], minutes=len(shares))
    worse = counted(lambda minute: shares[minute] + more, minutes=len(shares))
    assert burn_rate(worse, moments, HOUR, 0.99)[0] >= burn_rate(fewer, moments, HOUR, 0.99)[0] - 1e-9


def test_counts_fall_into_the_bucket_that_ends_after_them():
    tally = cut(Line(np.array([30.0]), np.array([1.0])), Line(np.array([30.0, 60.0, 61.0]), np.ones(3)), step=MINUTE)
    assert tally.times.tolist() == [60, 120]
    assert tally.bad.tolist() == [1, 0]
    assert tally.total.tolist() == [2, 1]


def test_what_lies_in_maintenance_is_left_out():
    total = Line(np.array([30.0, 90.0]), np.ones(2))
    tally = cut(total, total, step=MINUTE, spans=[(0.0, 60.0)])
    assert tally.total.tolist() == [0, 1]


def test_an_error_nobody_counted_in_total_counts():
    tally = cut(Line(np.array([30.0]), np.array([3.0])), NOTHING, step=MINUTE)
    assert tally.total.tolist() == [3]


def test_what_was_asked_more_often_was_not_up_for_longer():
    tally = Tally(np.array([60.0, 120.0]), np.array([0.0, 12.0]), np.array([1.0, 12.0]))
    assert by_time(tally).bad.tolist() == [0, 1]
    assert by_time(tally).total.tolist() == [1, 1]


def test_a_counter_that_fell_began_again_at_nought():
    line = Line(np.array([0.0, 1.0, 2.0, 3.0]), np.array([5.0, 8.0, 2.0, 4.0]))
    assert increments(line).values.tolist() == [3, 2, 2]
    assert len(increments(Line(np.array([0.0]), np.array([5.0]))).times) == 0
