"""Bells: signals rung after commit. A bell makes a sweep prompt; it decides nothing and carries only ids."""

import logging
from collections.abc import Callable
from typing import Any

from celery import current_app
from django.db import transaction
from django.dispatch import Signal

logger = logging.getLogger(__name__)


def ring(bell: Signal, **ids: Any) -> None:
    """Send `bell` with `ids` once the running transaction has committed; at once when there is none."""
    transaction.on_commit(lambda: bell.send_robust(sender=None, **ids), robust=True)


def connect(bell: Signal, task: str) -> None:
    """Let `bell` enqueue the task named `task` (`wiring.ROUTES` says its queue)."""
    bell.connect(_enqueuer(task), weak=False, dispatch_uid=task)


def _enqueuer(task: str) -> Callable[..., None]:
    def enqueue(signal: Signal, **ids: Any) -> None:
        del signal, ids  # a sweep finds its own rows; an id in a message could only be stale
        try:
            current_app.send_task(task, expires=60, ignore_result=True)
        except Exception as error:  # the broker is down or frozen; the next beat does the work
            logger.warning("bell lost: %s (%s)", task, error)

    return enqueue
