"""What a metric with labels is called in findings."""

import pytest

from tests.monitoring.worlds import World

pytestmark = pytest.mark.django_db


def names(labels):
    world = World().open()
    metric = world.metric("requests", world.noisy(10, 10), name="Requests")
    for number, some in enumerate(labels):
        series = metric.series.create(environment=world.environment, labels=some, labels_digest=f"{number}digest")
        world.fill(series, world.noisy(10, 10), -24 * 60, 60, 1.0)
    world.judge(60)
    return set(world.verdict().findings.values_list("name", flat=True)) - {"Requests"}


def test_a_few_labels_are_told_whole():
    assert names([{"route": "/list", "region": "eu"}]) == {"Requests (region eu, route /list)"}


def test_many_labels_are_cut_and_can_still_be_told_apart():
    many = {f"label_{number:02}": "v" * 150 for number in range(30)}
    found = names([many | {"z": "1"}, many | {"z": "2"}])
    assert len(found) == 2
    assert all(len(name) < 170 for name in found)
    assert {name.rpartition("… ")[2] for name in found} == {"0diges)", "1diges)"}
