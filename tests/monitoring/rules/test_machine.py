"""pending → firing → resolved, as properties that hold for any values."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitoring.rules import FIRING, PENDING, QUIET, RESOLVED, Condition, Standing, stretches, walk
from monitoring.rules.machine import Walk

NAN = float("nan")
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
numbers = st.floats(-1e6, 1e6)
#: NaN is "nobody could tell".
readings = st.lists(st.one_of(numbers, st.just(NAN)), min_size=1, max_size=60)


def moments_of(values, step=60.0):
    return [step * place for place in range(len(values))]


@st.composite
def conditions(draw, direction=None):
    one, other = sorted((draw(numbers), draw(numbers)))
    above = (direction or draw(st.sampled_from(["ABOVE", "BELOW"]))) == "ABOVE"
    return Condition(
        kind="THRESHOLD",
        direction="ABOVE" if above else "BELOW",
        threshold=other if above else one,
        clear=one if above else other,
        hold=draw(st.sampled_from([0.0, 30.0, 60.0, 300.0, 1200.0])),
    )


def states_after(condition, values):
    """The state after each value."""
    standing, states = Standing(), []
    for at, value in zip(moments_of(values), values, strict=True):
        standing = walk(condition, [at], [value], standing).standing
        states.append(standing.state)
    return states


def firing(condition, values):
    return {place for place, state in enumerate(states_after(condition, values)) if state == FIRING}


def told(condition, values):
    return [change.to for change in walk(condition, moments_of(values), values).transitions]


LIMIT = Condition(kind="THRESHOLD", threshold=100, clear=80, hold=120)


def test_it_waits_for_as_long_as_it_must_last_then_fires_then_resolves():
    found = walk(LIMIT, moments_of([50, 150, 150, 150, 90, 70]), [50, 150, 150, 150, 90, 70])
    assert [(change.at, change.to) for change in found.transitions] == [
        (60, PENDING), (180, FIRING), (300, RESOLVED),
    ]  # fmt: skip
    assert found.transitions[1].since == 60


def test_what_does_not_last_goes_away_without_a_word():
    assert told(LIMIT, [150, 150, 90, 150, 150, 90]) == [PENDING, QUIET, PENDING, QUIET]


def test_a_rule_that_need_not_last_fires_at_the_first_breach():
    assert told(Condition(kind="THRESHOLD", threshold=1), [0, 2, 0]) == [PENDING, FIRING, RESOLVED]


def test_a_hold_shorter_than_the_time_between_two_looks_still_fires():
    assert FIRING in told(Condition(kind="THRESHOLD", threshold=1, hold=20), [2, 2])


def test_after_a_long_silence_the_waiting_starts_again():
    moments = [0, 60, 3000, 3060, 3120]
    changes = walk(LIMIT, moments, [150, 150, 150, 150, 150]).transitions
    assert [(change.at, change.to, change.since) for change in changes] == [(0, PENDING, 0), (3120, FIRING, 3000)]


@unhurried
@given(conditions(), readings)
def test_between_the_two_bounds_nothing_ever_changes(condition, values):
    low, high = sorted((condition.threshold, condition.clear_at))
    before = walk(condition, moments_of(values), values).standing
    inside = [low + share * (high - low) for share in (0.25, 0.5, 0.75)]
    inside = [value for value in inside if not condition.clears(value) and not condition.breaches(value)]
    after = walk(condition, [1e6 + place for place in range(len(inside))], inside, before)
    if before.state == FIRING:
        assert after.transitions == ()
        assert after.standing.state == FIRING
    else:
        assert FIRING not in {change.to for change in after.transitions}


@unhurried
@given(conditions(), readings)
def test_it_fires_only_when_every_value_seen_for_so_long_was_beyond_the_threshold(condition, values):
    moments = moments_of(values)
    for change in walk(condition, moments, values).transitions:
        if change.to == FIRING:
            seen = [
                value
                for at, value in zip(moments, values, strict=True)
                if change.since <= at <= change.at and value == value
            ]
            assert change.at - change.since >= condition.hold
            assert seen
            assert all(condition.breaches(value) for value in seen)


@unhurried
@given(conditions(), readings)
def test_it_resolves_only_at_a_value_that_is_well(condition, values):
    for change in walk(condition, moments_of(values), values).transitions:
        if change.to == RESOLVED:
            assert condition.clears(change.value)


@unhurried
@given(conditions(), readings, st.integers(1, 30))
def test_missing_data_is_never_ok(condition, values, silent):
    before = walk(condition, moments_of(values), values).standing
    after = walk(condition, [1e6 + place for place in range(silent)], [NAN] * silent, before)
    assert after.standing == before
    assert after.transitions == ()


@unhurried
@given(conditions(), readings, st.integers(0, 60))
def test_walking_in_parts_is_walking_at_once(condition, values, place):
    moments = moments_of(values)
    first = walk(condition, moments[:place], values[:place])
    second = walk(condition, moments[place:], values[place:], first.standing)
    whole = walk(condition, moments, values)
    assert (*first.transitions, *second.transitions) == whole.transitions
    assert second.standing == whole.standing


@unhurried
@given(conditions(), readings)
def test_leaping_over_what_changes_nothing_changes_nothing(condition, values):
    standing, told = Standing(), []
    for at, value in zip(moments_of(values), values, strict=True):
        one = walk(condition, [at], [value], standing)
        standing = one.standing
        told.extend(one.transitions)
    assert walk(condition, moments_of(values), values) == Walk(standing, tuple(told))


@unhurried
@given(conditions(direction="ABOVE"), readings, st.floats(0, 1e6))
def test_worse_values_fire_whenever_better_ones_do(condition, values, more):
    assert firing(condition, values) <= firing(condition, [value + more for value in values])


@unhurried
@given(conditions(direction="ABOVE"), readings, st.floats(0, 1e6))
def test_a_higher_threshold_fires_no_more_often(condition, values, more):
    higher = Condition(
        kind="THRESHOLD", threshold=condition.threshold + more, clear=condition.clear, hold=condition.hold
    )
    assert firing(higher, values) <= firing(condition, values)


@unhurried
@given(conditions(direction="ABOVE"), readings)
def test_waiting_longer_fires_no_more_often(condition, values):
    longer = Condition(
        kind="THRESHOLD", threshold=condition.threshold, clear=condition.clear, hold=condition.hold + 600
    )
    # after a silence of more than ten minutes the shorter wait begins anew sooner than the longer one
    known = [value for value in values if value == value] or [0.0]
    assert firing(longer, known) <= firing(condition, known)


@unhurried
@given(conditions(direction="ABOVE"), readings)
def test_below_is_above_upside_down(condition, values):
    upside_down = Condition(
        kind="THRESHOLD",
        direction="BELOW",
        threshold=-condition.threshold,
        clear=-condition.clear_at,
        hold=condition.hold,
    )
    assert firing(condition, values) == firing(upside_down, [-value for value in values])


@unhurried
@given(conditions(), readings)
def test_transitions_alternate_as_the_states_allow(condition, values):
    allowed = {QUIET: {PENDING}, PENDING: {QUIET, FIRING}, FIRING: {RESOLVED}, RESOLVED: {PENDING}}
    state = QUIET
    for to in told(condition, values):
        assert to in allowed[state]
        state = to


def test_stretches_are_what_a_strip_shows():
    changes = walk(LIMIT, moments_of([150, 150, 150, 70, 150]), [150, 150, 150, 70, 150]).transitions
    assert [(part.state, part.start, part.end) for part in stretches(changes)] == [
        (PENDING, 0, 120), (FIRING, 120, 180), (PENDING, 240, None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("condition", "field"),
    [
        (Condition(kind="THRESHOLD", threshold=1, clear=2), "clear_threshold"),
        (Condition(kind="THRESHOLD", threshold=1, clear=0, direction="BELOW"), "clear_threshold"),
        (Condition(kind="THRESHOLD", threshold=NAN), "threshold"),
        (Condition(kind="THRESHOLD", threshold=1, window=0), "window_seconds"),
        (Condition(kind="THRESHOLD", threshold=1, hold=-1), "hold_seconds"),
    ],
)
def test_a_condition_that_makes_no_sense_names_the_field_to_mend(condition, field):
    assert condition.fault().field == field


def test_a_condition_that_makes_sense_has_no_fault():
    assert Condition(kind="THRESHOLD", threshold=1, clear=0.5).fault() is None


def test_a_week_at_every_look_is_walked_in_a_moment():
    values = np.random.default_rng(3).normal(100, 30, 60_480)
    assert walk(LIMIT, np.arange(60_480) * 10.0, values).standing.seen == 604_790
