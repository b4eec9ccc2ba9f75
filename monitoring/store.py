"""The only place that writes or reads samples. Nothing outside knows how they are kept.

Times go in as aware datetimes and come out as seconds since 1970 (float64): that is what arithmetic and charts want.
"""

import io
import itertools
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from django.db import connection

Floats = npt.NDArray[np.float64]

# PostgreSQL's binary COPY: a header, per row a field count and per field its length, and a trailer of two bytes.
_HEADER_BYTES, _TRAILER_BYTES = 19, 2
_ROW = np.dtype(
    [("fields", ">i2"), ("n1", ">i4"), ("series", ">i8"), ("n2", ">i4"), ("at", ">i8"), ("n3", ">i4"), ("value", ">f8")]
)
# Binary timestamps count microseconds from here.
_POSTGRES_EPOCH = datetime(2000, 1, 1, tzinfo=UTC).timestamp()


class Samples(NamedTuple):
    """One series' samples in the order of time: `times` in seconds since 1970, `values` beside them."""

    times: Floats
    values: Floats


class Sample(NamedTuple):
    """One value at one time."""

    at: datetime
    value: float


NOTHING = Samples(np.empty(0), np.empty(0))


def append(series_ids: Sequence[int], times: Sequence[datetime], values: Sequence[float]) -> int:
    """Store samples, given as three columns of one length, and return how many were new.

    The first value stored for a series and time stays; a repeat changes nothing. Values must be finite.
    """
    if not series_ids:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO monitoring_sample (series_id, at, value)"
            " SELECT * FROM unnest(%s::bigint[], %s::timestamptz[], %s::float8[])"
            " ON CONFLICT DO NOTHING",
            [list(series_ids), list(times), list(values)],
        )
        return int(cursor.rowcount)


def read(series_ids: Collection[int], start: datetime, end: datetime) -> dict[int, Samples]:
    """Return the samples with start <= time < end of each series, empty where there are none, in one query."""
    return _grouped(
        series_ids,
        "SELECT series_id, at, value FROM monitoring_sample"
        " WHERE series_id = ANY(%s::bigint[]) AND at >= %s AND at < %s ORDER BY series_id, at",
        [list(series_ids), start, end],
    )


def tail(series_ids: Collection[int], count: int) -> dict[int, Samples]:
    """Return the latest `count` samples of each series, oldest first, in one query."""
    return _grouped(
        series_ids,
        "SELECT s.id, t.at, t.value FROM unnest(%s::bigint[]) AS s(id) CROSS JOIN LATERAL ("
        "  SELECT at, value FROM monitoring_sample WHERE series_id = s.id ORDER BY at DESC LIMIT %s"
        ") AS t ORDER BY s.id, t.at",
        [list(series_ids), count],
    )


def latest(series_ids: Collection[int]) -> dict[int, Sample]:
    """Return the newest sample of each series that has one."""
    return {
        series: Sample(datetime.fromtimestamp(found.times[-1], UTC), float(found.values[-1]))
        for series, found in tail(series_ids, 1).items()
        if len(found.times)
    }


def thin(times: Floats, values: Floats, points: int) -> Samples:
    """Return at most about `points` samples that keep every local extreme: the least and greatest of each stretch.

    A chart of so many pixels looks the same. Times and values are of one length, in the order of time.
    """
    if len(times) <= points:
        return Samples(times, values)
    edges = np.linspace(0, len(times), max(points // 2, 1) + 1).astype(int)
    kept: set[int] = set()
    for begin, end in itertools.pairwise(edges):
        stretch = values[begin:end]
        kept |= {int(begin + stretch.argmin()), int(begin + stretch.argmax())}
    chosen = sorted(kept)
    return Samples(times[chosen], values[chosen])


def _grouped(series_ids: Collection[int], query: str, parameters: list[Any]) -> dict[int, Samples]:
    """Run a query for (series, at, value), sorted by series, and cut its rows by series."""
    if not series_ids:
        return {}
    rows = _copy(query, parameters)
    keys, starts = np.unique(rows["series"], return_index=True)
    times = rows["at"].astype(np.float64) / 1e6 + _POSTGRES_EPOCH
    values = rows["value"].astype(np.float64)
    cuts = [*starts.tolist(), len(rows)]
    found = {
        int(key): Samples(times[begin:end], values[begin:end])
        for key, (begin, end) in zip(keys, itertools.pairwise(cuts), strict=True)
    }
    return {series: found.get(series, NOTHING) for series in series_ids}


def _copy(query: str, parameters: list[Any]) -> npt.NDArray[np.void]:
    """Return the rows of `query` as a structured array; ten times faster than fetching them one by one."""
    buffer = io.BytesIO()
    with connection.cursor() as cursor:
        filled = cursor.mogrify(query, parameters).decode()
        cursor.copy_expert(f"COPY ({filled}) TO STDOUT (FORMAT binary)", buffer)
    content = buffer.getbuffer()
    return np.frombuffer(content[_HEADER_BYTES : len(content) - _TRAILER_BYTES], dtype=_ROW)
