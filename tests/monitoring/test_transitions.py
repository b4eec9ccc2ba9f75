"""What one more reading makes of a check's state, and when the next one is due."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from monitoring.transitions import Standing, jitter, next_state

T0 = datetime(2026, 11, 19, 12, 0, tzinfo=UTC)


def after(readings, threshold=3):
    """Standing and transitions after readings ("+" good, "-" failed, "?" nobody looked), a minute apart."""
    standing, steps = Standing(), []
    for n, reading in enumerate(readings):
        ok = {"+": True, "-": False, "?": None}[reading]
        step = next_state(standing, ok=ok, at=T0 + timedelta(minutes=n), threshold=threshold)
        standing = step.to
        steps.append(step)
    return standing, steps


def test_a_check_is_unknown_until_it_was_read():
    assert Standing().state == "UNKNOWN"


def test_one_good_reading_makes_it_up():
    standing, _ = after("+")
    assert (standing.state, standing.since) == ("UP", T0)


def test_it_stays_up_since_the_first_good_reading():
    assert after("+++")[0].since == T0


def test_failures_below_the_threshold_change_nothing_but_the_count():
    standing, steps = after("+--")
    assert (standing.state, standing.failures_in_a_row) == ("UP", 2)
    assert not any(step.outage_begins for step in steps)


def test_it_is_down_at_the_threshold_and_dates_from_the_first_failure():
    standing, steps = after("+---")
    assert (standing.state, standing.since) == ("DOWN", T0 + timedelta(minutes=1))
    assert [step.outage_begins for step in steps] == [False, False, False, True]


def test_an_outage_begins_once_however_long_it_lasts():
    _, steps = after("+------")
    assert sum(step.outage_begins for step in steps) == 1


def test_one_good_reading_ends_the_outage():
    standing, steps = after("---+")
    assert steps[-1].outage_ends
    assert (standing.state, standing.since, standing.failures_in_a_row) == ("UP", T0 + timedelta(minutes=3), 0)


def test_a_good_reading_in_between_starts_the_count_again():
    assert after("--+--")[0].state == "UP"


def test_a_check_that_was_never_up_can_go_down():
    assert after("---")[0].state == "DOWN"


def test_a_reading_that_could_not_be_taken_makes_it_unknown_not_down():
    standing, _ = after("+????")
    assert (standing.state, standing.since) == ("UNKNOWN", T0 + timedelta(minutes=1))


def test_an_outage_goes_on_while_nobody_can_look():
    standing, steps = after("---??")
    assert standing.state == "DOWN"
    assert not any(step.outage_ends for step in steps)


def flapping(cycles):
    """A check that fails and answers in turn, as often as given, and the outages that began and ended."""
    return after("-+" * cycles, threshold=1)


def test_a_check_that_goes_down_a_third_time_in_a_quarter_of_an_hour_flaps():
    standing, steps = flapping(50)
    assert standing.flapping_since == T0 + timedelta(minutes=4)
    assert standing.state == "DOWN"
    assert sum(step.outage_begins for step in steps) == 3


def test_a_check_that_flaps_is_up_once_it_was_good_for_a_while():
    standing, steps = after("-+-+-+-" + "+" * 6, threshold=1)
    assert (standing.state, standing.since, standing.flapping_since) == ("UP", T0 + timedelta(minutes=12), None)
    assert steps[-1].outage_ends
    assert not any(step.outage_ends for step in steps[5:-1])


def test_a_failure_in_between_starts_the_time_anew():
    standing, _ = after("-+-+-+" + "+++-" * 5, threshold=1)
    assert standing.state == "DOWN"


def test_outages_that_lie_far_apart_are_no_flapping():
    standing, steps = after(("-" + "+" * 9) * 5, threshold=1)
    assert standing.flapping_since is None
    assert sum(step.outage_begins for step in steps) == 5


@given(st.text("+-?", max_size=60), st.integers(1, 5))
def test_outages_begin_and_end_in_turn(readings, threshold):
    is_down = False
    for step in after(readings, threshold)[1]:
        assert not (step.outage_begins and is_down)
        assert not (step.outage_ends and not is_down)
        is_down = (is_down or step.outage_begins) and not step.outage_ends
        assert is_down == (step.to.state == "DOWN")


def test_jitter_is_steady_and_spreads_checks_over_the_interval():
    delays = [jitter(key, timedelta(seconds=60)).total_seconds() for key in range(1000)]
    assert delays == [jitter(key, timedelta(seconds=60)).total_seconds() for key in range(1000)]
    assert 0 <= min(delays) < 3
    assert 57 < max(delays) < 60
