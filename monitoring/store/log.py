"""The log: what comes in is one committed row, whatever it holds."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from django.db import connection

from monitoring.store.codec import pack_table
from monitoring.store.shapes import Floats, Ints, Microseconds

LONGEST_KEY = 255

_APPEND = "INSERT INTO monitoring_samplebatch (source_id, count, first_us, last_us, body) VALUES (%s, %s, %s, %s, %s)"
_APPEND_ONCE = (
    "WITH receipt AS (INSERT INTO monitoring_samplereceipt (source_id, key) VALUES (%s, %s)"
    " ON CONFLICT DO NOTHING RETURNING 1)"
    " INSERT INTO monitoring_samplebatch (source_id, count, first_us, last_us, body)"
    " SELECT %s, %s, %s, %s, %s FROM receipt"
)

_APPEND_IF = (
    "WITH gate AS ({}) INSERT INTO monitoring_samplebatch (source_id, count, first_us, last_us, body)"
    " SELECT %s, %s, %s, %s, %s FROM gate"
)


def append(
    series: Sequence[int] | Ints,
    times_us: Sequence[int] | Microseconds,
    values: Sequence[float] | Floats,
    *,
    source_id: int | None = None,
    key: str = "",
    only_if: tuple[str, Sequence[Any]] | None = None,
) -> bool:
    """Store samples, given as three columns of one length, in the caller's transaction.

    `times_us` are microseconds since 1970; values must be finite (ValueError). The first value stored for a series and
    time stays, a repeat changes nothing. False when this `source_id` and `key` were appended before, in the last two
    days at least: then nothing is stored. Nor is it, and False, when the statement `only_if` (SQL that may write, and
    its parameters) gives no row: what that writes and the samples are stored together or not at all.
    """
    columns = np.asarray(series, np.int64), np.asarray(times_us, np.int64), np.asarray(values, np.float64)
    count = len(columns[0])
    if not all(len(column) == count for column in columns):
        raise ValueError("the columns of samples must be of one length")
    if not count:
        return True
    if not np.isfinite(columns[2]).all():
        raise ValueError("values of samples must be finite")
    row = [source_id, count, int(columns[1].min()), int(columns[1].max()), pack_table(*columns)]
    with connection.cursor() as cursor:
        if only_if is not None:
            cursor.execute(_APPEND_IF.format(only_if[0]), [*only_if[1], *row])
        elif key:
            cursor.execute(_APPEND_ONCE, [source_id or 0, _short(key), *row])
        else:
            cursor.execute(_APPEND, row)
        return bool(cursor.rowcount)


def _short(key: str) -> str:
    return key if len(key) <= LONGEST_KEY else f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"
