"""The parts of a metric count as one where it is asked how rare something is among so many."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.judge.chances import passing, passing_of
from monitoring.judge.deployment import judge_deployment
from monitoring.judge.facts import FindingResult, Reason
from monitoring.judge.looks import LookPlan
from tests.monitoring.judge.makers import finding, window

LOOK = LookPlan(4, 4, 0.025)


def judged(*findings):
    return {found.key: found for found in judge_deployment(findings, window=window(), look=LOOK).findings}


def worse(key, chance, part_of=""):
    return finding(key, FindingResult.REGRESSED, chance=chance, part_of=part_of)


def quiet(key, part_of=""):
    return finding(key, chance=0.5, part_of=part_of)


@given(st.dictionaries(st.integers(), st.floats(0, 1), max_size=20), st.floats(0, 0.2))
def test_where_each_family_has_one_member_it_is_as_without_families(chances, budget):
    found = passing_of({key: [chance] for key, chance in chances.items()}, budget)
    largest = passing(list(chances.values()), budget)
    assert {key for key, limit in found.items() if limit and chances[key] <= limit} == {
        key for key, chance in chances.items() if 0 < chance <= largest
    }


def test_forty_quiet_routes_do_not_hide_what_happened_to_another_metric():
    routes = [quiet(f"latency:{n}", part_of="latency") for n in range(40)]
    found = judged(worse("errors", 0.004), quiet("latency"), *routes)
    assert found["errors"].result is FindingResult.REGRESSED


def test_one_route_among_forty_has_to_be_rarer_than_a_metric_by_itself():
    routes = [quiet(f"latency:{n}", part_of="latency") for n in range(39)]
    assert judged(worse("latency:x", 0.004, "latency"), *routes)["latency:x"].reasons[-1] is Reason.TOO_MANY_COMPARED
    assert judged(worse("latency:x", 0.0004, "latency"), *routes)["latency:x"].result is FindingResult.REGRESSED


def test_a_whole_is_not_judged_by_the_number_of_its_parts():
    routes = [quiet(f"latency:{n}", part_of="latency") for n in range(40)]
    assert judged(worse("latency", 0.004), *routes)["latency"].result is FindingResult.REGRESSED


def test_the_order_of_families_and_members_changes_nothing():
    families = {"a": [0.001, 0.4], "b": [0.3], "c": [0.002, 0.02, 0.9]}
    turned = {key: chances[::-1] for key, chances in reversed(families.items())}
    assert passing_of(families, 0.05) == passing_of(turned, 0.05)


@pytest.mark.parametrize("families", [{}, {"a": []}, {"a": [], "b": [1.0]}])
def test_nothing_passes_of_nothing(families):
    assert set(passing_of(families, 0.05).values()) <= {0.0}


def test_where_nothing_changed_anything_passes_as_seldom_as_the_budget_says():
    draws = np.random.default_rng(5)
    sizes = (1, 1, 1, 5, 20)
    alarms = sum(
        any(passing_of({place: draws.random(size).tolist() for place, size in enumerate(sizes)}, 0.05).values())
        for _ in range(4000)
    )
    assert alarms / 4000 == pytest.approx(0.05, abs=0.012)
