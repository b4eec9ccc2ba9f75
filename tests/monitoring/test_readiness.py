"""How far behind the readings are."""

from datetime import timedelta

import pytest
from django.utils import timezone

from monitoring.models import PollShard
from monitoring.selectors import poll_lag
from tests.factories import HealthCheckFactory

pytestmark = pytest.mark.django_db


def polled(check, seconds_ago):
    """Let the shard of a check be read up to then."""
    until = timezone.now() - timedelta(seconds=seconds_ago)
    check.refresh_from_db()
    PollShard.objects.update_or_create(number=check.shard, defaults={"polled_until": until})


def test_without_checks_nothing_waits():
    assert poll_lag().is_ready


def test_what_is_paused_does_not_wait():
    polled(HealthCheckFactory(paused_at=timezone.now()), 5000)
    assert poll_lag().value == 0


def test_a_shard_that_is_far_behind_says_that_nobody_polls():
    polled(HealthCheckFactory(), 20)
    assert poll_lag().is_ready
    polled(HealthCheckFactory(), 200)
    part = poll_lag()
    assert not part.is_ready
    assert 199 < part.value < 260
    assert part.detail.startswith("every reading that was due 20")


def test_checks_that_nobody_ever_read_wait_since_they_were_made():
    HealthCheckFactory(created_at=timezone.now() - timedelta(minutes=5))
    assert not poll_lag().is_ready
