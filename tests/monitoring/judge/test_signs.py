"""The signs of a change: each says what it is for, on series where nothing else happens."""

import numpy as np
import pytest

from monitoring.judge.grid import choose_scale, lay_out
from monitoring.judge.moments import Moments, moments_of, part_of, standing, trimmed_mean
from monitoring.judge.signs import SHIFT_SIGNS, SPREAD_SIGNS, agreed, signs_of
from monitoring.judge.weighing import WEIGHTS, chance_of, score_of, weigh
from monitoring.judge.whitening import patterns_of, whiten
from tests.monitoring.judge.makers import MINUTE, after, history, metric, window


def signs(past, now, the_window=None, **facts):
    grid = lay_out(past, now, metric(**facts), the_window or window(settle=0))
    return signs_of(grid, choose_scale(grid.before))


def named(found, side="rise"):
    return dict(zip(SHIFT_SIGNS, getattr(found, side), strict=True))


def test_a_step_shows_in_every_sign_of_a_rise_and_mirrored_in_those_of_a_fall():
    found = signs(history(days=3), after(level=330))
    rise, fall = named(found), named(found, "fall")
    for name in set(SHIFT_SIGNS) - {"short_history", "more_events"}:
        assert rise[name] > 0.3, name
        assert fall[name] == pytest.approx(-rise[name])


@pytest.mark.parametrize("days", [3, 14, 28])
def test_where_nothing_changed_no_sign_is_large(days):
    found = signs(history(days=days), after())
    assert max(abs(value) for value in named(found).values()) < 4
    assert np.abs(found.spread).max() < 4


def test_all_of_a_long_history_holds_ordinary_moments_also_before_there_were_earlier_days():
    grid = lay_out(history(days=14), after(), metric(), window(settle=0))
    moments = moments_of(grid, np.concatenate([grid.before, grid.after]))
    assert moments is not None
    patterns = patterns_of(moments, whiten(moments))
    for strengths in (patterns.step, patterns.settled, patterns.onset):
        assert np.isfinite(strengths).all()
        assert 0.5 < np.median(np.abs(strengths)) < 2


def test_where_nothing_is_known_there_is_no_ordinary_moment():
    grid = lay_out(history(days=3), after(), metric(), window(settle=0))
    values = np.concatenate([grid.before, grid.after])
    values[:1000] = np.nan
    moments = moments_of(grid, values)
    assert moments is not None
    strengths = patterns_of(moments, whiten(moments)).step
    assert (np.isfinite(strengths) == (moments.at > 1000 - 60)).all()


def test_scatter_is_a_sign_of_unsteadiness_and_not_of_a_shift():
    found = signs(history(days=3), after(noise=50))
    assert min(dict(zip(SPREAD_SIGNS, found.spread, strict=True)).values()) > 5
    assert weigh(found, is_rise=True).is_unsteady


def test_a_step_in_a_wandering_series_is_found_by_its_jump():
    random = np.random.default_rng(4)
    past, now = history(days=2), after()
    walk = 300 + np.cumsum(random.standard_normal(len(past) + len(now)))
    past.values[:], now.values[:] = walk[: len(past)], walk[len(past) :] + 12
    jumped = named(signs(past, now))
    now.values[:] -= 12
    same = named(signs(past, now))
    assert jumped["step"] > 5 > abs(same["step"])


def test_a_few_odd_first_values_are_no_step():
    now = after()
    now.values[:3] += 300
    assert named(signs(history(days=3), now))["step_settled"] < 4


@pytest.mark.parametrize("begins_after", [0, 20, 35])
def test_a_step_shows_as_an_onset_whenever_it_begins(begins_after):
    now = after(noise=5)
    now.values[begins_after:] += 20
    assert named(signs(history(days=3, noise=5), now))["onset"] > 8


def test_a_shift_is_no_jumping_about():
    found = signs(history(days=3), after(level=500))
    jumps = dict(zip(SPREAD_SIGNS, found.spread, strict=True))
    assert max(abs(jumps["jumps"]), abs(jumps["jumps_near"])) < 3


def test_events_are_counted_where_nearly_all_values_are_zero():
    past, now = history(days=3), after()
    past.values[:], now.values[:] = 0.0, 0.0
    past.values[::97], now.values[::30] = 1.0, 1.0
    assert abs(named(signs(past, now))["more_events"]) < 1
    now.values[::5] = 1.0
    assert named(signs(past, now))["more_events"] > 5
    assert named(signs(history(days=3), after(level=330)))["more_events"] == 0


def test_a_short_history_says_so_and_has_no_ordinary_moments():
    past = history(days=40 / 1440)
    found = signs(past, after(level=400))
    assert named(found)["short_history"] == 1
    assert found.ordinary is None
    assert named(found)["ranks"] > 2


def test_agreement_is_the_smallest_where_all_have_one_sign():
    rows = np.array([[1.0, -3.0, 2.0, np.nan], [4.0, -1.0, -2.0, 5.0], [2.0, -2.0, 3.0, np.nan]])
    assert agreed(rows).tolist() == [1.0, -1.0, 0.0, 5.0]
    assert agreed(rows, but=1).tolist() == [2.0, -2.0, 2.0, 5.0]


def test_parts_of_a_window():
    assert part_of("settled", 30) == (4, 26)
    assert part_of("settled", 5) == (0, 5)
    assert part_of("half", 30) == (15, 15)
    assert part_of("late", 30) == (23, 7)
    assert part_of("late", 1) == (0, 1)


def test_standing_among_too_few_is_nothing():
    assert standing(np.array([1.0, 2.0, 50.0])).usual == 0
    assert standing(np.append(np.zeros(20), 1.0)).usual == 40


def test_trimmed_means_leave_out_the_ends_and_what_is_missing():
    rows = np.array([[1.0, 2.0, 3.0, 4.0, 100.0], [np.nan, np.nan, 5.0, np.nan, np.nan], [np.nan] * 5])
    assert trimmed_mean(rows, 0.2)[:2].tolist() == [3.0, 5.0]
    assert np.isnan(trimmed_mean(rows, 0.2)[2])


def test_whitening_takes_the_usual_course_out():
    random = np.random.default_rng(2)
    values = np.zeros(800)
    for place in range(1, 800):
        values[place] = 0.9 * values[place - 1] + random.standard_normal()
    moments = Moments(values, np.array([760]), 40, 40, 40, 160, 0, 0, 0, 0.2)
    white = whiten(moments)
    assert white.weights[0] == pytest.approx(0.9, abs=0.1)
    past = white.surprises[10:760]
    assert abs(np.corrcoef(past[1:], past[:-1])[0, 1]) < 0.1
    assert white.pattern(np.ones(40))[[0, 30]] == pytest.approx([1.0, 0.1], abs=0.1)


def test_no_sign_of_a_change_speaks_against_it():
    names = list(SHIFT_SIGNS)
    assert all(weight >= 0 for name, weight in zip(names, WEIGHTS.shift, strict=True) if name != "short_history")
    assert (WEIGHTS.spread >= 0).all()


def test_each_side_names_what_speaks_most_for_it():
    found = weigh(signs(history(days=3), after(level=400)), is_rise=True)
    assert 1 <= len(found.because) <= 3
    assert set(found.because) <= set(SHIFT_SIGNS.values())


def test_unsteadiness_is_not_held_against_what_became_better():
    better = signs(history(days=3), after(level=100, noise=60))
    assert weigh(better, is_rise=True).chance > 0.05


def test_scores_and_chances_are_two_sides_of_one_curve():
    for chance in (0.5, 0.1, 0.02):
        assert chance_of(score_of(chance)) == pytest.approx(chance)
    assert chance_of(-1e9) == 1
    assert 0 < chance_of(1e9) < 1e-6


def test_the_step_of_a_deployment_is_kept_apart_from_settling():
    now = after()
    now.values[:5] += 400
    kept = named(signs(history(days=3), now, window(settle=5 * MINUTE)))
    assert abs(kept["forecast"]) < 4
    assert abs(kept["step"]) < 4
