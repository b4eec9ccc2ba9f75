"""Stretches of time: what is left out of a history, where a reference is moved, a clock that stands still."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from monitoring.judge.facts import FindingResult, MetricFacts, OutageFacts, Series, Window
from monitoring.judge.grid import lay_out
from monitoring.judge.metric import judge_metric
from monitoring.judge.moments import moments_of
from monitoring.judge.ranks import MIN_BEFORE
from monitoring.judge.stretches import (
    DAY,
    LEAST_VALUES,
    WEEK,
    aligned,
    between,
    cut,
    inside,
    is_mostly_inside,
    merged,
    on_a_stopped_clock,
    ordinary,
    undisturbed,
)
from tests.monitoring.judge.makers import HOUR, MINUTE, T, after, history, metric, window


def without(*spans, **options):
    usual = window(**options)
    return Window(**{name: getattr(usual, name) for name in usual.__dataclass_fields__} | {"left_out": spans})


def joined(*parts):
    return Series(np.concatenate([part.times for part in parts]), np.concatenate([part.values for part in parts]))


def spoiled(series, start, end, value):
    values = np.where((series.times >= start) & (series.times < end), value, series.values)
    return Series(series.times, values)


# --- stretches --------------------------------------------------------------------------------------------------------


def test_stretches_that_touch_or_overlap_become_one_and_empty_ones_go():
    assert merged([(5, 6), (1, 3), (2, 4), (4, 5), (9, 9), (12, 10)]) == ((1, 6),)


def test_stretches_are_cut_at_both_ends():
    assert cut([(0, 10), (20, 30)], 5, 25) == ((5, 10), (20, 25))


def test_the_end_of_a_stretch_does_not_belong_to_it():
    assert inside(np.array([0.0, 1.0, 1.5, 2.0, 5.0]), [(1, 2), (4, 5)]).tolist() == [False, True, True, False, False]


def test_half_of_the_time_is_most_of_it():
    assert is_mostly_inside([(0, 5)], 0, 10)
    assert not is_mostly_inside([(0, 4.9)], 0, 10)
    assert not is_mostly_inside([(0, 5)], 10, 10)


# --- a history without its anomalies ----------------------------------------------------------------------------------


def test_as_many_values_have_to_remain_as_a_comparison_needs():
    assert LEAST_VALUES == MIN_BEFORE


@pytest.mark.parametrize(("share", "is_left_out"), [(0.5, True), (0.66, True), (0.68, False), (1.0, False)])
def test_a_history_of_which_less_than_a_third_would_remain_is_kept_whole(share, is_left_out):
    series = history(days=1)
    start = T - DAY
    found, was_left_out = ordinary(series, [(start, start + share * DAY)])
    assert was_left_out is is_left_out
    assert (len(found) < len(series)) is is_left_out


def test_what_was_left_out_is_unknown_and_does_not_lower_the_coverage():
    span = (T - 10 * HOUR, T - 8 * HOUR)
    grid = lay_out(history(days=2), after(), metric(), without(span))
    assert np.isnan(grid.before[-600:-480]).all()
    assert np.isfinite(grid.before[-480:]).all()
    assert grid.left_out.sum() == 120
    assert grid.coverage_before == 1.0


def test_what_remains_of_a_short_history_moves_up_to_the_deployment():
    span = (T - 10 * HOUR, T)
    grid = lay_out(history(days=1), after(), metric(), without(span))
    assert grid.before.size == 14 * 60
    assert np.isfinite(grid.before).all()
    bad = spoiled(history(days=1), *span, 900.0)
    quiet, same = joined(bad, after()), joined(bad, after(level=900))
    assert judge_metric(quiet, quiet, metric(), without(span)).result is FindingResult.UNCHANGED
    assert judge_metric(same, same, metric(), without(span)).result is FindingResult.REGRESSED


def test_nothing_is_ever_left_out_of_what_is_judged():
    grid = lay_out(history(days=1), after(), metric(), without((T - HOUR, T + DAY)))
    assert np.isfinite(grid.after).all()


def test_ordinary_moments_lie_mostly_outside_of_what_was_left_out():
    spans = (T - 40 * HOUR, T - 30 * HOUR), (T - 12 * HOUR, T - 6 * HOUR)
    grid = lay_out(history(days=3), after(), metric(), without(*spans))
    moments = moments_of(grid, np.concatenate([grid.before, grid.after]))
    assert len(moments.at) > 80
    for start in moments.at[:-1] + grid.settle:
        assert grid.left_out[start : start + moments.length].mean() < 0.5


def test_an_outage_in_the_history_no_longer_hides_a_regression():
    span = (T - 30 * HOUR, T - 14 * HOUR)
    series = joined(spoiled(history(days=2), *span, 3000.0), after(level=360))
    assert judge_metric(series, series, metric(), without(span)).result is FindingResult.REGRESSED
    assert (
        judge_metric(series, series, metric(), without()).score
        < judge_metric(series, series, metric(), without(span)).score
    )


def test_a_history_that_is_all_anomalies_is_judged_as_it_is():
    series = joined(history(days=1), after())
    all_of_it = judge_metric(series, series, metric(), without((T - 2 * DAY, T)))
    assert all_of_it == judge_metric(series, series, metric(), without())


@pytest.mark.parametrize("span", [(T - DAY, T - DAY + 1), (T - 60, T), (T - 3 * DAY, T - 2.2 * DAY), (T, T - DAY)])
def test_odd_stretches_do_no_harm(span):
    series = joined(history(days=3), after())
    assert judge_metric(series, series, metric(), without(span)).result is FindingResult.UNCHANGED


def test_the_hours_right_before_may_be_left_out():
    span = (T - 5 * HOUR, T)
    bad = spoiled(history(days=3), *span, 900.0)
    quiet, same = joined(bad, after()), joined(bad, after(level=900))
    assert judge_metric(quiet, quiet, metric(), without(span)).result is FindingResult.UNCHANGED
    assert judge_metric(same, same, metric(), without(span)).result is FindingResult.REGRESSED


# --- where a reference is moved ---------------------------------------------------------------------------------------


def test_a_reference_of_weeks_is_moved_by_whole_weeks_and_ends_at_the_deployment():
    start, end, shift = aligned(T - 40 * DAY, T - 20.3 * DAY, T)
    assert (start, end, shift) == (T - 40 * DAY, T - 3 * WEEK, 3 * WEEK)


def test_a_reference_of_days_is_moved_by_whole_days():
    start, end, shift = aligned(T - 10 * DAY, T - 6.5 * DAY, T)
    assert (start, end, shift) == (T - 10 * DAY, T - 7 * DAY, 7 * DAY)


def test_weeks_are_not_kept_at_the_price_of_most_of_the_reference():
    start, end, shift = aligned(T - 22 * DAY, T - 14.5 * DAY, T)
    assert (end, shift) == (T - 15 * DAY, 15 * DAY)
    assert end - start == 7 * DAY


def test_a_reference_shorter_than_a_day_is_moved_as_it_is():
    assert aligned(T - 50 * HOUR, T - 45 * HOUR, T) == (T - 50 * HOUR, T - 45 * HOUR, 45 * HOUR)


def test_a_reference_that_lasted_until_the_deployment_stays_where_it_is():
    assert aligned(T - 3 * DAY, T, T) == (T - 3 * DAY, T, 0.0)


def test_clock_hours_are_those_of_utc_whatever_people_did_to_their_clocks():
    berlin = ZoneInfo("Europe/Berlin")
    deployed = datetime(2026, 10, 28, 9, tzinfo=berlin).timestamp()  # winter time since the 25th
    began = datetime(2026, 10, 20, 9, tzinfo=berlin).timestamp()
    _, end, shift = aligned(began, datetime(2026, 10, 24, 12, tzinfo=berlin).timestamp(), deployed)
    assert shift % DAY == 0
    assert datetime.fromtimestamp(end, UTC).hour == datetime.fromtimestamp(deployed, UTC).hour == 8
    assert datetime.fromtimestamp(end, berlin).hour == 10


# --- a clock that stands still ----------------------------------------------------------------------------------------


def test_without_planned_work_nothing_moves():
    readings, outage = after(), OutageFacts(T + 60, T + 120)
    usual = window()
    assert on_a_stopped_clock(readings, usual, outage, [(T - HOUR, T)]) == (readings, usual, outage)


def test_readings_of_planned_work_are_gone_and_later_ones_move_up():
    readings = Series(T + MINUTE * np.array([-5.0, 5, 15, 25, 35]), np.ones(5))
    found, at, outage = on_a_stopped_clock(
        readings, window(), OutageFacts(T + 18 * MINUTE, T + 32 * MINUTE), [(T + 10 * MINUTE, T + 30 * MINUTE)]
    )
    assert ((found.times - T) / MINUTE).tolist() == [-5, 5, 15]
    assert (at.closes_at - T, at.looked_at - T) == (40 * MINUTE, 40 * MINUTE)
    assert (outage.began_at - T, outage.confirmed_at - T) == (10 * MINUTE, 12 * MINUTE)


def test_settling_begins_when_work_planned_around_the_roll_out_is_over():
    usual = Window(opens_at=T + 600, closes_at=T + HOUR, deployed_at=T, settle_seconds=120, looked_at=T + HOUR)
    _, at, _ = on_a_stopped_clock(after(), usual, None, [(T - HOUR, T + 1200)])
    assert at.judged_from == T + 120
    assert at.judged_until == T + HOUR - 1200


def test_a_metric_of_one_value_survives_everything_left_out():
    one = Series(np.array([T - 60.0]), np.array([1.0]))
    assert judge_metric(one, one, MetricFacts(key="a", name="A"), without((T - DAY, T))).result is FindingResult.NO_DATA


# --- the parts of a metric's window outside of planned work -----------------------------------------------------------


def parts(*quiet, look=HOUR, closes=HOUR, settle=2 * MINUTE):
    """Where the parts of an hour are judged, in minutes since it opened."""
    whole = Window(opens_at=T, closes_at=T + closes, deployed_at=T, settle_seconds=settle, looked_at=T + look)
    found = undisturbed(whole, [(T + start * MINUTE, T + end * MINUTE) for start, end in quiet], MINUTE)
    return [((part.judged_from - T) / MINUTE, (part.judged_until - T) / MINUTE) for part in found]


def test_between_stretches_lies_the_rest():
    assert between([(1, 2), (4, 5)], 0, 6) == ((0, 1), (2, 4), (5, 6))
    assert between([(0, 2), (4, 6)], 0, 6) == ((2, 4),)
    assert between([(0, 6)], 0, 6) == ()
    assert between([], 0, 6) == ((0, 6),)


@pytest.mark.parametrize(
    ("quiet", "judged"),
    [
        ([], [(2, 60)]),
        ([(20, 25)], [(2, 60)]),  # a gap
        ([(0, 20)], [(22, 60)]),  # it settles anew
        ([(-30, 1)], [(3, 60)]),
        ([(40, 60)], [(2, 40)]),
        ([(10, 30)], [(32, 60)]),  # the longest part is the latest one
        ([(30, 45)], [(2, 30), (47, 60)]),
        ([(30, 57)], [(2, 30)]),  # too little came after it
        ([(0, 60)], [(2, 60)]),  # nothing is left: said by the caller
        ([(70, 80)], [(2, 60)]),
    ],
)
def test_a_window_is_judged_in_the_parts_outside_of_planned_work(quiet, judged):
    assert parts(*quiet) == judged


def test_a_part_is_over_when_its_whole_window_is():
    window_ = Window(opens_at=T, closes_at=T + HOUR, deployed_at=T, settle_seconds=0, looked_at=T + HOUR)
    (part,) = undisturbed(window_, [(T + 40 * MINUTE, T + HOUR)], MINUTE)
    assert part.looked_at == part.closes_at == T + 40 * MINUTE
    at_noon = Window(opens_at=T, closes_at=T + HOUR, deployed_at=T, settle_seconds=0, looked_at=T + 50 * MINUTE)
    (part,) = undisturbed(at_noon, [(T + 40 * MINUTE, T + HOUR)], MINUTE)
    assert (part.looked_at, part.closes_at) == (T + 40 * MINUTE, T + HOUR)
