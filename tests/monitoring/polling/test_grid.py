"""When a check is read: a grid that depends on nothing but the check and its interval."""

from hypothesis import given
from hypothesis import strategies as st

from monitoring.polling.grid import FRESH_EVERY, SECOND, interval_in_force, is_fresh, latest_slot, next_slot, phase_of

phases = st.floats(0, 1, exclude_max=True)
intervals = st.integers(1, 86_400).map(lambda seconds: seconds * SECOND)
times = st.integers(0, 4_102_444_800 * SECOND)


@given(phases, intervals, times)
def test_the_next_slot_comes_within_one_interval(phase, interval, now):
    slot = next_slot(phase, interval, now)
    assert now < slot <= now + interval
    assert latest_slot(phase, interval, now) == slot - interval <= now


@given(phases, intervals, times)
def test_slots_do_not_drift(phase, interval, now):
    slot = next_slot(phase, interval, now)
    assert next_slot(phase, interval, slot) == slot + interval
    assert (slot - int(phase * interval)) % interval == 0


def test_checks_are_spread_evenly_and_always_alike():
    phases = sorted(phase_of(pk) for pk in range(1, 5001))
    assert phases == sorted(phase_of(pk) for pk in range(1, 5001))
    tenths = [sum(n / 10 <= phase < (n + 1) / 10 for phase in phases) for n in range(10)]
    assert all(400 < count < 600 for count in tenths)


def test_one_reading_in_ten_opens_a_connection_of_its_own():
    interval = 15 * SECOND
    for pk in range(1, 50):
        phase = phase_of(pk)
        first = next_slot(phase, interval, 0)
        fresh = [is_fresh(phase, interval, first + n * interval) for n in range(10 * FRESH_EVERY)]
        assert sum(fresh) == 10


def test_the_quicker_pace_counts():
    assert interval_in_force(60, 15) == 15 * SECOND
    assert interval_in_force(5, 15) == 5 * SECOND
    assert interval_in_force(60, None) == 60 * SECOND
    assert interval_in_force(0, None) == SECOND
