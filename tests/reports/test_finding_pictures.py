"""What is drawn beside a finding: the line, what was expected of it, up and down, ordinary moments, small lines."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from monitoring.models import Verdict
from reports.selectors.finding_facts import expected_of, placebo_of, rarity_words
from reports.selectors.finding_pictures import finding_pictures, left_out_of, small_lines
from tests.factories import DeploymentFactory, FindingFactory
from tests.monitoring.worlds import World, at

NBSP = "\u00a0"


@pytest.fixture
def world(db):
    """A deployment at `at(0)` that made a metric worse, was down for a while, and left another metric as it was."""
    world = World()
    world.metric("p95", world.noisy(310, 450), until=75, name="Checkout p95", unit="ms")
    world.metric("search", world.noisy(176, 176), until=75, name="Search p95", unit="ms")
    check = world.check(
        up=lambda minute: 0 if 14 <= minute < 19 else 1, until=75, response=world.noisy(300, 300), name="Checkout"
    )
    world.outage(check, 14, 19)
    world.open().judge(60)
    return world


def picture_of(world, key, **fields):
    finding = world.finding(key)
    for name, value in fields.items():
        setattr(finding, name, value)
    return finding_pictures([finding], world.deployment, until=at(75))[finding.pk]


def edges(chart):
    """(time, low, high) where something was expected."""
    rows = zip(chart["times"], chart["low"], chart["high"], strict=True)
    return [(time, low, high) for time, low, high in rows if low is not None]


# --- what was expected ------------------------------------------------------------------------------------------------


def test_the_forecast_is_drawn_from_the_deployment_to_its_own_end(world):
    band = edges(picture_of(world, "metric:p95").chart)
    assert band[0][0] >= at(0).timestamp()
    assert at(55).timestamp() < band[-1][0] <= at(61).timestamp()
    assert all(low < 310 < high for _, low, high in band)


def test_a_forecast_moves_with_time():
    forecast = {"start": 100.0, "step": 10.0, "expected": [2, 3, 4], "low": [1, 2, 3], "high": [3, 4, 5]}
    expected = expected_of({"picture": {"forecast": forecast}}, 100.0)
    assert expected.times.tolist() == [105.0, 115.0, 125.0]
    assert (expected.low.tolist(), expected.until) == ([1, 2, 3], 130.0)
    assert expected.told("ms") == f"2 to 4{NBSP}ms"


def test_an_old_record_has_a_flat_band_and_no_end(world):
    facts = {"unit": "ms", "picture": {"band": {"low": 288, "high": 334}}}
    band = edges(picture_of(world, "metric:p95", facts=facts).chart)
    assert {(low, high) for _, low, high in band} == {(288, 334)}
    assert band[0][0] >= at(0).timestamp()
    assert band[-1][0] > at(70).timestamp()


@pytest.mark.parametrize(
    "forecast",
    [
        None,
        "x",
        {},
        {"start": 0, "step": 0, "low": [1], "high": [2]},
        {"start": 0, "step": 60, "low": [1, 2], "high": [2]},
        {"start": None, "step": 60, "low": [1], "high": [2]},
        {"start": 0, "step": 60, "low": [], "high": []},
    ],
)
def test_a_forecast_of_another_shape_is_not_drawn(forecast):
    assert expected_of({"picture": {"forecast": forecast}}, None) is None
    assert expected_of({"picture": forecast}, None) is None


def test_the_response_time_of_a_check_is_held_against_what_it_was_before(world):
    picture = picture_of(world, "check:" + str(world.deployment.environment.checks.get().pk))
    assert picture.chart["unit"] == "ms"
    assert picture.chart["band"] == "usual before"
    assert {(round(low, -2), round(high, -2)) for _, low, high in edges(picture.chart)} == {(300, 300)}
    assert "Usual before: " in picture.label


def test_the_picture_says_in_words_what_it_shows(world):
    picture = picture_of(world, "metric:p95")
    assert picture.label.startswith("Checkout p95 rose")
    assert picture.label.endswith(f"Expected: {picture.expected}.")


# --- what is shaded, up and down --------------------------------------------------------------------------------------


def test_stretches_that_were_left_out_are_shaded_where_they_can_be_seen(world):
    verdict = world.verdict()
    spans = [[at(-30).timestamp(), at(-20).timestamp()], [at(-9000).timestamp(), at(-8000).timestamp()]]
    verdict.inputs["window"]["left_out"] = spans
    verdict.save()
    assert left_out_of([world.finding("metric:p95")]) == [tuple(span) for span in spans]
    shaded = picture_of(world, "metric:p95").chart["spans"]
    assert shaded == [{"from": spans[0][0], "to": spans[0][1], "label": "left out"}]


@pytest.mark.parametrize("inputs", [{}, {"window": None}, {"window": {"left_out": "x"}}, {"window": {"left_out": [1]}}])
def test_inputs_of_another_shape_leave_nothing_out(world, inputs):
    Verdict.objects.update(inputs=inputs)
    assert left_out_of([world.finding("metric:p95")]) == []


def test_a_check_shows_up_and_down_over_the_time_of_the_picture(world):
    check = world.deployment.environment.checks.get()
    picture = picture_of(world, f"check:{check.pk}")
    states = [beat["state"] for beat in picture.strip.beats]
    assert len(states) == 90
    assert set(states[:40]) == {"up"}
    assert 2 <= states.count("down") <= 5
    assert [span["label"] for span in picture.chart["spans"]] == ["down"]
    assert "5 failed" in picture.strip.label


def test_a_reading_now_and_then_is_no_gap_and_a_silence_is_one(world):
    check = world.check(until=30, step=5.0, response=50, name="Slow one")
    finding = FindingFactory(verdict=world.verdict(), key="check:9", health_check=check, facts={"unit": "%"})
    strip = finding_pictures([finding], world.deployment, until=at(75))[finding.pk].strip
    states = [beat["state"] for beat in strip.beats]
    assert set(states[:60]) == {"up"}
    assert set(states[-20:]) == {"none"}


def test_the_line_and_the_strip_span_the_same_time_though_nothing_answers(world):
    down = world.check(up=lambda minute: minute < 0, since=-120, until=75, name="Gone")
    world.fill(down.series.get(aspect="response_time"), 50, -120, 0, 1.0)
    finding = FindingFactory(verdict=world.verdict(), key="check:9", health_check=down, facts={"unit": "%"})
    picture = finding_pictures([finding], world.deployment, until=at(75))[finding.pk]
    assert picture.chart["times"][-1] < at(0).timestamp()
    assert picture.chart["window"] == [picture.strip.start.timestamp(), picture.strip.end.timestamp()]
    assert picture.chart["window"][1] >= at(74).timestamp()


def test_a_metric_has_no_strip(world):
    assert picture_of(world, "metric:p95").strip is None


# --- ordinary moments -------------------------------------------------------------------------------------------------


def test_the_rarity_is_a_count_in_words():
    assert rarity_words({"rarity": [1, 140]}) == "A change this big happened at 1 in 140 ordinary moments."
    assert rarity_words({"rarity": [3, 160]}) == "A change this big happened at 1 in 53 ordinary moments."
    assert rarity_words({"rarity": [0, 160]}) == "A change this big happened at none of 160 ordinary moments."


@pytest.mark.parametrize("rarity", [None, [], [1], "x", [1, 0], [None, 4]])
def test_without_ordinary_moments_nothing_is_said_of_them(rarity):
    assert rarity_words({"rarity": rarity}) == ""


def test_the_placebo_says_in_words_what_it_shows():
    facts = {"unit": "ms", "before": 310, "after": 450, "change": 140, "rarity": [0, 3]}
    facts["picture"] = {"ordinary": [-20, 0, 22]}
    placebo = placebo_of(FindingFactory.build(facts=facts, verdict=None))
    assert placebo.alt == f"3 ordinary moments changed from −20{NBSP}ms to +22{NBSP}ms, this +140{NBSP}ms"
    assert (placebo.unit, placebo.label) == ("ms", f"+45{NBSP}%")


# --- small lines ------------------------------------------------------------------------------------------------------


def test_a_line_of_the_table_has_a_small_picture_with_the_deployment_in_it(world):
    finding = world.finding("metric:search")
    line = small_lines([finding], world.deployment, until=at(75))[finding.pk]
    assert len(line.points) == 90
    assert line.band[0] < 176 < line.band[1]
    [(share, kind)] = line.marks
    assert kind == "deploy"
    assert 0.4 < share < 0.6


def test_a_check_that_was_up_has_the_line_of_being_up(world):
    check = world.check(until=75, response=lambda minute: 20 if minute < 0 else 400, name="Search page")
    world.judge(180)
    finding = FindingFactory(
        verdict=world.verdict(), key="check:search", health_check=check, series=check.series.get(aspect="up"), facts={}
    )
    points = small_lines([finding], world.deployment, until=at(75))[finding.pk].points
    assert {value for value in points if value is not None} == {1.0}


def test_a_small_line_ends_where_the_next_deployment_begins(world):
    finding = world.finding("metric:search")
    whole = small_lines([finding], world.deployment, until=at(75))[finding.pk]
    DeploymentFactory(environment=world.environment, started_at=at(30), finished_at=at(33), reported_at=at(33))
    cut = small_lines([finding], world.deployment, until=at(75))[finding.pk]
    assert whole.marks[0][0] < 0.6 < cut.marks[0][0] < 0.75


def test_what_has_no_samples_has_no_small_picture(world):
    finding = FindingFactory(verdict=world.verdict(), key="metric:gone", facts={})
    assert small_lines([finding], world.deployment, until=at(75)) == {}


def test_all_pictures_take_the_same_number_of_queries(world, django_assert_num_queries, django_assert_max_num_queries):
    findings = list(world.verdict().findings.select_related("series__metric", "health_check"))
    with django_assert_max_num_queries(12) as one:
        finding_pictures(findings[:1], world.deployment, until=at(75))
    many = [*findings, *(FindingFactory(verdict=world.verdict(), series=findings[0].series) for _ in range(5))]
    with django_assert_max_num_queries(len(one) + 2):
        finding_pictures(many, world.deployment, until=at(75))


def test_a_page_on_which_nothing_happens_stays_the_same_within_a_minute(world):
    findings = list(world.verdict().findings.select_related("series__metric", "health_check"))
    first, second = (at(74) + timedelta(seconds=seconds) for seconds in (5, 50))
    for draw in (finding_pictures, small_lines):
        assert draw(findings, world.deployment, until=first) == draw(findings, world.deployment, until=second)


def test_times_of_the_band_are_those_of_the_line(world):
    chart = picture_of(world, "metric:p95").chart
    assert len(chart["times"]) == len(chart["values"]) == len(chart["low"]) == len(chart["high"])
    assert np.all(np.diff(chart["times"]) > 0)
    assert datetime.fromtimestamp(chart["times"][-1], UTC) <= at(76)
