"""Planned maintenance while a deployment is watched: its readings are neither judged nor missed."""

import pytest

from monitoring import services
from tests.factories import MaintenanceWindowFactory
from tests.monitoring.worlds import World, at

pytestmark = pytest.mark.django_db


def world_with_work(starts, ends, *, whole=True, up=None, **check):
    """A check that is not read while work on it (or on all) is planned, as the poller does it."""
    world = World().open()
    found = world.check(until=0, **check)
    MaintenanceWindowFactory(
        project=world.environment.project,
        environment=world.environment if whole else None,
        health_check=None if whole else found,
        starts_at=at(starts),
        ends_at=at(ends),
        reason="New disks",
    )
    series = found.series.get(aspect="up")
    for since, until in ((0, min(60, max(0, starts))), (max(0, ends), 60)):
        if since < until:
            world.fill(series, up or 1.0, since, until, 1.0)
    return world, found


@pytest.mark.parametrize("whole", [True, False])
def test_what_was_not_read_under_planned_work_is_not_missed_when_the_rest_was_seen(whole):
    world, check = world_with_work(10, 50, whole=whole)
    world.judge(60)
    finding = world.finding(f"check:{check.pk}")
    assert (finding.result, finding.facts["coverage_after"]) == ("UNCHANGED", pytest.approx(1.0, abs=0.1))
    assert finding.facts["reasons"][-1] == "PLANNED"
    assert finding.sentence.endswith("Planned maintenance of 40\u00a0min was left out.")
    assert world.verdict().result == "HEALTHY"


def test_planned_work_at_the_end_is_no_silence():
    world, check = world_with_work(30, 90)
    world.judge(60)
    assert world.finding(f"check:{check.pk}").result == "UNCHANGED"


def test_planned_work_around_the_roll_out_is_no_reason_not_to_judge_what_follows():
    world, check = world_with_work(-10, 20)
    world.judge(60)
    assert world.finding(f"check:{check.pk}").result == "UNCHANGED"
    assert world.verdict().result == "HEALTHY"


def test_under_planned_work_all_along_nothing_is_known():
    world, check = world_with_work(-10, 90)
    world.judge(60)
    finding = world.finding(f"check:{check.pk}")
    assert (finding.result, finding.facts["reasons"][-1]) == ("NO_DATA", "PLANNED")
    assert "maintenance was planned all along" in finding.sentence
    assert world.verdict().result == "BLIND"


def test_a_few_minutes_outside_of_planned_work_are_too_little():
    world, check = world_with_work(3, 59)
    world.judge(60)
    assert world.finding(f"check:{check.pk}").result == "INCONCLUSIVE"
    assert world.verdict().result == "INCONCLUSIVE"


def test_readings_that_were_taken_under_planned_work_do_not_count():
    world, check = world_with_work(10, 30)
    world.fill(check.series.get(aspect="up"), 0.0, 10, 30, 1.0)
    world.judge(60)
    assert world.finding(f"check:{check.pk}").result == "UNCHANGED"


def test_what_is_down_outside_of_planned_work_fails_the_deployment():
    world, check = world_with_work(10, 30, up=lambda minute: minute < 40)
    world.outage(check, began=40)
    world.judge(60)
    assert world.finding(f"check:{check.pk}").facts["reasons"][:1] == ["DOWN"]
    assert world.verdict().result == "FAILED"


def test_what_was_missing_beside_planned_work_is_missed():
    world, _ = world_with_work(10, 20)
    world.check(until=5, name="Other")
    world.judge(60)
    assert world.verdict().result == "INCONCLUSIVE"


def test_judged_again_planned_work_of_then_counts():
    world, check = world_with_work(10, 50)
    world.judge(60)
    before = services.judge_again(world.verdict()).to_dict()
    world.environment.maintenance.all().delete()
    assert services.judge_again(world.verdict()).to_dict() == before
    again = {finding["key"]: finding["sentence"] for finding in before["findings"]}
    assert again[f"check:{check.pk}"] == world.finding(f"check:{check.pk}").sentence
