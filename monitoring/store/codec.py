"""PURE: samples as bytes and back, exactly: one series as a chunk, many series as a table."""

import struct
from typing import Final

import cramjam
import numpy as np

from monitoring.store.packing import (
    Unreadable,
    content,
    frame,
    pack_floats,
    pack_ints,
    unpack_floats,
    unpack_ints,
)
from monitoring.store.shapes import Floats, Ints, Microseconds

# A batch of the log is packed in a hurry: three columns as they came, one after the other.
_BATCH: Final = struct.Struct("<BI")
_AS_IT_IS, _SNAPPY = 1, 2
#: Batches below this many samples are not worth compressing.
_SMALL = 16
_QUICK, _THOROUGH = 1, 3


def pack_chunk(times_us: Microseconds, values: Floats, *, level: int = _THOROUGH) -> bytes:
    """Return one series' samples as bytes. Any times, any order, any bits in the values."""
    return frame([*pack_ints(times_us, is_time=True), *pack_floats(values)], level)


def unpack_chunk(packed: bytes | memoryview) -> tuple[Microseconds, Floats]:
    """Return the times and values that `pack_chunk` was given. Raises Unreadable."""
    inside = content(packed)
    times, at = unpack_ints(inside, 0)
    values, _ = unpack_floats(inside, at)
    return times, values


def pack_run(series: Ints, times_us: Microseconds, values: Floats) -> bytes:
    """Return many series' samples as bytes, best sorted by series and time."""
    return frame([*pack_ints(series), *pack_ints(times_us, is_time=True), *pack_floats(values)], _QUICK)


def unpack_run(packed: bytes | memoryview) -> tuple[Ints, Microseconds, Floats]:
    """Return the three columns that `pack_run` was given. Raises Unreadable."""
    inside = content(packed)
    series, at = unpack_ints(inside, 0)
    times, at = unpack_ints(inside, at)
    values, _ = unpack_floats(inside, at)
    return series, times, values


def pack_batch(series: Ints, times_us: Microseconds, values: Floats) -> bytes:
    """Return a batch as it came, as bytes, in a few microseconds."""
    columns = series.tobytes() + times_us.tobytes() + values.tobytes()
    if len(series) < _SMALL:
        return _BATCH.pack(_AS_IT_IS, len(series)) + columns
    return _BATCH.pack(_SNAPPY, len(series)) + bytes(cramjam.snappy.compress_raw(columns))


def unpack_batch(packed: bytes | memoryview) -> tuple[Ints, Microseconds, Floats]:
    """Return the three columns that `pack_batch` was given. Raises Unreadable."""
    how, count = _BATCH.unpack_from(packed)
    columns = memoryview(packed)[_BATCH.size :]
    if how == _SNAPPY:
        columns = memoryview(cramjam.snappy.decompress_raw(columns))
    elif how != _AS_IT_IS:
        raise Unreadable(f"unknown format {how} of a batch")
    return (
        np.frombuffer(columns, np.int64, count),
        np.frombuffer(columns, np.int64, count, 8 * count),
        np.frombuffer(columns, np.float64, count, 16 * count),
    )
