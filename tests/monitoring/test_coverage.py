"""What is not watched is said, with the way to mend it."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from deployments.models import Environment
from monitoring.selectors import not_watched, not_watched_in
from tests.factories import EnvironmentFactory, HealthCheckFactory
from tests.monitoring.worlds import World, at

pytestmark = pytest.mark.django_db


def told(environment, minutes=0):
    return {gap.name: gap for gap in not_watched(environment, at(minutes))}


def test_an_environment_without_a_check_is_told_so_with_the_place_to_add_one():
    environment = EnvironmentFactory()
    gap = told(environment)["Health check"]
    assert gap.url == f"/p/{environment.project.slug}/checks/new/?environment={environment.pk}"


def test_paused_blocked_and_unread_checks_are_not_watched_and_read_ones_are():
    environment = EnvironmentFactory()
    HealthCheckFactory(environment=environment, name="paused", paused_at=at(-5))
    HealthCheckFactory(environment=environment, name="blocked", latest_detail="loopback address is not allowed here")
    HealthCheckFactory(environment=environment, name="new")
    HealthCheckFactory(environment=environment, name="up", state="UP", first_reading_at=at(0))
    HealthCheckFactory(environment=environment, name="down", state="DOWN", first_reading_at=at(0))
    found = told(environment)
    assert (found["paused"].why, found["paused"].since) == ("paused", at(-5))
    assert found["blocked"].why == "loopback address is not allowed here"
    assert found["new"].why == "not read yet"
    assert not {"up", "down", "Health check"} & set(found)


def test_a_metric_that_fell_silent_is_told_with_the_time_of_its_latest_sample():
    world = World()
    world.metric("orders", 12, since=-100, until=-30, name="Orders")
    world.metric("queue_length", 3, since=-100, until=0.5, name="Queue length")
    found = told(world.environment)
    assert (found["Orders"].why, found["Orders"].since) == ("no samples since", at(-31))
    assert "Queue length" not in found


def test_a_usual_metric_that_never_came_is_told_with_the_line_that_sends_it():
    environment = EnvironmentFactory(name="Bob's")
    snippet = told(environment)["Memory usage"].snippet
    assert '"metric": "memory_usage"' in snippet
    assert "/api/v1/metrics" in snippet
    assert "Bob'\\''s" in snippet


def test_many_environments_are_told_in_a_fixed_number_of_queries():
    counts = []
    for _ in range(2):
        for _ in range(3):
            world = World()
            world.metric("orders", 1, since=-5, until=0)
            world.check()
        rows = list(Environment.objects.select_related("project"))
        with CaptureQueriesContext(connection) as queries:
            assert len(not_watched_in(rows, at(0) + timedelta(minutes=1))) == len(rows)
        counts.append(len(queries))
    assert counts[0] == counts[1]
