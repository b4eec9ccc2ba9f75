"""What must hold for any input: no crash, no NaN, no green without data, the same answer twice."""

import json
import math
import re
import warnings
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitoring.judge.chances import binomial_tail, passing
from monitoring.judge.check import judge_check
from monitoring.judge.deployment import judge_deployment
from monitoring.judge.facts import (
    BadDirection,
    CheckFacts,
    Finding,
    FindingResult,
    Judgement,
    MetricFacts,
    MetricKind,
    OutageFacts,
    Result,
    Series,
    Window,
)
from monitoring.judge.looks import LookPlan
from monitoring.judge.metric import judge_metric
from monitoring.judge.phrases import duration, number, period
from monitoring.judge.weighing import chance_of, either, score_of
from tests.monitoring.judge.makers import DAY, HOUR, MINUTE, T, after, check, flat, history, metric, values, window

LAST = LookPlan(1, 1, 0.05)

anything = st.floats(width=64) | st.sampled_from([0.0, -0.0, 1.0, math.nan, math.inf, -math.inf, 1e308, 5e-324, -1e308])
facts = st.builds(
    MetricFacts,
    key=st.just("m"),
    name=st.just("M"),
    unit=st.sampled_from(["", "ms", "%"]),
    kind=st.sampled_from(MetricKind),
    bad_direction=st.sampled_from(BadDirection),
    least_change=st.sampled_from([0.0, 0.1, 10.0]),
    least_change_absolute=st.none() | st.sampled_from([0.0, 5.0]),
    must_have_data=st.booleans(),
    hard_limit=st.none() | anything.filter(math.isfinite),
    step_seconds=st.sampled_from([1.0, 60.0, 3600.0, 86_400.0]),
    is_seasonal=st.booleans(),
)
windows = st.builds(
    lambda minutes, settle, looked: Window(T, T + minutes * 60, T, settle, T + looked * 60),
    st.integers(0, 300),
    st.sampled_from([0.0, 120.0, 1e6]),
    st.integers(-10, 400),
)


@st.composite
def series(draw, start: float, end: float):
    size = draw(st.integers(0, 60))
    pattern = draw(st.lists(anything, min_size=1, max_size=6))
    times = draw(st.sampled_from(["even", "same", "wild"]))
    even = np.linspace(start, end, size, endpoint=False)
    at = {"even": even, "same": np.full(size, start), "wild": even[::-1]}[times]
    return Series(at, np.resize(np.array(pattern), size))


def finite(finding: Finding) -> bool:
    json.dumps(finding.to_dict(), allow_nan=False)
    return all(math.isfinite(value) for value in asdict(finding).values() if isinstance(value, float))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(series(T - 5 * HOUR, T), series(T, T + 2 * HOUR), facts, windows)
def test_any_metric_is_judged_without_a_crash_a_warning_or_a_nan(baseline, afterwards, metric_facts, the_window):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = judge_metric(baseline, afterwards, metric_facts, the_window)
    assert finite(found)
    assert found.sentence.endswith(".")
    assert not re.search(r"\b(nan|inf|None)\b", found.sentence)
    assert judge_metric(baseline, afterwards, metric_facts, the_window) == found
    assert Finding.from_dict(json.loads(json.dumps(found.to_dict()))) == found
    said = judge_deployment([found], window=the_window, look=LAST)
    assert said.result is not Result.HEALTHY or found.result is not FindingResult.NO_DATA
    assert Judgement.from_dict(json.loads(json.dumps(said.to_dict()))) == said
    if not len(afterwards.clean().between(T, the_window.judged_until)):
        assert said.result is not Result.HEALTHY


@st.composite
def long_series(draw):
    """Two to eight days of values every quarter of an hour and two hours after: a pattern, repeated, with holes."""
    days = draw(st.integers(2, 8))
    times = T + 900.0 * np.arange(-96 * days, 8)
    pattern = np.array(draw(st.lists(anything, min_size=1, max_size=7)))
    noise = draw(st.sampled_from([0.0, 1.0, 1e-300, 1e200])) * np.random.default_rng(days).standard_normal(times.size)
    with np.errstate(all="ignore"):
        seen = np.resize(pattern, times.size) + noise
    seen[:: draw(st.integers(2, 500))] = math.nan
    return Series(times, seen)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(long_series(), facts)
def test_any_long_history_is_judged_without_a_crash_a_warning_or_a_nan(history_and_after, metric_facts):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = judge_metric(history_and_after, history_and_after, metric_facts, window(minutes=120))
    assert finite(found)
    assert not re.search(r"\b(nan|inf|None)\b", found.sentence)


nothings = st.one_of(
    st.just(Series.empty()),
    st.sampled_from([math.nan, math.inf, -math.inf]).map(lambda value: flat(T - 2 * DAY, T + 2 * HOUR, value)),
    st.sampled_from([0.0, 1.0, -3.5, 1e-300, 1e299]).map(lambda value: flat(T - 2 * DAY, T + 2 * HOUR, value)),
    st.sampled_from([0.0, 42.0]).map(lambda value: flat(T - DAY, T, value)),
    st.sampled_from([0.0, 42.0]).map(lambda value: flat(T, T + 2 * HOUR, value)),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(nothings, facts), max_size=4))
def test_constants_and_what_is_missing_are_never_healthy_by_themselves(metrics):
    findings = [judge_metric(one, one, replace(its_facts, hard_limit=None), window()) for one, its_facts in metrics]
    said = judge_deployment(findings, window=window(), look=LAST)
    assert said.result in (Result.BLIND, Result.INCONCLUSIVE)


outages = st.none() | st.builds(
    lambda began, lasted, cause: OutageFacts(
        T + began, T + began + 30, None if lasted is None else T + began + lasted, cause
    ),
    st.integers(-7200, 7200),
    st.none() | st.integers(0, 7200),
    st.text(max_size=20),
)


@settings(max_examples=100, deadline=None)
@given(series(T - HOUR, T), series(T, T + HOUR), windows, outages, st.booleans(), st.integers(1, 5))
def test_any_check_is_judged_without_a_crash(before, afterwards, the_window, outage, had_before, threshold):
    up = Series(np.append(before.times, afterwards.times), np.append(before.values, afterwards.values))
    check_facts = CheckFacts("c", "C", failure_threshold=threshold)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = judge_check(up, check_facts, the_window, outage, had_before)
    assert finite(found)
    assert judge_check(up, check_facts, the_window, outage, had_before) == found
    if outage and outage.ended_at is None:
        assert judge_deployment([found], window=the_window, look=LAST).result is not Result.HEALTHY


@pytest.mark.parametrize("factor", [1e-6, 0.25, 60.0, 1e9])
@pytest.mark.parametrize("level", [300, 330, 360, 450])
def test_the_unit_does_not_matter(factor, level):
    past, now = history(), after(level=level)
    found = judge_metric(past, now, metric(), window())
    scaled = judge_metric(
        Series(past.times, past.values * factor), Series(now.times, now.values * factor), metric(), window()
    )
    assert scaled.result is found.result
    assert scaled.score == pytest.approx(found.score, rel=1e-6)
    assert scaled.change == pytest.approx(found.change * factor, rel=1e-6)
    assert scaled.relative_change == pytest.approx(found.relative_change, rel=1e-6)


@pytest.mark.parametrize("hours", [1, 7, 24 * 200])
def test_the_zone_and_the_date_do_not_matter(hours):
    past, now = history(season=50), after(level=350)
    moved = hours * HOUR
    the_window = Window(T + moved, T + moved + HOUR, T + moved, 120, T + moved + HOUR)
    there = judge_metric(
        Series(past.times + moved, past.values), Series(now.times + moved, now.values), metric(), the_window
    )
    there.picture["forecast"]["start"] -= moved
    assert there == judge_metric(past, now, metric(), window())


@given(st.integers(0, 50))
@settings(max_examples=25, deadline=None)
def test_a_larger_change_never_has_a_smaller_score(seed):
    past = history(days=1, seed=seed)
    scores = [
        judge_metric(past, after(level=level, seed=seed + 1), metric(), window()).score
        for level in (300, 320, 350, 500)
    ]
    assert scores == sorted(scores)


@pytest.mark.parametrize(
    ("days", "options"), [(5, {"season": 80.0}), (0.02, {}), (2, {"noise": 60.0})], ids=["season", "short", "noisy"]
)
def test_a_larger_change_is_never_called_less(days, options):
    past, sizes = history(days=days, **options), (0, 10, 25, 60, 150, 400)
    now = after(**options)
    found = [
        judge_metric(past, Series(now.times, now.values + size), metric(least_change=0.0), window()) for size in sizes
    ]
    scores, chances = [each.score for each in found], [each.chance for each in found]
    is_worse = [each.result is FindingResult.REGRESSED for each in found]
    assert scores == sorted(scores)
    assert chances == sorted(chances, reverse=True)
    assert is_worse == sorted(is_worse)
    assert is_worse[-1]


def test_mirrored_values_mirror_the_direction():
    past, now = history(), after(level=360)
    up = judge_metric(past, now, metric(least_change=0), window())
    down = judge_metric(
        Series(past.times, 1000 - past.values),
        Series(now.times, 1000 - now.values),
        metric(bad_direction=BadDirection.DOWN, least_change=0),
        window(),
    )
    assert (up.result, down.result) == (FindingResult.REGRESSED, FindingResult.REGRESSED)
    assert up.change == pytest.approx(-down.change)


@pytest.mark.parametrize("days", [1 / 24, 2])
@pytest.mark.parametrize(("low", "high"), [(300.0, 400.0), (20.0, 90.0), (5000.0, 5600.0)])
def test_swapped_windows_swap_the_direction(days, low, high):
    findings = [
        judge_metric(history(days=days, level=first), after(level=second), metric(), window())
        for first, second in ((low, high), (high, low))
    ]
    assert [found.result for found in findings] == [FindingResult.REGRESSED, FindingResult.IMPROVED]
    assert findings[0].change == pytest.approx(-findings[1].change, rel=0.1)
    assert findings[0].score > 0 > findings[1].score


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(5)))
def test_the_order_of_metrics_changes_nothing(order):
    def judged(number):
        its_facts = metric(key=f"metric:{number}", name=f"Metric {number}", weight=1.0 + number % 2)
        return judge_metric(
            history(days=1, seed=number), after(level=300 + 9 * number, seed=number), its_facts, window()
        )

    findings = [judged(number) for number in range(5)]
    said = judge_deployment(findings, window=window(), look=LAST)
    assert judge_deployment([findings[place] for place in order], window=window(), look=LAST) == said


def test_the_order_and_doubles_of_samples_do_not_matter():
    past, now = history(), after(level=350)
    shuffled = np.random.default_rng(0).permutation(len(past))
    mixed = Series(past.times[shuffled], past.values[shuffled])
    assert judge_metric(mixed, now, metric(), window()) == judge_metric(past, now, metric(), window())
    twice = Series(np.append(now.times, now.times), np.append(now.values * 7, now.values))
    assert judge_metric(past, twice, metric(), window()) == judge_metric(past, now, metric(), window())


def test_what_is_not_finite_is_no_sample():
    past, now = history(), after(level=350)
    holes = now.values.copy()
    holes[::7] = [math.nan, math.inf, -math.inf] * 3
    keep = np.isfinite(holes)
    assert judge_metric(past, Series(now.times, holes), metric(), window()) == judge_metric(
        past, Series(now.times[keep], now.values[keep]), metric(), window()
    )


def test_intervals_cover_the_true_change_about_nine_times_in_ten():
    covered = 0
    for seed in range(100):
        found = judge_metric(history(days=2, seed=seed), after(level=360, seed=seed + 900), metric(), window())
        covered += found.change_low <= 60 <= found.change_high
    assert 82 <= covered <= 99


@given(st.floats(-50, 50), st.floats(0, 50))
def test_chances_fall_with_the_score(score, more):
    assert 0 < chance_of(score + more) <= chance_of(score) <= 1


@given(st.sampled_from([0.5, 0.3, 0.1, 0.05, 0.02, 0.01]))
def test_the_score_of_a_chance_has_that_chance(chance):
    assert chance_of(score_of(chance)) == pytest.approx(chance, rel=1e-6)


@given(st.floats(-25, 700), st.floats(-25, 700))
def test_one_or_the_other_is_likelier_than_either(first, second):
    both = either(first, second)
    assert math.isfinite(both)
    assert both >= max(first, second, -28) - 1e-6


@given(st.integers(0, 50), st.integers(0, 50), st.floats(0, 1))
def test_binomial_chances_are_chances(count, trials, probability):
    chance = binomial_tail(count, trials, probability)
    assert 0 <= chance <= 1
    if 0 < probability < 1 and trials <= 20:
        exact = sum(
            math.comb(trials, k) * probability**k * (1 - probability) ** (trials - k) for k in range(count, trials + 1)
        )
        assert chance == pytest.approx(exact, rel=1e-9, abs=1e-12)


@given(st.lists(st.floats(0, 1), max_size=20), st.floats(0, 0.2))
def test_a_single_chance_passes_by_itself_and_none_beyond_the_budget(chances, budget):
    largest = passing(chances, budget)
    assert largest <= budget
    assert largest == 0 or largest in chances


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_any_number_can_be_written(value):
    assert number(value)
    if 0 <= value < 1e12:
        assert duration(value)
        assert period(value)


def test_series_survive_json():
    one = Series(np.array([1.0, 2.0, 3.0]), np.array([1.5, math.nan, 2.5]))
    data = json.loads(json.dumps(one.to_dict(), allow_nan=False))
    assert data == {"times": [1.0, 2.0, 3.0], "values": [1.5, None, 2.5]}
    again = Series.from_dict(data)
    assert np.array_equal(again.values, one.values, equal_nan=True)


@pytest.mark.parametrize("thing", [metric(hard_limit=5.0), check(), window(), OutageFacts(1.0, 2.0, None, "x")])
def test_facts_survive_json_and_unknown_fields(thing):
    data = json.loads(json.dumps(thing.to_dict(), allow_nan=False))
    assert type(thing).from_dict(data) == thing
    assert type(thing).from_dict(data | {"added_in_a_later_version": 1}) == thing


@pytest.mark.parametrize("minutes", [1, 2, 3, 5, 8])
def test_tiny_windows_are_judged_or_said_to_be_too_small(minutes):
    seen = window(minutes=minutes, settle=0)
    for points in (0, 1, 2, 3, 6, 12, 30):
        baseline = values(T - points * MINUTE, T) if points else Series.empty()
        assert finite(judge_metric(baseline, after(minutes=minutes), metric(), seen))
