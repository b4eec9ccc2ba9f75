"""Sweeps of this floor; each may run twice, late, or on two workers at once."""

from typing import Any

from celery import shared_task
from celery.signals import worker_process_shutdown, worker_shutting_down
from django.utils import timezone

from monitoring import polling, services, store


@shared_task
def open_periods(**kwargs: Any) -> None:
    """Open the monitoring periods of what has gone live."""
    services.open_periods(now=timezone.now())


@worker_shutting_down.connect
def stop_polling(**kwargs: Any) -> None:
    """Hand over what is polled as soon as the worker is told to end, not when its run is over."""
    polling.stop()


@worker_process_shutdown.connect
def give_back_shards(**kwargs: Any) -> None:
    """A process of the pool ends."""
    polling.hand_over()


@shared_task
def poll_due(**kwargs: Any) -> None:
    """Read checks as they come due, for a while; the next task goes on."""
    polling.poll_due()


@shared_task
def mind_locations(**kwargs: Any) -> None:
    """Wake the workers of named locations, and say where there is none."""
    services.mind_locations(now=timezone.now())


@shared_task
def pull_sources(**kwargs: Any) -> None:
    """Fetch the samples of the sources that are due."""
    services.pull_sources(now=timezone.now())


@shared_task
def judge_periods(**kwargs: Any) -> None:
    """Look at the periods whose time has come."""
    services.judge_periods(now=timezone.now())


@shared_task
def run_replays(**kwargs: Any) -> None:
    """Judge past deployments once more, where somebody asked for it."""
    services.run_replays(now=timezone.now())


@shared_task
def judge_rules(**kwargs: Any) -> None:
    """Judge the alert rules whose time has come."""
    services.judge_rules(now=timezone.now())


@shared_task
def compact_samples(**kwargs: Any) -> None:
    """Fold the log of samples into chunks and roll-ups."""
    store.compact(limit=64, folded=lambda counts: services.count_folded(counts, now=timezone.now()))


@shared_task
def drop_old_samples(**kwargs: Any) -> None:
    """Forget samples that are older than their project keeps them."""
    store.drop_expired(now=timezone.now())
