"""Claiming rows: compare-and-set for one row, a leased batch for many workers.

The database's clock decides leases, so that two machines with different clocks agree.
"""

import uuid
from datetime import timedelta
from typing import Any, TypeVar

from django.db import models, transaction
from django.db.models.functions import Now

Row = TypeVar("Row", bound=models.Model)


def move(rows: models.QuerySet[Any], **changes: Any) -> bool:
    """Update exactly one row of `rows` and return True, or False when somebody else was first."""
    return rows.update(**changes) == 1


def claim(
    rows: models.QuerySet[Row], *, limit: int, lease: timedelta, until: str = "lease_until", by: str = "lease_key"
) -> list[Row]:
    """Lease up to `limit` of `rows` whose lease is free and return them.

    Rows locked by another worker are skipped. Each returned row carries the new lease key in its field `by`; later
    writes name it, so that a worker that lost its lease changes nothing.
    """
    free = models.Q(**{f"{until}__isnull": True}) | models.Q(**{f"{until}__lt": Now()})
    key = uuid.uuid4()
    with transaction.atomic():
        taken = list(rows.filter(free).select_for_update(skip_locked=True, no_key=True, of=("self",))[:limit])
        rows.model._default_manager.filter(pk__in=[row.pk for row in taken]).update(**{until: Now() + lease, by: key})
    for row in taken:
        setattr(row, by, key)
    return taken
