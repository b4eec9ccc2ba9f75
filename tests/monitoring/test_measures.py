"""Rates of counters, ratios of two, availability without maintenance."""

import numpy as np
import pytest

from monitoring.measures import availability, rate, ratio


def line(*samples):
    times, values = zip(*samples, strict=True) if samples else ((), ())
    return np.array(times, float), np.array(values, float)


def test_a_counter_is_read_as_its_growth_per_second():
    times, values = rate(*line((0, 100), (10, 120), (40, 150)))
    assert times.tolist() == [10, 40]
    assert values.tolist() == [2, 1]


def test_a_counter_that_was_set_back_has_grown_from_nought():
    assert rate(*line((0, 100), (10, 30), (20, 50)))[1].tolist() == [3, 2]


@pytest.mark.parametrize("samples", [[], [(0, 5)]])
def test_one_sample_has_no_rate(samples):
    times, values = rate(*line(*samples))
    assert (len(times), len(values)) == (0, 0)


def test_a_ratio_is_the_share_of_one_growth_in_the_other():
    failed = line((0, 0), (60, 1), (120, 4))
    asked = line((0, 100), (60, 200), (120, 210))
    starts, shares = ratio(failed, asked, 60)
    assert starts.tolist() == [60, 120]
    assert shares.tolist() == [0.01, 0.3]


def test_a_ratio_survives_a_restart_of_both():
    failed = line((0, 50), (60, 2))
    asked = line((0, 9000), (60, 40))
    assert ratio(failed, asked, 60)[1].tolist() == [0.05]


def test_without_failures_the_ratio_is_nought_and_without_requests_there_is_none():
    asked = line((0, 0), (60, 10), (120, 10))
    starts, shares = ratio(line(), asked, 60)
    assert (starts.tolist(), shares.tolist()) == ([60], [0])


def test_what_failed_while_nothing_was_asked_is_left_out():
    assert ratio(line((0, 0), (60, 3)), line(), 60)[0].tolist() == []


def test_availability_leaves_maintenance_out():
    times, up = line((0, 1), (10, 0), (20, 0), (30, 1))
    assert availability(times, up) == 0.5
    assert availability(times, up, left_out=[(10, 20)]) == pytest.approx(2 / 3)
    assert availability(times, up, left_out=[(10, 25), (5, 21)]) == 1


def test_nothing_known_is_not_available():
    assert availability(*line()) is None
    assert availability(*line((10, 1)), left_out=[(0, 60)]) is None


def test_extremes_have_rates_and_ratios_that_are_numbers():
    wild = line((0, -1e308), (1e-3, 1e308), (2, -1e308))
    assert np.isfinite(rate(*wild)[1]).all()
    assert np.isfinite(ratio(wild, wild, 60)[1]).all()
