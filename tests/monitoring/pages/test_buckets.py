"""Samples of several series on one grid."""

import numpy as np
import pytest

from monitoring.selectors.buckets import Grid, grid_of, sum_up, sum_up_rollups
from monitoring.store import Samples
from monitoring.store.buckets import roll_up


def samples(pairs):
    times, values = zip(*pairs, strict=True)
    return Samples(np.array(times, float), np.array(values, float))


GRID = Grid(0.0, 60.0, 3)
ONE = samples([(0, 1.0), (30, 3.0), (60, 10.0), (90, 20.0), (120, 5.0)])
TWO = samples([(10, 100.0), (70, 200.0)])


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("mean", [104 / 3, 230 / 3, 5.0]),
        ("sum", [102.0, 215.0, 5.0]),
        ("min", [1.0, 10.0, 5.0]),
        ("max", [100.0, 200.0, 5.0]),
        ("p50", [3.0, 20.0, 5.0]),
    ],
)
def test_series_are_summed_up_in_each_way(how, expected):
    assert sum_up([ONE, TWO], GRID, how).values.tolist() == pytest.approx(expected)


def test_percentiles_are_numpys():
    values = np.random.default_rng(1).random(200)
    line = Samples(np.linspace(0, 179, 200), values)
    found = sum_up([line], GRID, "p95").values
    for bucket in range(3):
        inside = values[(line.times >= bucket * 60) & (line.times < bucket * 60 + 60)]
        assert found[bucket] == pytest.approx(np.quantile(inside, 0.95))


@pytest.mark.parametrize("how", ["mean", "sum", "min", "max"])
def test_rollups_give_what_the_samples_give(how):
    rolled = [roll_up(*line, 60.0) for line in (ONE, TWO)]
    exact, by_rollups = sum_up([ONE, TWO], GRID, how), sum_up_rollups(rolled, GRID, how)
    assert by_rollups.values.tolist() == pytest.approx(exact.values.tolist())
    assert by_rollups.greatest.tolist() == exact.greatest.tolist()


def test_a_late_sample_does_not_break_the_line_but_a_pause_does():
    late = Samples(np.array([0.0, 60.0, 185.0, 240.0, 900.0, 960.0]), np.array([1.0, 2.0, 4.0, 5.0, 6.0, 7.0]))
    found = sum_up([late], Grid(0.0, 60.0, 17), "mean").values
    assert found[2] == pytest.approx(3.0)
    assert np.isnan(found[5:15]).all()


def test_nothing_is_nothing():
    assert np.isnan(sum_up([], GRID, "mean").values).all()
    assert np.isnan(sum_up([Samples(np.empty(0), np.empty(0))], GRID, "p95").values).all()


def test_a_grid_is_as_fine_as_the_pixels_and_the_samples_allow():
    assert grid_of(0, 86_400, columns=800, sample_step=10).step == 600
    assert grid_of(0, 3600, columns=800, sample_step=60).step == 60
    assert grid_of(0, 86_400 * 30, columns=800, sample_step=10).step == 10_800
    assert grid_of(100, 200, columns=800, sample_step=1).start <= 100
