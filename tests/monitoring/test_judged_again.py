"""A verdict is kept with its inputs: judged again it is the same."""

import numpy as np
import pytest

from monitoring import services, store
from monitoring.models import DayChunk, Finding, Hold, Series
from monitoring.services import judging
from tests.monitoring.store.clock import fold, stand_still
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


def test_what_was_left_out_then_is_left_out_when_judged_again():
    world = World().open()
    check = world.check(up=lambda minute: not -900 <= minute < -500)
    outage = world.outage(check, began=-900, ended=-500)
    world.metric("checkout_p95", world.noisy(310, 390), unit="ms")
    world.judge(60)
    before = services.judge_again(world.verdict()).to_dict()
    outage.delete()
    assert services.judge_again(world.verdict()).to_dict() == before
    assert [row["sentence"] for row in before["findings"]] == [f.sentence for f in world.verdict().findings.all()]


def test_the_policy_and_the_seed_of_then_are_kept():
    world = World(chance_limit=0.002).open()
    world.metric("orders", world.noisy(40, 40))
    world.judge(60)
    verdict = world.verdict()
    assert verdict.rule_version
    assert isinstance(verdict.inputs["seed"], int)
    assert {row["facts"]["chance_limit"] for row in verdict.inputs["metrics"]} == {0.002}
    assert world.period().policy["chance_limit"] == 0.002


def test_a_verdict_from_before_these_inputs_were_kept_is_still_judged_again():
    world = busy_world()
    verdict = world.verdict()
    before = [(found.key, found.result, found.sentence) for found in services.judge_again(verdict).findings]
    for name in ("left_out", "reference", "no_reference"):
        del verdict.inputs[name]
    for row in verdict.inputs["metrics"]:
        for name in ("metric", "labels", "volume", "is_pinned"):
            del row[name]
    for row in verdict.inputs["checks"]:
        del row["maintenance"]
    again = services.judge_again(verdict).findings
    assert [(found.key, found.result, found.sentence) for found in again] == before


def test_what_a_ratio_is_computed_of_is_held_as_long_as_the_verdict():
    world = World().open()
    errors, requests = world.metric("errors", 2), world.metric("requests", 100)
    world.metric("error_share", 0, until=-1430, numerator=errors, denominator=requests)
    world.judge(60)
    assert world.finding("metric:error_share").result == "UNCHANGED"
    held = Hold.objects.filter(verdict=world.verdict(), series_ids__contains=[world.series_of("error_share").pk])
    assert {world.series_of("errors").pk, world.series_of("requests").pk} <= set(held.get().series_ids)


def test_samples_are_kept_as_long_as_the_verdict_and_judge_the_same(monkeypatch):
    world = World().open()
    world.check(up=lambda minute: minute < 50, response=world.noisy(80, 82))
    world.metric("checkout_p95", world.noisy(310, 450), unit="ms")
    failed, asked = world.metric("failed", 2), world.metric("asked", world.noisy(100, 100))
    world.metric("failed_share", 0, until=-1430, numerator=failed, denominator=asked)
    world.metric("other", 1, since=-60 * 24 * 20, until=-60 * 24 * 16, step=60.0)
    world.judge(60)
    before = services.judge_again(world.verdict()).to_dict()
    stand_still(monkeypatch, store.microseconds(at(60 * 24 * 3)))
    fold()
    store.drop_expired(now=at(60 * 24 * 900))
    assert not DayChunk.objects.exists()
    assert services.judge_again(world.verdict()).to_dict() == before
    gone = store.read([world.series_of("other").pk], at(-60 * 24 * 21), at(-60 * 24 * 15))
    assert not len(gone[world.series_of("other").pk].times)


def test_samples_that_came_a_little_late_make_no_difference():
    world = World().open()
    world.check(up=lambda minute: minute < 50, response=world.noisy(80, 82))
    world.metric("checkout_p95", world.noisy(310, 450), unit="ms")
    world.metric("bytes_sent", lambda minute: 1000 * minute + 2e6, is_counter=True)
    failed, asked = world.metric("failed", 2), world.metric("asked", world.noisy(100, 100))
    world.metric("failed_share", 0, until=-1430, numerator=failed, denominator=asked)
    world.judge(60)
    before = services.judge_again(world.verdict()).to_dict()
    assert before["findings"] == [finding.facts for finding in world.verdict().findings.all()]
    series = [row.pk for row in Series.objects.all()]
    for minute in (10.5, 59.9):
        store_samples(series, [at(minute)] * len(series), [7.0] * len(series))
    assert services.judge_again(world.verdict()).to_dict() == before


def test_samples_that_came_an_hour_late_are_noticed():
    world = busy_world()
    store_samples([world.series_of("checkout_p95").pk], [at(-1.5)], [1.0])
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
