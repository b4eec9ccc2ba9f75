"""Sweeps of this floor; each may run twice, late, or on two workers at once."""

from typing import Any

from celery import shared_task
from django.utils import timezone

from issues import services


@shared_task
def open_issues(**kwargs: Any) -> None:
    """Outages and regressions without a receipt become sightings of an issue."""
    services.open_issues(now=timezone.now())


@shared_task
def verify_issues(**kwargs: Any) -> None:
    """Resolutions that the measurements prove become verified."""
    services.verify_issues(now=timezone.now())
