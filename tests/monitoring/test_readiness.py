"""How long the check that is due longest has been waiting."""

from datetime import timedelta

import pytest
from django.utils import timezone

from monitoring.selectors import oldest_due_check
from tests.factories import HealthCheckFactory

pytestmark = pytest.mark.django_db


def test_without_checks_nothing_waits():
    assert oldest_due_check().is_ready


def test_what_is_not_due_or_paused_does_not_wait():
    HealthCheckFactory(next_poll_at=timezone.now() + timedelta(minutes=5))
    HealthCheckFactory(next_poll_at=timezone.now() - timedelta(hours=5), paused_at=timezone.now())
    assert oldest_due_check().value == 0


def test_a_check_that_waits_too_long_says_that_nobody_polls():
    HealthCheckFactory(next_poll_at=timezone.now() - timedelta(seconds=20))
    assert oldest_due_check().is_ready
    HealthCheckFactory(next_poll_at=timezone.now() - timedelta(seconds=200))
    part = oldest_due_check()
    assert not part.is_ready
    assert 199 < part.value < 260
    assert part.detail.startswith("the oldest due check waits 20")
