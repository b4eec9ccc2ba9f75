"""The value a rule watches, at many moments at once, against the plain arithmetic of one."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitoring.rules import NOTHING, Condition, Line, moments_between, needed, step_of, values_at

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
PLAIN = {
    "MEAN": np.mean, "MAX": np.max, "MIN": np.min, "SUM": np.sum, "LAST": lambda v: v[-1],
    "P95": lambda v: np.quantile(v, 0.95), "COUNT": len,
}  # fmt: skip


@st.composite
def lines(draw):
    times = sorted(draw(st.sets(st.integers(0, 2000), max_size=60)))
    values = [draw(st.floats(-1e6, 1e6)) for _ in times]
    return Line(np.array(times, float), np.array(values, float))


def plainly(aggregate, line, moment, window):
    inside = line.values[(line.times > moment - window) & (line.times <= moment)]
    return float(PLAIN[aggregate](inside)) if len(inside) else np.nan


@unhurried
@given(lines(), st.sampled_from(sorted(PLAIN)), st.sampled_from([10.0, 60.0, 300.0, 3000.0]))
def test_each_aggregate_is_that_of_the_samples_in_its_window(line, aggregate, window):
    moments = np.arange(-60, 2400, 60.0)
    condition = Condition(kind="THRESHOLD", threshold=0, aggregate=aggregate, window=window)
    wanted = [plainly(aggregate, line, moment, window) for moment in moments]
    assert values_at(condition, line, moments) == pytest.approx(wanted, rel=1e-9, abs=1e-6, nan_ok=True)


@unhurried
@given(lines(), st.lists(st.integers(0, 2000), min_size=1, max_size=20))
def test_moments_are_judged_alike_alone_and_together(line, moments):
    together = values_at(Condition(kind="THRESHOLD", threshold=0), line, np.array(sorted(moments), float))
    alone = [
        values_at(Condition(kind="THRESHOLD", threshold=0), line, np.array([float(m)]))[0] for m in sorted(moments)
    ]
    assert together == pytest.approx(alone, nan_ok=True)


def test_no_sample_is_too_few_but_never_few_enough():
    few = Condition(kind="THRESHOLD", threshold=5, direction="BELOW", aggregate="COUNT")
    many = Condition(kind="THRESHOLD", threshold=5, direction="ABOVE", aggregate="COUNT")
    assert values_at(few, NOTHING, np.array([600.0]))[0] == 0
    assert np.isnan(values_at(many, NOTHING, np.array([600.0]))[0])


def test_silence_is_counted_from_the_last_sample():
    condition = Condition(kind="ABSENCE", threshold=300)
    line = Line(np.array([0.0, 60.0]), np.array([1.0, 1.0]))
    assert values_at(condition, line, np.array([0.0, 60.0, 90.0, 400.0])).tolist() == [0, 0, 30, 340]


def test_silence_before_anything_was_known_is_none():
    condition = Condition(kind="ABSENCE", threshold=300)
    found = values_at(condition, NOTHING, np.array([0.0, 100.0, 900.0]), since=100.0)
    assert np.isnan(found[0])
    assert found[1:].tolist() == [0, 800]


def test_maintenance_is_no_silence_and_is_not_judged():
    condition = Condition(kind="ABSENCE", threshold=300)
    line = Line(np.array([0.0]), np.array([1.0]))
    found = values_at(condition, line, np.array([60.0, 200.0, 460.0]), spans=[(100.0, 400.0)])
    assert found[0] == 60
    assert np.isnan(found[1])
    assert found[2] == 60


def test_samples_of_maintenance_do_not_count_afterwards():
    line = Line(np.array([150.0, 410.0]), np.array([1000.0, 1.0]))
    condition = Condition(kind="THRESHOLD", threshold=1, window=600)
    assert values_at(condition, line, np.array([420.0]), spans=[(100.0, 400.0)]).tolist() == [1]


def test_a_change_is_told_against_the_window_before_yesterday_or_last_week():
    times = np.array([0.0, 86_400 * 6, 86_400 * 7 - 300, 86_400 * 7])
    line = Line(times, np.array([10.0, 20.0, 40.0, 50.0]))
    at = np.array([86_400 * 7.0])

    def change(versus, **how):
        return values_at(Condition(kind="RATE_OF_CHANGE", threshold=0, versus=versus, **how), line, at)[0]

    assert change("BEFORE") == 25
    assert change("DAY") == 150
    assert change("WEEK") == 400
    assert change("DAY", is_relative=False) == 30


def test_a_comparison_with_last_week_needs_no_more_than_its_two_ends():
    condition = Condition(kind="RATE_OF_CHANGE", threshold=0, versus="WEEK", window=300)
    week = 7 * 86_400.0
    assert needed(condition, week, week + 60) == [(-300, 60), (week - 300, week + 60)]
    assert needed(Condition(kind="RATE_OF_CHANGE", threshold=0, window=300), 1000, 1060) == [(400, 1060)]
    assert needed(Condition(kind="THRESHOLD", threshold=0, window=300), 1000, 1060) == [(700, 1060)]


@unhurried
@given(lines(), st.sampled_from(["THRESHOLD", "RATE_OF_CHANGE"]), st.floats(500, 2000))
def test_what_is_needed_is_enough(line, kind, moment):
    condition = Condition(kind=kind, threshold=0, versus="BEFORE", window=120, is_relative=False)
    kept = np.zeros(len(line.times), dtype=bool)
    for start, end in needed(condition, moment, moment):
        kept |= (line.times >= start) & (line.times <= end)
    few = Line(line.times[kept], line.values[kept])
    whole, part = (values_at(condition, some, np.array([moment])) for some in (line, few))
    assert part == pytest.approx(whole, nan_ok=True)


def test_a_change_from_nought_cannot_be_told_in_per_cent():
    line = Line(np.array([0.0, 300.0]), np.array([0.0, 5.0]))
    condition = Condition(kind="RATE_OF_CHANGE", threshold=0)
    assert np.isnan(values_at(condition, line, np.array([300.0]))[0])


def test_a_fall_below_nought_is_a_fall():
    line = Line(np.array([0.0, 300.0]), np.array([-10.0, -20.0]))
    assert values_at(Condition(kind="RATE_OF_CHANGE", threshold=0), line, np.array([300.0]))[0] == -100


@given(st.integers(0, 10**6), st.integers(0, 10**4), st.sampled_from([10.0, 30.0, 60.0]))
def test_the_grid_is_the_same_whoever_asks_when(start, length, step):
    middle, end = start + length // 2, start + length
    parts = np.concatenate([moments_between(start, middle, step), moments_between(middle, end, step)])
    assert parts.tolist() == moments_between(start, end, step).tolist()


def test_a_rule_is_judged_many_times_in_its_window():
    assert [step_of(window) for window in (10, 60, 300, 900, 3600, 86_400)] == [10, 10, 30, 60, 300, 600]
