"""A second look by another process, at once: what fails from here may be well from there.

Whoever holds a check asks, any other process of the same location takes the question and answers it, and the asker
counts the answer as one more reading. Where there is nobody else, nobody is asked.
"""

import json
from collections.abc import Collection
from dataclasses import asdict
from typing import Any

from django.db import connection

from monitoring.models import HealthCheck, SecondOpinion
from monitoring.polling.shards import Identity
from monitoring.probes import FailureKind, Reading

#: A question that nobody has answered after this long is stale.
STALE_SECONDS = 20
AT_ONCE = 50
_KEPT = ("ok", "kind", "detail", "status_code", "total_ms", "excerpt")


def ask(me: Identity, check_ids: Collection[int]) -> None:
    """Ask for a second look at checks, in the caller's transaction."""
    rows = [SecondOpinion(health_check_id=pk, asked_by=me.key) for pk in check_ids]
    SecondOpinion.objects.bulk_create(rows, ignore_conflicts=True)


def take(me: Identity) -> list[HealthCheck]:
    """Take questions that others asked; each is taken once."""
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [me.key, me.key, me.location, AT_ONCE])
        ids = [pk for (pk,) in cursor.fetchall()]
    return list(HealthCheck.objects.active().filter(pk__in=ids)) if ids else []


_TAKE = """
UPDATE monitoring_secondopinion SET taken_by = %s WHERE health_check_id IN (
    SELECT health_check_id FROM monitoring_secondopinion AS asked
    JOIN monitoring_healthcheck AS ours ON ours.id = asked.health_check_id
    WHERE asked.taken_by = '' AND asked.asked_by <> %s AND ours.location = %s
    LIMIT %s FOR UPDATE OF asked SKIP LOCKED
) RETURNING health_check_id
"""


def answer(me: Identity, check_id: int, reading: Reading) -> None:
    """Keep what a second look has found."""
    kept: dict[str, Any] = {name: value for name, value in asdict(reading).items() if name in _KEPT}
    SecondOpinion.objects.filter(pk=check_id, taken_by=me.key).update(reading=kept)


def collect(me: Identity) -> dict[int, Reading]:
    """Take in the answers to our questions, and forget those that nobody answered."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM monitoring_secondopinion WHERE asked_by = %s AND reading IS NOT NULL"
            " OR asked_at < clock_timestamp() - make_interval(secs => %s) RETURNING health_check_id, reading, asked_by",
            [me.key, STALE_SECONDS],
        )
        rows = cursor.fetchall()
    return {pk: _reading(kept) for pk, kept, asked_by in rows if kept and asked_by == me.key}


def _reading(kept: str) -> Reading:
    fields = json.loads(kept)
    kind = fields.get("kind")
    return Reading(**{**fields, "kind": FailureKind(kind) if kind else None})
