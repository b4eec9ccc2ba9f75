"""The Celery application. Messages are doorbells: every task is a sweep that may run twice, late, or not at all."""

import os
import sys
from typing import Any

from celery import Celery
from celery.signals import before_task_publish, celeryd_init, setup_logging, task_postrun, task_prerun
from django.conf import settings
from django.db import close_old_connections
from kombu.transport.redis import Channel

from postdeploy import queues, wiring
from postdeploy.lib.locations import queue_fault

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "postdeploy.settings")

# What nobody has begun when the broker goes away is not given back: kombu 5.7 would try that over the connection it has
# just lost, and end the worker instead of connecting anew. The next beat makes a lost doorbell good.
Channel.do_restore = False

app = Celery("postdeploy")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_django_logging(**kwargs: Any) -> None:
    """Leave logging to `settings.LOGGING`; without a receiver Celery replaces it with its own."""


@celeryd_init.connect
def refuse_queues_of_others(options: dict[str, Any], **kwargs: Any) -> None:
    """End a worker whose queues are not those of its location, before it takes a message."""
    asked = options.get("queues") or [wiring.QUEUES[0]]
    names = asked.split(",") if isinstance(asked, str) else list(asked)
    if fault := queue_fault(settings.LOCATION, names, wiring.ROUTES["monitoring.tasks.poll_due"]):
        sys.exit(f"This worker does not start: {fault}.")


@task_prerun.connect
@task_postrun.connect
def drop_stale_connections(**kwargs: Any) -> None:
    """A worker thread lives across database restarts; a dead connection must not be kept for the next task."""
    close_old_connections()


@before_task_publish.connect
def say_when_sent(headers: dict[str, Any] | None = None, **kwargs: Any) -> None:
    """Let the operations page say how long the oldest message has been waiting."""
    queues.stamp(headers)
