"""What waits in the broker. Messages are doorbells: a long queue means late work, never lost work."""

import json
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import redis
from celery import current_app
from django.conf import settings

from postdeploy import wiring

logger = logging.getLogger(__name__)

#: The header of a message that says when it was sent, in seconds since 1970.
SENT_AT = "sent_at"
#: So many wake-ups are enough for a queue that perhaps nobody reads: it must not fill the broker.
ENOUGH_WAIT = 4


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue: how many messages wait, and since when the oldest of them does (None when that is not known)."""

    name: str
    length: int
    oldest_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Broker:
    """What the broker says of itself and of its queues."""

    version: str
    used_bytes: int
    queues: tuple[Queue, ...]


def broker(*more: str) -> Broker | None:
    """Ask the broker about our queues and `more` of them; None when it does not answer."""
    try:
        with _client() as client:
            return _ask(client, (*wiring.QUEUES, *more))
    except (redis.RedisError, OSError) as error:
        logger.warning("the broker does not answer: %s", error)
        return None


def wake(task: str, queues: Sequence[str]) -> None:
    """Send a wake-up to each queue in which not enough of them wait. A lost one is made good by the next beat."""
    try:
        with _client() as client:
            pipe = client.pipeline(transaction=False)
            for name in queues:
                pipe.llen(name)
            lengths = pipe.execute()
        for name, length in zip(queues, lengths, strict=True):
            if length < ENOUGH_WAIT:
                current_app.send_task(task, queue=name, expires=wiring.TICK_EXPIRES_SECONDS, ignore_result=True)
    except Exception as error:  # whatever the broker's client raises
        logger.warning("nobody was woken at %s: %s", ", ".join(queues), error)


def _client() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)


def stamp(headers: dict[str, Any] | None) -> None:
    """Note in a message's headers when it is sent."""
    if headers is not None:
        headers[SENT_AT] = time.time()


def _ask(client: redis.Redis, names: Sequence[str]) -> Broker:
    pipe = client.pipeline(transaction=False)
    pipe.info()
    for name in names:
        pipe.llen(name)
        pipe.lindex(name, -1)  # new messages are pushed on the left
    info, *answers = pipe.execute()
    queues = tuple(
        Queue(name, int(answers[2 * place]), _age(answers[2 * place + 1])) for place, name in enumerate(names)
    )
    return Broker(_version(info), int(info.get("used_memory", 0)), queues)


def _version(info: dict[str, Any]) -> str:
    if "valkey_version" in info:
        return f"Valkey {info['valkey_version']}"
    return f"Redis {info.get('redis_version', '')}".strip()


def _age(message: bytes | None) -> float | None:
    """How long ago a message was sent; None without one, or when it does not say."""
    if message is None:
        return None
    with suppress(ValueError, TypeError, KeyError, AttributeError):
        return max(0.0, time.time() - float(json.loads(message)["headers"][SENT_AT]))
    return None
