"""Is this installation able to do its work? The figures behind `/readyz` and the operations page."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import redis
from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.db.models.functions import Now
from django.utils.module_loading import import_string

from postdeploy import wiring
from postdeploy.logs import one_sentence
from postdeploy.models import Heartbeat

logger = logging.getLogger(__name__)

TICK = "tick"
#: A beat every 2 s; older than this the flow stands still.
TICK_LATE_SECONDS = 30.0


@dataclass(frozen=True)
class Part:
    """One part of the installation: whether it can do its work, and in words what is known."""

    name: str
    is_ready: bool
    detail: str
    value: float | None = None


def record_tick() -> None:
    """Note, by the database's clock, that beat, broker and worker reached the database."""
    Heartbeat.objects.update_or_create(name=TICK, defaults={"beat_at": Now()})


def parts() -> list[Part]:
    """Examine every part; one that cannot be examined is not ready."""
    return [part(name) for name in (*GROUND, *wiring.READINESS)]


def part(name: str) -> Part:
    """Examine one part, of the ground or of a floor."""
    return _examine(name, GROUND.get(name) or cast(Callable[[], Part], import_string(wiring.READINESS[name])))


def _examine(name: str, examine: Callable[[], Part]) -> Part:
    try:
        return examine()
    except (DatabaseError, redis.RedisError, OSError) as error:
        if name == "database" or not isinstance(error, OperationalError | InterfaceError):  # said once
            logger.warning("not ready: %s (%s)", name, one_sentence(error))
        return Part(name, False, "cannot be reached")


def _database() -> Part:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return Part("database", True, "answers")


def _broker() -> Part:
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)
    with client:
        client.ping()
    return Part("broker", True, "answers")


def tick_seconds() -> float | None:
    """Return how long ago the latest tick was, by the database's clock; None before the first."""
    since = "extract(epoch FROM greatest(clock_timestamp() - beat_at, interval '0'))"
    return _seconds_since(f"SELECT {since} FROM postdeploy_heartbeat WHERE name = 'tick'")  # noqa: S608


def _tick() -> Part:
    age = tick_seconds()
    if age is None:
        return Part("tick", False, "no tick yet: is a worker running, and beat?")
    detail = f"latest tick {age:.0f} s ago"
    if age > TICK_LATE_SECONDS:
        detail += ": is a worker running, and beat?"
    return Part("tick", age <= TICK_LATE_SECONDS, detail, age)


def _seconds_since(sql: str) -> float | None:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        row = cursor.fetchone()
    return None if row is None or row[0] is None else float(row[0])


GROUND: dict[str, Callable[[], Part]] = {"database": _database, "broker": _broker, "tick": _tick}
