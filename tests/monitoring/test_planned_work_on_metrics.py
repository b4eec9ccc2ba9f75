"""Planned maintenance while a deployment is watched: what metrics measure then says nothing of the deployment."""

import pytest

from monitoring import services
from tests.factories import MaintenanceWindowFactory, MetricFactory, SeriesFactory
from tests.monitoring.worlds import World, at

pytestmark = pytest.mark.django_db


def world_with_work(*windows, value, **metric):
    """A metric that is measured under planned work as well; `value` is a function of world and minute."""
    world = World().open()
    for starts, ends in windows:
        MaintenanceWindowFactory(
            project=world.environment.project,
            environment=world.environment,
            health_check=None,
            starts_at=at(starts),
            ends_at=at(ends),
            reason="New disks",
        )
    world.metric("p95", lambda minute: value(minute) * (1 + 0.05 * world.random.standard_normal()), **metric)
    return world


def bad_between(start, end):
    return lambda minute: 900 if start <= minute < end else 310


def found(world):
    return world.finding("metric:p95")


@pytest.mark.parametrize(("starts", "ends"), [(10, 30), (-5, 20), (30, 90), (20, 25)])
def test_what_is_bad_only_under_planned_work_is_not_the_deployments(starts, ends):
    world = world_with_work((starts, ends), value=bad_between(max(starts, 0), ends))
    world.judge(60)
    assert found(world).result == "UNCHANGED"
    assert world.verdict().result == "HEALTHY"
    lasted = min(ends, 60) - max(starts, 0)
    assert found(world).sentence.endswith(f"Planned maintenance of {lasted}\u00a0min was left out.")
    assert found(world).facts["reasons"][-1] == "PLANNED"


@pytest.mark.parametrize(("starts", "ends"), [(10, 30), (-5, 20), (20, 25)])
def test_what_is_bad_outside_of_planned_work_is_found(starts, ends):
    world = world_with_work((starts, ends), value=bad_between(0, 60))
    world.judge(60)
    assert found(world).result == "REGRESSED"
    assert world.verdict().result == "DEGRADED"


def test_what_got_worse_with_the_planned_work_and_stays_so_is_not_missed():
    world = world_with_work((30, 45), value=bad_between(30, 60))
    world.judge(60)
    assert found(world).result == "REGRESSED"


def test_under_planned_work_all_along_nothing_is_known_and_nothing_healthy():
    world = world_with_work((-5, 90), value=bad_between(0, 0))
    world.judge(60)
    assert (found(world).result, found(world).facts["reasons"][-1]) == ("NO_DATA", "PLANNED")
    assert found(world).sentence.endswith("was not judged: maintenance was planned all along, 1\u00a0h.")
    assert world.verdict().result == "BLIND"
    assert world.verdict().sentence.endswith("Maintenance was planned all along.")


def test_beside_something_that_was_seen_a_metric_under_planned_work_keeps_it_from_being_cleared():
    """Readings of a check are not taken under planned work, but what was taken before it began does not clear all."""
    world = world_with_work((1, 90), value=bad_between(0, 0))
    world.check()
    world.judge(60)
    assert world.verdict().result == "INCONCLUSIVE"


def test_a_few_values_outside_of_planned_work_are_too_little():
    world = world_with_work((0, 58), value=bad_between(0, 0))
    world.judge(60)
    assert found(world).result in {"INCONCLUSIVE", "NO_DATA"}
    assert world.verdict().result != "HEALTHY"


def test_a_metric_that_does_not_come_back_after_planned_work_has_gone_silent():
    world = world_with_work((20, 30), value=bad_between(0, 0), until=20)
    world.judge(60)
    assert found(world).result == "INCONCLUSIVE"
    assert "stopped: no values since the planned maintenance." in found(world).sentence
    assert "GONE_SILENT" in found(world).facts["reasons"]
    assert world.verdict().result == "INCONCLUSIVE"


def test_a_hard_limit_that_is_broken_only_under_planned_work_is_not():
    world = world_with_work((10, 30), value=bad_between(10, 30), hard_limit=600)
    world.judge(20)
    world.judge(60)
    assert world.verdict().result == "HEALTHY"


def test_work_on_one_check_is_left_out_of_its_own_response_time_alone():
    world = World().open()
    check = world.check(response=world.noisy(100, 100))
    MaintenanceWindowFactory(
        project=world.environment.project, environment=None, health_check=check, starts_at=at(10), ends_at=at(30)
    )
    world.metric("p95", world.noisy(310, 310))
    world.judge(60)
    assert "PLANNED" in world.finding(f"check:{check.pk}:response_time").facts["reasons"]
    assert "PLANNED" not in found(world).facts["reasons"]


def test_a_whole_that_nobody_sends_is_computed_without_what_was_planned():
    world = World().open()
    MaintenanceWindowFactory(
        project=world.environment.project, environment=world.environment, starts_at=at(10), ends_at=at(30)
    )
    for key, kind, level in (("latency", "LATENCY", 300), ("requests", "THROUGHPUT", 50)):
        metric = MetricFactory(project=world.environment.project, key=key, kind=kind)
        for route in ("a", "b"):
            series = SeriesFactory(
                environment=world.environment, metric=metric, labels={"route": route}, labels_digest=f"{key}{route}"
            )
            value = bad_between(10, 30) if key == "latency" else lambda minute, level=level: level
            world.fill(
                series, lambda minute, v=value: v(minute) * (1 + 0.05 * world.random.standard_normal()), -1440, 60, 1.0
            )
    world.judge(60)
    assert world.finding("metric:latency").result == "UNCHANGED"
    assert world.verdict().result == "HEALTHY"


def test_judged_again_planned_work_of_then_counts():
    world = world_with_work((10, 30), value=bad_between(10, 30))
    world.judge(60)
    before = services.judge_again(world.verdict()).to_dict()
    world.environment.maintenance.all().delete()
    assert services.judge_again(world.verdict()).to_dict() == before
    again = {finding["key"]: finding["sentence"] for finding in before["findings"]}
    assert again["metric:p95"] == found(world).sentence


def test_what_arrives_later_for_planned_time_changes_nothing():
    world = world_with_work((10, 30), value=bad_between(0, 0), until=10)
    series = world.series_of("p95")
    world.fill(series, 310.0, 30, 60, 1.0)
    world.judge(60)
    before = services.judge_again(world.verdict()).to_dict()
    world.fill(series, 900.0, 10, 30, 1.0)
    assert services.judge_again(world.verdict()).to_dict() == before


def test_in_the_extended_watch_planned_work_of_a_night_is_left_out_too():
    world = world_with_work((100, 120), value=bad_between(100, 120), until=180)
    world.judge(60)
    world.judge(180)
    assert world.verdict("EXTENDED").result == "HEALTHY"
    assert "PLANNED" in world.finding("metric:p95", "EXTENDED").facts["reasons"]
