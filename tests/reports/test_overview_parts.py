"""Cards, lanes, lines and coverage of the overview, from the rows behind them."""

import itertools

import pytest

from monitoring.models import HealthCheck
from reports import selectors
from reports.selectors.finding_facts import placebo_of
from reports.selectors.finding_pictures import finding_pictures
from reports.selectors.pictures import SPARK_POINTS, sparks
from tests.factories import (
    DeploymentFactory,
    EnvironmentFactory,
    FindingFactory,
    HealthCheckFactory,
    IssueFactory,
    SeriesFactory,
)
from tests.reports.world import DAY, HOUR, MINUTE, NOW, rollback_world
from tests.samples import store_samples

pytestmark = pytest.mark.django_db


def measure(check, start, end, step, value):
    series = SeriesFactory(environment=check.environment, metric=None, health_check=check, aspect="response_time")
    times = [start + n * step for n in range(int((end - start) / step) + 1)]
    store_samples([series.pk] * len(times), times, [value(at) for at in times])
    return series


def under_way(world, version, started_at):
    DeploymentFactory(
        environment=world.production, version=version, status="RUNNING", finished_at=None, started_at=started_at,
        occurred_at=started_at,
    )  # fmt: skip


def card_of(world, name):
    return next(card for card in selectors.overview(world.project, NOW).cards if card.environment.name == name)


# --- cards ------------------------------------------------------------------------------------------------------------


def test_production_comes_first():
    world = rollback_world()
    EnvironmentFactory(project=world.project, name="a-test", tier="TESTING", created_at=NOW - 99 * DAY)
    names = [card.environment.name for card in selectors.overview(world.project, NOW).cards]
    assert names == ["production", "staging", "a-test"]


def test_a_card_counts_open_issues_of_its_environment_only():
    world = rollback_world()
    IssueFactory(project=world.project, environment=world.production, severity="MINOR", status="VERIFIED",
                 resolved_at=NOW, number=900)  # fmt: skip
    assert [(row.word, row.count) for row in card_of(world, "production").issues] == [
        ("critical", 1), ("major", 1), ("minor", 0),
    ]  # fmt: skip


def test_all_open_issues_are_counted_also_those_without_an_environment():
    world = rollback_world()
    IssueFactory(project=world.project, number=901)
    assert selectors.overview(world.project, NOW).open_issues == 4


def test_a_deployment_under_way_is_named_beside_what_runs():
    world = rollback_world()
    under_way(world, "v2", NOW - MINUTE)
    card = card_of(world, "production")
    assert (card.current.version, card.under_way.version) == ("v1.42.1", "v2")


def test_a_pipeline_that_hangs_is_not_under_way_for_ever():
    world = rollback_world()
    under_way(world, "v0", NOW - 3 * DAY)
    assert card_of(world, "production").under_way is None


def test_the_latest_event_is_the_latest_of_deployments_issues_and_outages():
    world = rollback_world()
    assert card_of(world, "production").latest_event_at == NOW.replace(hour=10, minute=35)


# --- attention --------------------------------------------------------------------------------------------------------


def test_the_clock_that_runs_out_first_stands_on_top_and_what_waits_for_proof_below():
    world = rollback_world()
    rows = selectors.overview(world.project, NOW).attention
    assert [row.issue.reference for row in rows] == ["SHOP-145", "SHOP-147", "SHOP-142"]
    assert rows[0].clock.tier == "L2"


# --- lanes ------------------------------------------------------------------------------------------------------------


def test_a_lane_ends_now_and_shows_even_short_lives():
    world = rollback_world()
    lanes = {lane.name: lane for lane in selectors.overview(world.project, NOW).lanes}
    segments = lanes["production"].segments
    assert [segment["text"] for segment in segments] == ["v1.41.2", "v1.42.0", "v1.42.1"]
    assert segments[-1]["end"] == pytest.approx(1.0, abs=0.002)
    assert all(segment["end"] - segment["start"] > 0.02 for segment in segments)
    assert all(a["end"] == b["start"] for a, b in itertools.pairwise(segments))
    assert "v1.42.0 failed for 1\u00a0h 28\u00a0min" in lanes["production"].label


# --- coverage ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"paused_at": NOW}, "The check is paused."),
        ({"state": "UP", "first_reading_at": None}, "The check has not been read yet."),
        (
            {"state": "UNKNOWN", "first_reading_at": NOW, "latest_detail": "the address is private"},
            "Its state is not known: the address is private.",
        ),
    ],
)
def test_what_is_not_watched_is_named_with_its_reason(fields, why):
    world = rollback_world()
    HealthCheck.objects.all().delete()
    HealthCheckFactory(environment=world.staging, name="Search", **fields)
    gaps = {gap.subject: gap.why for gap in selectors.overview(world.project, NOW).gaps}
    assert gaps == {"production": "It has no check, so nothing of it is watched.", "Search": why}


# --- lines ------------------------------------------------------------------------------------------------------------


def test_a_spark_shows_the_line_its_deployments_and_what_was_before():
    world = rollback_world()
    measure(world.checkout, NOW - 3 * HOUR, NOW, MINUTE, lambda at: 450 if at > world.bad.finished_at else 310)
    spark = card_of(world, "production").spark
    assert len(spark.points) == SPARK_POINTS
    assert [kind for _, kind in spark.marks] == ["deploy", "rollback"]
    assert spark.latest == "450\u00a0ms"
    assert spark.band == (310, 310)
    assert spark.label == "Response time of Checkout API: 450\u00a0ms now, before 310 to 310 ms"


def test_a_check_that_is_down_shows_no_answer_instead_of_its_last_time():
    world = rollback_world()
    measure(world.checkout, NOW - 3 * HOUR, NOW - HOUR, MINUTE, lambda at: 310)
    HealthCheck.objects.filter(pk=world.checkout.pk).update(state="DOWN")
    assert card_of(world, "production").spark.latest == "no answer"


def test_a_gap_in_the_readings_stays_a_gap():
    world = rollback_world()
    series = measure(world.checkout, NOW - 3 * HOUR, NOW - 2 * HOUR, MINUTE, lambda at: 300)
    times = [NOW - n * MINUTE for n in range(20)]
    store_samples([series.pk] * 20, times, [300.0] * 20)
    points = card_of(world, "production").spark.points
    known = [value is not None for value in points]
    assert known.count(False) > 20
    assert known[0]
    assert known[-2]


def test_readings_further_apart_than_the_grid_are_one_line():
    world = rollback_world()
    measure(world.checkout, NOW - 3 * HOUR, NOW, 10 * MINUTE, lambda at: 300)
    points = card_of(world, "production").spark.points
    assert all(value == 300 for value in points[:-4])


def test_an_environment_without_readings_has_no_line():
    world = rollback_world()
    assert card_of(world, "production").spark is None
    assert sparks({}, {}, NOW) == {}


# --- findings ---------------------------------------------------------------------------------------------------------


def test_the_placebo_counts_every_ordinary_moment_and_holds_the_change():
    world = rollback_world()
    placebo = placebo_of(world.errors)
    assert (sum(placebo.counts), placebo.moments) == (40, 40)
    assert placebo.low < placebo.value < placebo.high
    assert placebo.label == "+0.82\u00a0points"


@pytest.mark.parametrize(
    "facts",
    [{}, {"picture": None}, {"picture": {"ordinary": "x"}}, {"picture": {"ordinary": []}, "change": 1}, [], None, "x"],
)
def test_a_finding_without_a_picture_has_none(facts):
    finding = FindingFactory.build(facts=facts, verdict=None)
    assert placebo_of(finding) is None


def test_the_chart_of_a_check_is_its_response_time_with_the_deployments():
    world = rollback_world()
    finding = FindingFactory(verdict=world.verdict, key="check:1", health_check=world.checkout, facts={"unit": "%"})
    measure(world.checkout, NOW - 3 * HOUR, NOW, MINUTE, lambda at: 310)
    picture = finding_pictures([finding], world.bad, until=NOW)[finding.pk]
    assert picture.chart["unit"] == "ms"
    assert [mark["kind"] for mark in picture.chart["marks"]] == ["deploy", "rollback"]
    assert [row.label for row in picture.stretches] == ["before v1.42.0", "since v1.42.0", "since v1.42.1 rollback"]


def test_a_chart_without_samples_is_left_out():
    world = rollback_world()
    assert finding_pictures([world.errors], world.bad, until=NOW)[world.errors.pk].chart is None
