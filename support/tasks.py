"""Sweeps of this floor; each may run twice, late, or on two workers at once."""

from typing import Any

from celery import shared_task
from django.utils import timezone

from support import services


@shared_task
def route_issues(**kwargs: Any) -> None:
    """Issues without a tier get their first one; those that are resolved leave theirs."""
    services.route_issues(now=timezone.now())


@shared_task
def escalate_overdue(**kwargs: Any) -> None:
    """Issues whose clock ran out go to the next tier."""
    services.escalate_overdue(now=timezone.now())


@shared_task
def announce_issues(**kwargs: Any) -> None:
    """Assignments and resolutions become notifications."""
    services.announce_issues(now=timezone.now())


@shared_task
def announce_verdicts(**kwargs: Any) -> None:
    """Final verdicts become notifications."""
    services.announce_verdicts(now=timezone.now())


@shared_task
def send_notifications(**kwargs: Any) -> None:
    """What is queued goes out."""
    services.send_notifications(now=timezone.now())
