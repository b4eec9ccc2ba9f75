"""Where a line is heading, and which part of a whole grew: pure numbers, the answers known beforehand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.trends import DAY, Outlook, Part, bottleneck, capacity, part_of, theil_sen

NOW = 1_795_500_000.0


def days(count, per_day=48):
    return NOW - np.arange(count * per_day, 0, -1) * DAY / per_day


def rising(count, *, start, per_day, noise=0.0, seed=3):
    times = days(count)
    values = start + per_day * (times - times[0]) / DAY
    return times, values + noise * np.random.default_rng(seed).standard_normal(len(times))


# --- the slope --------------------------------------------------------------------------------------------------------


def test_the_slope_of_a_straight_line_is_its_slope():
    times = np.arange(20.0)
    slope = theil_sen(times, 3.0 + 0.5 * times)
    assert (slope.rise, slope.low, slope.high, slope.intercept) == pytest.approx((0.5, 0.5, 0.5, 3.0))


def test_a_quarter_of_wild_points_does_not_move_the_slope():
    times = np.arange(40.0)
    values = 10.0 + 2.0 * times
    values[::4] += 1e6
    assert theil_sen(times, values).rise == pytest.approx(2.0, rel=0.02)


def test_the_interval_holds_the_true_slope_about_as_often_as_it_says():
    times = np.arange(60.0)
    held = 0
    for seed in range(100):
        slope = theil_sen(times, 0.1 * times + np.random.default_rng(seed).standard_normal(60))
        held += slope.low <= 0.1 <= slope.high
    assert 88 <= held <= 100


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=40))
def test_the_slope_lies_in_its_interval_whatever_the_values(values):
    slope = theil_sen(np.arange(float(len(values))), np.array(values))
    assert slope.low <= slope.rise <= slope.high


def test_many_points_are_thinned_and_the_slope_stays():
    times = np.arange(50_000.0)
    assert theil_sen(times, 7.0 * times).rise == pytest.approx(7.0)


# --- capacity ---------------------------------------------------------------------------------------------------------


def test_a_rising_line_reaches_its_limit_on_the_day_that_can_be_worked_out():
    times, values = rising(20, start=40.0, per_day=1.5, noise=0.2)
    found = capacity(times, values, limit=100.0, now=NOW)
    assert found.outlook is Outlook.REACHES
    assert (found.reaches_at - NOW) / DAY == pytest.approx((100 - 70) / 1.5, rel=0.05)
    assert found.earliest <= found.reaches_at <= found.latest
    assert found.per_day == pytest.approx(1.5, rel=0.05)


def test_a_falling_line_reaches_a_limit_below_it():
    times, values = rising(20, start=100.0, per_day=-2.0, noise=0.2)
    found = capacity(times, values, limit=10.0, now=NOW, falling=True)
    assert found.outlook is Outlook.REACHES
    assert found.per_day == pytest.approx(-2.0, rel=0.05)
    assert (found.reaches_at - NOW) / DAY == pytest.approx((60 - 10) / 2.0, rel=0.06)


@pytest.mark.parametrize(
    ("count", "start", "per_day", "noise", "outlook"),
    [
        (20, 50.0, 0.0, 1.0, Outlook.STEADY),
        (20, 50.0, -1.0, 0.1, Outlook.AWAY),
        (20, 99.0, 1.0, 0.1, Outlook.OVER),
        (20, 10.0, 0.01, 0.0001, Outlook.FAR),
        (2, 50.0, 5.0, 0.1, Outlook.TOO_LITTLE),
    ],
)
def test_each_outlook_is_told_apart(count, start, per_day, noise, outlook):
    assert capacity(*rising(count, start=start, per_day=per_day, noise=noise), limit=100.0, now=NOW).outlook is outlook


def test_day_and_night_are_no_trend():
    times = days(10)
    values = 50 + 20 * np.sin(times / DAY * 2 * np.pi)
    assert capacity(times, values, limit=100.0, now=NOW).outlook is Outlook.STEADY


def test_nothing_at_all_is_too_little():
    assert capacity(np.empty(0), np.empty(0), limit=1.0, now=NOW).outlook is Outlook.TOO_LITTLE


# --- what grew --------------------------------------------------------------------------------------------------------


def test_the_part_that_grew_most_is_the_bottleneck_and_the_still_ones_are_named():
    found = bottleneck([Part("DNS", 4, 4), Part("First byte", 50, 168), Part("Rest", 20, 30)])
    assert (found.part.name, round(found.share, 2), found.unchanged) == ("First byte", 0.92, ("DNS",))


def test_parts_that_shrank_or_grew_by_next_to_nothing_are_no_bottleneck():
    assert bottleneck([Part("DNS", 4, 4.2), Part("TLS", 20, 10)]) is None
    assert bottleneck([Part("DNS", 1, 2)], least=3) is None


def test_too_few_values_make_no_part():
    assert part_of("DNS", np.ones(4), np.ones(9)) is None
    assert part_of("DNS", np.ones(5), np.full(5, 3.0)) == Part("DNS", 1.0, 3.0)
