"""A dry run: verdicts are recorded as they are; nothing else comes of them."""

import pytest

from issues import services as issues
from issues.models import Issue
from monitoring.models import MonitoringPolicy
from monitoring.selectors import watch_states
from support import services as support
from support.models import Notification
from tests.factories import ChannelFactory
from tests.issues.builders import HOUR, NOON, make_check, make_finding, make_outage, watch
from tests.monitoring.worlds import World, at

pytestmark = pytest.mark.django_db


def dry_period(**fields):
    policy = MonitoringPolicy(initial_seconds=3600, is_dry_run=True).snapshot()
    return watch(policy=policy, **fields)


def test_what_a_dry_run_found_opens_no_issue():
    make_finding(dry_period())
    assert issues.open_issues(now=NOON + 2 * HOUR) == 0
    assert not Issue.objects.exists()


def test_a_period_whose_policy_does_not_speak_of_it_is_no_dry_run():
    period = watch(policy={"initial_seconds": 3600})
    make_finding(period)
    assert issues.open_issues(now=NOON + 2 * HOUR) == 1


def test_a_check_that_is_down_opens_an_issue_even_in_a_dry_run():
    period = dry_period()
    check = make_check(period.environment)
    make_outage(check)
    make_finding(period, check=check)
    assert issues.open_issues(now=NOON + 2 * HOUR) == 1
    assert Issue.objects.get().occurrences.get().outage.health_check == check


def test_nobody_is_told_of_the_verdict_of_a_dry_run():
    period = dry_period()
    ChannelFactory(project=period.environment.project, hears_from_at=NOON - HOUR)
    make_finding(period)
    assert support.announce_verdicts(now=NOON + 2 * HOUR) == 0
    assert not Notification.objects.exists()


def test_the_verdict_of_a_dry_run_is_the_true_one():
    world = World(is_dry_run=True).open()
    world.metric("checkout_p95", world.noisy(310, 900), kind="LATENCY", unit="ms")
    world.judge(60)
    assert (world.period().is_dry_run, world.verdict().result) == (True, "DEGRADED")
    state = watch_states([world.deployment], at(61))[world.deployment.pk]
    assert (state.state, state.is_dry_run) == ("degraded", True)


def test_a_dry_run_that_ends_leaves_what_it_found_alone():
    period = dry_period()
    make_finding(period)
    MonitoringPolicy.objects.create(environment=period.environment, is_dry_run=False)
    assert issues.open_issues(now=NOON + 2 * HOUR) == 0
