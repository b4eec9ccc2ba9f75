"""The ground's own sweeps."""

from typing import Any

from celery import shared_task

from postdeploy import health, idempotency


@shared_task
def tick(**kwargs: Any) -> None:
    """Show that beat, broker, worker and database work together."""
    health.record_tick()


@shared_task
def forget_old_keys(**kwargs: Any) -> None:
    """Drop kept answers that nobody may ask for any more."""
    idempotency.forget_old_keys()
