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


def test_a_change_has_held_when_the_latest_values_are_nearer_to_it():
    change = LevelChange(0, 200, 100, "v2")
    assert lasting([change], series(*[100] * 10)) == (change,)
    assert lasting([change], series(*[140] * 10)) == (change,)
    assert lasting([change], series(*[100] * 20, *[190] * 10)) == ()


def test_a_change_has_to_hold_only_until_the_next_one():
    first, second = LevelChange(0, 200, 100, "v2"), LevelChange(10, 100, 300, "v3")
    assert lasting([second, first], series(*[100] * 10, *[300] * 10)) == (first, second)


def test_with_hardly_a_value_nobody_knows_whether_it_held():
    assert lasting([LevelChange(0, 200, 100, "v2")], series(100, 100, 100)) == ()


numbers = st.floats(allow_nan=True, allow_infinity=True)
levels = st.floats(-1e300, 1e300)


@given(st.lists(numbers, max_size=20), st.lists(st.builds(LevelChange, levels, levels, levels, st.just("v"))))
def test_no_values_and_no_levels_are_too_odd(values, changes):
    found = at_new_level(series(*values), lasting(changes, series(*values)))
    assert len(found) == len(values)
