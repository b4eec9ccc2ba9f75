"""The sweep of alert rules on stored samples: rows, once, whoever runs when."""

import pytest

from issues.models import Issue
from tests.monitoring.alerting.worlds import World

pytestmark = pytest.mark.django_db


def test_a_threshold_is_pending_then_fires_then_resolves():
    world = World(window_seconds=60)
    world.fill(50, -10, 0)
    world.fill(150, 0, 10)
    world.fill(50, 10, 20)
    assert world.judge(0) == []
    assert world.judge(2) == ["PENDING"]
    assert world.judge(5) == ["FIRING"]
    assert world.judge(15) == ["RESOLVED"]
    alert = world.alert()
    assert (alert.fired_at - alert.began_at).total_seconds() == 120
    assert alert.ended_by == "MEASURED"
    assert alert.worst == 150


def test_it_opens_an_issue_that_names_the_rule_and_is_told_when_it_is_over():
    world = World(window_seconds=60, severity="CRITICAL")
    world.fill(150, -10, 10)
    world.sweep(5)
    issue = Issue.objects.get()
    assert issue.title == "Slow checkout: Checkout p95 in production is 150 ms, above 100 ms for 120 s"
    assert issue.severity == "CRITICAL"
    world.fill(50, 10, 20)
    world.sweep(15)
    assert "well again" in issue.events.order_by("pk").last().text
