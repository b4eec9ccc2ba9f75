"""Sweeps of this floor; each may run twice, late, or on two workers at once."""

from typing import Any

from celery import shared_task
from django.utils import timezone

from reports import services


@shared_task
def summarise_deployments(**kwargs: Any) -> None:
    """Deployments that ended and changed get the next version of their summary."""
    services.summarise_deployments(now=timezone.now())
