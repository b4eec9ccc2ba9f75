"""One metric: worse, better, the same, or not known, each with its numbers and its sentence."""

import re

import numpy as np
import pytest

from monitoring.judge.facts import BadDirection, FindingResult, MetricKind, Reason, Series
from monitoring.judge.metric import judge_metric
from tests.monitoring.judge.makers import DAY, HOUR, MINUTE, T, after, flat, history, metric, values, window


def judge(baseline, afterwards, the_window=None, **facts):
    return judge_metric(baseline, afterwards, metric(**facts), the_window or window())


def test_a_rise_is_a_regression_with_its_size_interval_and_rarity():
    found = judge(history(level=310), after(level=450))
    assert found.result is FindingResult.REGRESSED
    assert found.before == pytest.approx(310, rel=0.02)
    assert found.after == pytest.approx(450, rel=0.02)
    assert found.change_low < found.change < found.change_high
    assert found.relative_change == pytest.approx(0.45, abs=0.03)
    assert found.rarity[0] == 0
    assert found.rarity[1] >= 100
    assert found.chance < 0.001
    assert found.score > 5
    assert re.match(
        r"Checkout p95 rose 3\d\d → 45\d\u00a0ms \(\+4\d\u00a0%, between \+\d\d and \+\d\d\u00a0%\)\. ", found.sentence
    )
    assert f"A change this big happened at none of {found.rarity[1]} ordinary moments." in found.sentence


def test_no_change_is_unchanged_and_says_what_would_have_been_seen():
    found = judge(history(), after())
    assert found.result is FindingResult.UNCHANGED
    assert 0 < found.smallest_visible_change < 30
    assert "did not change beyond the ordinary" in found.sentence


@pytest.mark.parametrize(
    ("direction", "level", "result"),
    [
        ("UP", 400, FindingResult.REGRESSED),
        ("UP", 200, FindingResult.IMPROVED),
        ("DOWN", 200, FindingResult.REGRESSED),
        ("DOWN", 400, FindingResult.IMPROVED),
        ("BOTH", 400, FindingResult.REGRESSED),
        ("BOTH", 200, FindingResult.REGRESSED),
    ],
)
def test_the_bad_direction_decides_what_is_worse(direction, level, result):
    found = judge(history(), after(level=level), bad_direction=BadDirection(direction))
    assert found.result is result
    assert (found.score > 0) == (result is FindingResult.REGRESSED)


def test_the_usual_slope_of_the_day_is_no_change():
    for hour in range(0, 24, 3):
        shift = hour * HOUR
        baseline = values(T + shift - 7 * DAY, T + shift, season=200, noise=5, level=500)
        afterwards = values(T + shift, T + shift + HOUR, season=200, noise=5, level=500, seed=3)
        moved = window()
        moved = type(moved)(T + shift, T + shift + HOUR, T + shift, 120, T + shift + HOUR)
        assert judge(baseline, afterwards, moved).result is FindingResult.UNCHANGED


def test_quiet_metrics_are_rarely_called_worse():
    flagged = sum(
        judge(history(days=2, seed=seed), after(seed=seed + 1000)).result is FindingResult.REGRESSED
        for seed in range(150)
    )
    assert flagged <= 9


def test_what_settles_is_left_out():
    start = values(T, T + 5 * MINUTE, level=3000, seed=4)
    rest = values(T + 5 * MINUTE, T + HOUR, seed=5)
    both = Series(np.append(start.times, rest.times), np.append(start.values, rest.values))
    assert judge(history(), both, window(settle=300)).result is FindingResult.UNCHANGED


def test_what_has_healed_is_not_called_worse():
    bad, good = values(T, T + 45 * MINUTE, level=500, seed=4), values(T + 45 * MINUTE, T + HOUR, seed=5)
    both = Series(np.append(bad.times, good.times), np.append(bad.values, good.values))
    found = judge(history(), both)
    assert found.result is FindingResult.UNCHANGED
    assert Reason.HEALED in found.reasons
    assert "gone back" in found.sentence


def test_a_change_below_what_matters_is_unchanged():
    found = judge(history(noise=1), after(noise=1, level=320))
    assert found.result is FindingResult.UNCHANGED
    assert Reason.TOO_SMALL_TO_MATTER in found.reasons
    assert judge(history(noise=1), after(noise=1, level=320), least_change=0.05).result is FindingResult.REGRESSED
    assert (
        judge(history(noise=1), after(noise=1, level=400), least_change_absolute=150).result is FindingResult.UNCHANGED
    )


def test_no_values_after_is_no_data():
    found = judge(history(), Series.empty())
    assert (found.result, found.reasons) == (FindingResult.NO_DATA, (Reason.GONE_SILENT,))
    assert found.coverage_after == 0


def test_no_values_at_all_is_no_data():
    found = judge(Series.empty(), Series.empty())
    assert (found.result, found.reasons) == (FindingResult.NO_DATA, (Reason.NO_DATA,))


def test_no_history_is_not_judged():
    found = judge(Series.empty(), after())
    assert (found.result, found.reasons) == (FindingResult.INCONCLUSIVE, (Reason.NO_HISTORY,))
    assert found.after == pytest.approx(300, rel=0.05)
    assert "not judged" in found.sentence


def test_too_few_values_are_inconclusive_and_it_says_what_would_settle_it():
    found = judge(history(), after(minutes=4), window(minutes=60, looked_after=4))
    assert (found.result, found.reasons) == (FindingResult.INCONCLUSIVE, (Reason.TOO_LITTLE,))
    assert found.minutes_to_settle == 1.0
    assert "2 of 3 values" in found.sentence


def test_too_little_history_is_inconclusive():
    found = judge(values(T - 5 * MINUTE, T), after(level=900))
    assert (found.result, found.reasons) == (FindingResult.INCONCLUSIVE, (Reason.TOO_LITTLE,))


def test_a_metric_that_stops_is_not_called_unchanged():
    found = judge(history(), after(minutes=30))
    assert (found.result, found.reasons) == (FindingResult.INCONCLUSIVE, (Reason.GONE_SILENT,))


def test_gaps_are_no_values():
    thinned = after()
    keep = np.random.default_rng(0).random(len(thinned)) > 0.4
    found = judge(history(), Series(thinned.times[keep], thinned.values[keep]))
    assert found.result is FindingResult.UNCHANGED
    assert 0.4 < found.coverage_after < 0.8


@pytest.mark.parametrize("points", [20, 40, 90])
def test_a_short_history_is_compared_by_ranks(points):
    baseline = values(T - points * MINUTE, T)
    worse, same = judge(baseline, after(level=400)), judge(baseline, after())
    assert worse.result is FindingResult.REGRESSED
    assert same.result is FindingResult.UNCHANGED
    for found in (worse, same):
        assert Reason.SHORT_HISTORY in found.reasons
        assert found.rarity is None
        assert found.change_low <= found.change <= found.change_high
    assert "The history is too short" in worse.sentence


def test_a_minute_of_history_and_a_minute_after_still_show_a_large_change():
    before = values(T - 60, T, step=2, level=20, noise=3)
    the_window = window(minutes=1, settle=5)
    found = judge(before, values(T, T + 60, step=2, level=600, noise=30, seed=3), the_window, step_seconds=2.0)
    assert found.result is FindingResult.REGRESSED
    found = judge(before, values(T, T + 60, step=2, level=20, noise=3, seed=3), the_window, step_seconds=2.0)
    assert found.result is FindingResult.UNCHANGED


@pytest.mark.parametrize("value", [0.0, 7.0, -3.0])
def test_a_constant_that_stays_is_unchanged(value):
    found = judge(flat(T - DAY, T, value), flat(T, T + HOUR, value))
    assert found.result is FindingResult.UNCHANGED
    assert (found.change, found.score) == (0, 0)


@pytest.mark.parametrize("minutes", [30, 1440])
def test_a_constant_that_jumps_has_changed(minutes):
    found = judge(flat(T - minutes * MINUTE, T, 0.0), flat(T, T + HOUR, 5.0), unit="%")
    assert found.result is FindingResult.REGRESSED
    assert (found.before, found.after, found.relative_change) == (0, 5, None)
    assert "rose 0 → 5\u00a0% (+5\u00a0points" in found.sentence


def test_one_error_in_a_metric_of_zeros_is_ordinary():
    afterwards = flat(T, T + HOUR, 0.0)
    afterwards.values[30] = 1.0
    baseline = flat(T - 3 * DAY, T, 0.0)
    baseline.values[::500] = 1.0
    found = judge(baseline, afterwards, kind=MetricKind.ERROR_COUNT, unit="errors")
    assert found.result is FindingResult.UNCHANGED


def test_rare_errors_that_become_common_are_found():
    baseline = history(noise=0, level=0)
    baseline.values[:] = np.random.default_rng(1).poisson(0.1, len(baseline))
    afterwards = after(noise=0, level=0)
    afterwards.values[:] = np.random.default_rng(2).poisson(1.0, len(afterwards))
    found = judge(baseline, afterwards, kind=MetricKind.ERROR_COUNT, unit="errors")
    assert found.result is FindingResult.REGRESSED


def test_an_old_incident_and_an_old_shift_are_not_held_against_it():
    baseline = history(days=4)
    baseline.values[1000:1200] += 2000
    assert judge(baseline, after()).result is FindingResult.UNCHANGED
    baseline = history(days=4)
    baseline.values[:2000] += 200
    assert judge(baseline, after()).result is FindingResult.UNCHANGED


def test_a_broken_hard_limit_says_for_how_long():
    found = judge(history(level=0.12, noise=0.02), after(level=0.94, noise=0.05), unit="%", hard_limit=0.5)
    assert found.is_hard_limit_broken
    assert found.result is FindingResult.REGRESSED
    assert Reason.HARD_LIMIT in found.reasons
    assert found.sentence.endswith("The hard limit of 0.5\u00a0% was exceeded for 58\u00a0min.")


def test_a_hard_limit_needs_no_history():
    found = judge(Series.empty(), after(level=900), hard_limit=500)
    assert found.is_hard_limit_broken
    assert found.sentence == "Checkout p95: the hard limit of 500\u00a0ms was exceeded for 58\u00a0min."


def test_a_lower_limit_is_broken_from_above():
    options = {"bad_direction": BadDirection.DOWN, "hard_limit": 250}
    assert judge(history(), after(level=200), **options).is_hard_limit_broken
    assert not judge(history(), after(level=400), **options).is_hard_limit_broken


def test_a_limit_that_was_broken_before_is_not_held_against_the_deployment():
    found = judge(history(level=900), after(level=900), hard_limit=500)
    assert not found.is_hard_limit_broken
    assert found.result is FindingResult.UNCHANGED


def test_a_single_value_beyond_the_limit_does_not_break_it():
    afterwards = after()
    afterwards.values[40] = 5000
    assert not judge(history(), afterwards, hard_limit=500).is_hard_limit_broken


def test_the_picture_has_the_band_the_ordinary_changes_and_this_one():
    found = judge(history(level=310), after(level=450))
    assert found.picture["band"]["low"] < 310 < found.picture["band"]["high"] < 350
    assert len(found.picture["ordinary"]) == found.rarity[1]
    assert found.picture["change"] == found.change


def test_the_picture_has_the_forecast_with_its_season():
    found = judge(history(season=100, noise=5), after(season=100, noise=5))
    forecast = found.picture["forecast"]
    assert (forecast["start"], forecast["step"], len(forecast["expected"])) == (T, 60.0, 60)
    wave = 300 + 100 * np.sin(2 * np.pi * (T + 60 * np.arange(60)) / DAY)
    assert np.abs(np.array(forecast["expected"]) - wave).max() < 8
    drawn = zip(forecast["low"], forecast["expected"], forecast["high"], strict=True)
    assert all(low < expected < high < low + 40 for low, expected, high in drawn)


@pytest.mark.parametrize(("minutes", "count"), [(3, 3), (60, 60), (600, 120)])
def test_the_forecast_has_at_most_120_values_and_reaches_to_the_end(minutes, count):
    found = judge(history(), after(minutes=minutes), window(minutes=minutes, settle=0))
    forecast = found.picture["forecast"]
    assert len(forecast["expected"]) == len(forecast["low"]) == len(forecast["high"]) == count
    assert forecast["step"] * count == minutes * 60


def test_the_forecast_of_a_short_history_is_flat():
    forecast = judge(history(days=0.02), after()).picture["forecast"]
    assert len(set(forecast["expected"])) == 1
    assert forecast["low"][0] < 300 < forecast["high"][0]


def test_baseline_and_after_may_be_one_series():
    past, now = history(), after(level=450)
    whole = Series(np.append(past.times, now.times), np.append(past.values, now.values))
    assert judge(whole, whole) == judge(past, now)


def test_only_the_part_of_the_period_that_was_looked_at_counts():
    afterwards = after(level=450)
    early = judge(history(), afterwards, window(looked_after=20))
    assert early.result is FindingResult.REGRESSED
    cut = afterwards.between(T, T + 20 * MINUTE)
    assert judge(history(), cut, window(looked_after=20)) == early


def test_an_extended_period_judges_only_itself():
    bad, good = values(T, T + HOUR, level=900), values(T + HOUR, T + 5 * HOUR, seed=8)
    both = Series(np.append(bad.times, good.times), np.append(bad.values, good.values))
    extended = type(window())(T + HOUR, T + 5 * HOUR, T, 120, T + 5 * HOUR)
    assert judge(history(days=7), both, extended).result is FindingResult.UNCHANGED


def test_a_long_period_of_dense_samples_is_cheap():
    baseline, afterwards = history(days=14, step=15), values(T, T + 3 * DAY, step=15, seed=9)
    found = judge(baseline, afterwards, window(minutes=3 * 1440), step_seconds=15.0)
    assert found.result is FindingResult.UNCHANGED


def test_what_became_unsteady_is_a_regression_of_its_own_kind():
    found = judge(history(), after(noise=50))
    assert (found.result, found.reasons) == (FindingResult.REGRESSED, (Reason.UNSTEADY,))
    assert re.match(
        r"Checkout p95 became unsteady: its values lie \d(\.\d+)? times as far apart as before\.", found.sentence
    )


def test_a_finding_says_what_speaks_for_it():
    found = judge(history(), after(level=450))
    assert found.because
    assert all(isinstance(reason, str) for reason in found.because)


@pytest.mark.parametrize(("looked_after", "result"), [(5, "INCONCLUSIVE"), (20, "REGRESSED"), (60, "REGRESSED")])
def test_an_early_look_waits_for_a_restart_to_heal(looked_after, result):
    found = judge(history(), after(level=600), window(settle=0, looked_after=looked_after))
    assert found.result is FindingResult(result)
    assert (Reason.RESTARTING in found.reasons) == (result == "INCONCLUSIVE")


def test_the_last_look_does_not_wait():
    found = judge(history(), after(minutes=5, level=600), window(minutes=5, settle=0))
    assert found.result is FindingResult.REGRESSED


def test_a_steady_trend_that_goes_on_is_no_change():
    baseline = history(days=5, noise=5)
    afterwards = after(noise=5)
    slope = 20 / DAY
    baseline.values[:] += slope * (baseline.times - T)
    afterwards.values[:] += slope * (afterwards.times - T)
    assert judge(baseline, afterwards).result is FindingResult.UNCHANGED
