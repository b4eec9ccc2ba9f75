"""A verdict is kept with its inputs: judged again it is the same."""

import numpy as np
import pytest

from monitoring import services
from monitoring.models import Finding
from monitoring.services import judging
from tests.monitoring.worlds import World, at
from tests.samples import store_samples

pytestmark = pytest.mark.django_db


def busy_world():
    world = World().open()
    check = world.check(up=lambda minute: minute < 50, response=world.noisy(80, 82))
    world.outage(check, began=50)
    world.metric("checkout_p95", world.noisy(310, 450), unit="ms")
    world.metric("orders", world.noisy(40, 39, 0.2), bad_direction="DOWN", labels={"region": "eu"})
    world.judge(60)
    return world


def test_judged_again_a_verdict_gives_the_same_findings():
    world = busy_world()
    again = services.judge_again(world.verdict())
    assert again.result == world.verdict().result
    assert again.sentence == world.verdict().sentence
    kept = list(Finding.objects.filter(verdict=world.verdict()).values_list("key", "result", "sentence"))
    assert [(f.key, str(f.result), f.sentence) for f in again.findings] == kept
    assert len(kept) == 4


def test_a_later_edit_of_the_metric_or_check_changes_nothing_when_judged_again():
    world = busy_world()
    before = services.judge_again(world.verdict()).to_dict()
    world.environment.project.metrics.update(is_muted=True, least_change=5.0, name="Renamed")
    world.environment.checks.update(is_critical=False, name="Renamed", paused_at=at(61))
    assert services.judge_again(world.verdict()).to_dict() == before


def test_samples_that_came_later_are_noticed():
    world = busy_world()
    store_samples([world.series_of("checkout_p95").pk], [at(30.5)], [1.0])
    with pytest.raises(services.InputsChanged, match="Checkout p95"):
        services.judge_again(world.verdict())


def test_labels_make_findings_of_their_own():
    world = busy_world()
    finding = world.verdict().findings.get(series=world.series_of("orders"))
    assert finding.name == "Orders (region eu)"
    assert finding.key.startswith("metric:orders:")


def test_what_json_cannot_hold_is_left_out():
    assert judging._finite({"a": [np.nan, float("inf"), 1.5], "b": ("x", None)}) == {
        "a": [None, None, 1.5],
        "b": ["x", None],
    }
