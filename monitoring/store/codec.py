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

# Many series are packed in a hurry: three columns as they are, one after the other.
_TABLE: Final = struct.Struct("<BI")
_AS_IT_IS, _SNAPPY = 1, 2
#: Tables below this many samples are not worth compressing.
_SMALL = 16
_LEVEL = 3


def pack_chunk(times_us: Microseconds, values: Floats, *, quickly: bool = False) -> bytes:
    """Return one series' samples as bytes. Any times, any order, any bits in the values.

    Quickly packed they take half as long and half as much again.
    """
    parts = [*pack_ints(times_us, is_time=True), *pack_floats(values, quickly=quickly)]
    return frame(parts, 0 if quickly else _LEVEL)


def unpack_chunk(packed: bytes | memoryview) -> tuple[Microseconds, Floats]:
    """Return the times and values that `pack_chunk` was given. Raises Unreadable."""
    inside = content(packed)
    times, at = unpack_ints(inside, 0)
    values, _ = unpack_floats(inside, at)
    return times, values


def pack_table(series: Ints, times_us: Microseconds, values: Floats) -> bytes:
    """Return many series' samples as bytes, in a few microseconds."""
    columns = series.tobytes() + times_us.tobytes() + values.tobytes()
    if len(series) < _SMALL:
        return _TABLE.pack(_AS_IT_IS, len(series)) + columns
    return _TABLE.pack(_SNAPPY, len(series)) + bytes(cramjam.snappy.compress_raw(columns))


def unpack_table(packed: bytes | memoryview) -> tuple[Ints, Microseconds, Floats]:
    """Return the three columns that `pack_table` was given. Raises Unreadable."""
    how, count = _TABLE.unpack_from(packed)
    columns = memoryview(packed)[_TABLE.size :]
    if how == _SNAPPY:
        columns = memoryview(cramjam.snappy.decompress_raw(columns))
    elif how != _AS_IT_IS:
        raise Unreadable(f"unknown format {how} of a table")
    return (
        np.frombuffer(columns, np.int64, count),
        np.frombuffer(columns, np.int64, count, 8 * count),
        np.frombuffer(columns, np.float64, count, 16 * count),
    )
