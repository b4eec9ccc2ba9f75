"""What of a deployment is not watched, and what to do about it."""

import pytest
from django.test import override_settings

from reports.selectors import deployment_story
from reports.selectors.gaps import WANTED, watch_gaps
from tests.factories import HealthCheckFactory
from tests.monitoring.worlds import World, at


@pytest.fixture
def world(db):
    return World()


def gaps_of(world, minutes=61):
    return watch_gaps(deployment_story(world.deployment, at(minutes)), at(minutes))


def named(gaps):
    return [gap.name for gap in gaps.listed]


def test_what_matters_most_of_the_process_is_listed_with_the_line_that_sends_it(world):
    world.check(response=50, first_reading_at=at(-60))
    world.open().judge(60)
    gaps = gaps_of(world)
    assert named(gaps) == ["Error rate", "CPU usage", "Memory usage", "Transaction rate"]
    with override_settings(SITE_URL="https://deploys.example.org"):
        memory = gaps_of(world).listed[2]
    assert "https://deploys.example.org/api/v1/metrics" in memory.snippet
    assert '"metric": "memory_usage"' in memory.snippet


def test_all_others_of_the_process_are_named_together(world):
    world.check(response=50)
    gaps = gaps_of(world.open())
    names = {gap.name for gap in gaps.more}
    assert {"Cache hits", "Queue length", "User activity"} <= names
    assert not names & {gap.name for gap in gaps.listed}
    assert "curl" in gaps.example


def test_without_a_check_that_comes_first_and_response_times_are_missing(world):
    names = named(gaps_of(world.open()))
    assert names[0] == "Health check"
    assert "Response time" in names


def test_a_metric_of_the_same_kind_fills_the_gap(world):
    world.metric("checkout_failures", 0.1, name="Checkout failures", unit="%", kind="ERROR_RATE")
    world.metric("memory_usage", 6e8, name="Memory usage", unit="bytes")
    world.open().judge(60)
    gaps = gaps_of(world)
    assert not {"Error rate", "Memory usage"} & set(named(gaps))
    assert "CPU usage" in named(gaps)


def test_a_metric_that_fell_silent_is_listed_first_with_its_line(world):
    world.metric("lag", world.noisy(12, 12), until=-30, name="Warehouse lag")
    world.open().judge(60)
    gap = gaps_of(world).listed[0]
    assert gap.name == "Warehouse lag"
    assert gap.why.startswith("no values since the deployment")
    assert '"metric": "lag"' in gap.snippet
    assert gap.url


def test_what_has_too_little_behind_it_needs_no_line(world):
    world.metric("young", 12, since=-3, name="Young one")
    world.open().judge(60)
    gap = gaps_of(world).listed[0]
    assert (gap.name, gap.snippet) == ("Young one", "")


def test_nothing_is_listed_twice(world):
    HealthCheckFactory(environment=world.environment, name="Paused", paused_at=at(-5))
    world.metric("lag", 12, until=-30, name="Warehouse lag")
    world.open().judge(60)
    gaps = gaps_of(world)
    names = [gap.name for gap in (*gaps.listed, *gaps.more)]
    assert len(names) == len(set(names))
    assert "Paused" in names


def test_what_fell_silent_after_the_watch_says_nothing_of_it(world):
    for key in ("sold", "paid"):
        world.metric(key, world.noisy(12, 12), until=180, name=key.capitalize())
    world.open().judge(60)
    assert not {"Sold", "Paid"} & set(named(gaps_of(world, 170)))
    assert {"Sold", "Paid"} <= set(named(gaps_of(world, 200)))
    world.judge(180)
    assert not {"Sold", "Paid"} & set(named(gaps_of(world, 300)))


def test_those_that_fell_silent_together_stand_in_one_line(world):
    for key in ("paid", "sold"):
        world.metric(key, world.noisy(12, 12), until=60, name=key.capitalize())
    gaps = gaps_of(world.open(), 90)
    assert ["Paid", "Sold"] in [[gap.name for gap in group] for group in gaps.groups]
    assert [gap for group in gaps.groups for gap in group] == gaps.listed


@pytest.mark.parametrize(("reason", "is_gap"), [("ORDINARY", False), ("MIX_SHIFT", False), ("TOO_LITTLE", True)])
def test_what_was_judged_and_is_unclear_is_no_gap(world, reason, is_gap):
    world.metric("sold", world.noisy(12, 12), name="Sold")
    world.open().judge(60)
    finding = world.finding("metric:sold")
    finding.result, finding.facts = "INCONCLUSIVE", {**finding.facts, "reasons": [reason]}
    finding.save()
    assert ("Sold" in named(gaps_of(world))) is is_gap


def test_the_list_takes_the_same_number_of_queries_however_long_it_is(world, django_assert_max_num_queries):
    world.open().judge(60)
    with django_assert_max_num_queries(40) as short:
        gaps_of(world)
    for number in range(5):
        world.metric(f"silent_{number}", 12, until=-30)
        HealthCheckFactory(environment=world.environment, paused_at=at(-5))
    with django_assert_max_num_queries(len(short) + 1):
        gaps_of(world)


def test_what_is_wanted_is_in_the_catalogue():
    from monitoring.catalogue import BY_KEY

    assert set(WANTED) <= BY_KEY.keys()
