"""A history at the level of now: pure rules."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.judge.facts import Series
from monitoring.judge.levels import LevelChange, at_new_level, lasting


def series(*values):
    return Series(np.arange(len(values), dtype=float), np.array(values, float))


def test_what_was_before_moves_in_proportion_and_what_came_after_stays():
    moved = at_new_level(series(200, 220, 100, 110), [LevelChange(2, 200, 100, "v2")])
    assert moved.values.tolist() == [100, 110, 100, 110]


def test_several_changes_add_up():
    changes = [LevelChange(1, 400, 200, "v2"), LevelChange(2, 200, 100, "v3")]
    assert at_new_level(series(400, 200, 100), changes).values.tolist() == [100, 100, 100]


@pytest.mark.parametrize("change", [LevelChange(2, 0, 5, "v2"), LevelChange(2, -5, 0, "v2")])
def test_what_can_have_no_proportion_moves_by_the_difference(change):
    assert at_new_level(series(0, 1, 5, 6), [change]).values.tolist() == [5, 6, 5, 6]


def test_values_below_zero_move_by_the_difference():
    assert at_new_level(series(-1, 1, 5), [LevelChange(2, 2, 6, "v2")]).values.tolist() == [3, 5, 5]


BETTER = LevelChange(10, 200, 100, "v2")


def test_a_change_has_lasted_when_it_brings_what_was_before_nearer_to_what_is_now():
    assert lasting([BETTER], series(*[200] * 10, *[100] * 10)) == (BETTER,)
    assert lasting([BETTER], series(*[200] * 10, *[130] * 10)) == (BETTER,)


def test_what_healed_or_was_rolled_back_has_not_lasted():
    assert lasting([BETTER], series(*[200] * 10, *[100] * 20, *[190] * 10)) == ()


def test_two_changes_in_a_row_last_together():
    worse = LevelChange(20, 100, 300, "v3")
    assert lasting([worse, BETTER], series(*[200] * 10, *[100] * 10, *[300] * 10)) == (BETTER, worse)


def test_of_a_change_that_was_rolled_back_and_came_again_only_the_second_counts():
    again = LevelChange(40, 200, 100, "v4")
    values = series(*[200] * 10, *[100] * 15, *[200] * 15, *[100] * 10)
    assert lasting([BETTER, again], values) == (again,)


def test_memory_that_falls_with_each_restart_and_grows_again_has_no_new_level():
    tooth = list(np.linspace(400, 500, 20))
    restarts = [LevelChange(20.0 * n, 500, 400, f"v{n}") for n in range(1, 10)]
    assert lasting(restarts, series(*tooth * 10)) == ()


def test_with_hardly_a_value_nobody_knows_whether_it_lasted():
    assert lasting([BETTER], series(*[200] * 10, 100, 100, 100)) == ()
    assert lasting([LevelChange(3, 200, 100, "v2")], series(*[200] * 3, *[100] * 10)) == ()


numbers = st.floats(allow_nan=True, allow_infinity=True)
levels = st.floats(-1e300, 1e300)


@given(st.lists(numbers, max_size=20), st.lists(st.builds(LevelChange, levels, levels, levels, st.just("v"))))
def test_no_values_and_no_levels_are_too_odd(values, changes):
    found = at_new_level(series(*values), lasting(changes, series(*values)))
    assert len(found) == len(values)
