"""PURE: columns of numbers as bytes and back, exactly.

A column of integers is kept as differences from the least of them, or from one to the next, whichever is smaller; one
of floats as such integers if a power of ten makes it whole, else bit by bit. What is left is split into planes, all
lowest bytes first: that is what a general compressor packs well. A plane of fewer bits below them lets the bulk of the
numbers end where a byte does.
"""

import itertools
import math
import struct
from collections.abc import Iterator
from typing import Final

import cramjam
import numpy as np
import numpy.typing as npt

from monitoring.store.shapes import SECOND_US, Floats, Ints

_Words = npt.NDArray[np.uint64]

#: The first byte of whatever is written by this version: plain, or compressed by zstd.
PLAIN, ZSTD = 1, 2
#: Frames below this many bytes are not worth compressing.
_SMALL = 48
_LARGE = 1024

# A column of integers: how it is kept, bits of the lowest plane, bytes above them, the unit of differences, how many,
# the first, the least.
_INTS: Final = struct.Struct("<BBBIIqq")
#: Columns that are worth a plane of their own for the lowest bits.
_LONG = 512
_DIRECT, _DELTA = 0, 1
# A column of floats: the power of ten that makes it whole, or _BITS.
_FLOATS: Final = struct.Struct("<B")
_BITS = 255
_POWERS: Final = 10.0 ** np.arange(10)
_USUAL = 3
#: Values by which a power of ten is guessed.
_GUESSED_BY = 16
_MASK = (1 << 64) - 1


class Unreadable(ValueError):
    """These bytes were not written by this version or an earlier one."""


# --- frames -----------------------------------------------------------------------------------------------------------


def frame(parts: list[bytes], level: int) -> bytes:
    """Return `parts` as one frame: a byte that says the version, then the content, compressed where that helps.

    Level 0 compresses nothing.
    Large parts are compressed each by itself: planes of noise spoil the code of those that are not.
    """
    content = b"".join(parts)
    if level and len(content) >= _SMALL:
        packed = b"".join(bytes(cramjam.zstd.compress(part, level)) for part in _apart(parts))
        if len(packed) < len(content):
            return bytes([ZSTD]) + packed
    return bytes([PLAIN]) + content


def content(framed: bytes | memoryview) -> bytes | memoryview:
    """Return what `frame` was given. Raises Unreadable."""
    view = memoryview(framed)
    if view and view[0] == PLAIN:
        return view[1:]
    if view and view[0] == ZSTD:
        return memoryview(cramjam.zstd.decompress(view[1:]))
    raise Unreadable(f"unknown format {view[0] if view else 'of nothing'}")


def _apart(parts: list[bytes]) -> Iterator[bytes]:
    """The parts: large ones alone, small neighbours together."""
    for is_large, neighbours in itertools.groupby(parts, lambda part: len(part) >= _LARGE):
        some = list(neighbours)
        yield from some if is_large else [b"".join(some)]


# --- integers ---------------------------------------------------------------------------------------------------------


def pack_ints(column: Ints, *, is_time: bool = False, quickly: bool = False) -> list[bytes]:
    """Return a column of integers as bytes, in parts; quickly, without a look at which way is the smaller.

    Differences of times are kept in seconds or milliseconds where they are whole. All of them wrap around at 64 bits,
    so that every column comes back as it was.
    """
    words = column.view(np.uint64)
    if not len(words):
        return [_INTS.pack(_DIRECT, 0, 0, 1, 0, 0, 0)]
    how, rest, low = _steps(words) if is_time else _direct(words) if quickly else _smaller(column, words)
    least, most = _bounds(rest)
    unit, width = 1, 0
    if most > least:
        rest = rest - np.uint64(least & _MASK)
        unit = _unit(rest) if is_time else 1
        rest = rest // np.uint64(unit) if unit > 1 else rest
        width = (max(((most - least) // unit).bit_length() - low, 0) + 7) // 8
    else:
        low = 0
    head = _INTS.pack(how, low, width, unit, len(column), int(column[0]), least)
    return [head, *_planes(rest, low, width)]


def unpack_ints(content: bytes | memoryview, at: int) -> tuple[Ints, int]:
    """Return the column of integers that begins at byte `at`, and where the next begins."""
    how, low, width, unit, count, first, least = _INTS.unpack_from(content, at)
    at += _INTS.size
    kept = max(count - 1, 0) if how == _DELTA else count
    words, end = _words(content, at, kept, low, width)
    if unit > 1:
        words *= np.uint64(unit)
    words += np.uint64(least & _MASK)
    if how == _DIRECT:
        return words.view(np.int64), end
    column = np.empty(count, np.uint64)
    column[0] = first & _MASK
    column[1:] = words
    return np.cumsum(column, dtype=np.uint64).view(np.int64), end


def _steps(words: _Words, spread: float = 0.0) -> tuple[int, _Words, int]:
    """Keep a column by what it grows from one to the next: (how, that, bits of the lowest plane)."""
    return _DELTA, words[1:] - words[:-1], _low_bits(spread, len(words))


def _direct(words: _Words, spread: float = 0.0) -> tuple[int, _Words, int]:
    """Keep a column as it is: (how, that, bits of the lowest plane)."""
    return _DIRECT, words, _low_bits(spread, len(words))


def _smaller(column: Ints, words: _Words) -> tuple[int, _Words, int]:
    """Keep a column by whichever spreads less, on average."""
    floats = column.astype(np.float64)
    moves = np.diff(floats)
    spread, moved = _spread(floats), _spread(moves) if len(moves) else math.inf
    return _steps(words, moved) if moved <= spread else _direct(words, spread)


def _bounds(words: _Words) -> tuple[int, int]:
    """The least and the greatest, as signed numbers."""
    signed = words.view(np.int64)
    return (int(signed.min()), int(signed.max())) if len(signed) else (0, 0)


def _spread(numbers: Floats) -> float:
    return float(np.abs(numbers - numbers.mean()).mean())


def _low_bits(spread: float, count: int) -> int:
    """How many bits to keep below whole bytes: six standard deviations of normal noise then end with a byte."""
    if count < _LONG or spread < 1:
        return 0
    return math.ceil(math.log2(7.5 * spread)) % 8


def _unit(rest: _Words) -> int:
    for unit in (SECOND_US, SECOND_US // 1000):
        if not (rest % np.uint64(unit)).any():
            return unit
    return 1


def _planes(words: _Words, low: int, width: int) -> list[bytes]:
    """The lowest `low` bits of all words if there are any, then the lowest bytes of what is above, up to `width`."""
    planes = []
    if low:
        planes.append((words & np.uint64((1 << low) - 1)).astype(np.uint8).tobytes())
        words = words >> np.uint64(low)
    each = words.view(np.uint8).reshape(len(words), 8)
    return planes + [each[:, place].tobytes() for place in range(width)]


def _words(content: bytes | memoryview, at: int, count: int, low: int, width: int) -> tuple[_Words, int]:
    """The words whose planes begin at byte `at`, and where they end."""
    lowest = np.frombuffer(content, np.uint8, count, at) if low else None
    at += count if low else 0
    each = np.zeros((count, 8), np.uint8)
    for place in range(width):
        each[:, place] = np.frombuffer(content, np.uint8, count, at)
        at += count
    words = each.view(np.uint64).ravel()
    return (words if lowest is None else words << np.uint64(low) | lowest), at


# --- floats -----------------------------------------------------------------------------------------------------------


def pack_floats(column: Floats, *, quickly: bool = False) -> list[bytes]:
    """Return a column of floats as bytes, in parts, whatever their bits are."""
    power, whole = _as_whole(column, quickly)
    if whole is not None:
        return [_FLOATS.pack(power), *pack_ints(whole, quickly=quickly)]
    return [_FLOATS.pack(_BITS), *pack_ints(column.view(np.int64), quickly=quickly)]


def unpack_floats(content: bytes | memoryview, at: int) -> tuple[Floats, int]:
    """Return the column of floats that begins at byte `at`, and where the next begins."""
    (power,) = _FLOATS.unpack_from(content, at)
    whole, end = unpack_ints(content, at + _FLOATS.size)
    return (whole.view(np.float64) if power == _BITS else whole / _POWERS[power]), end


def _as_whole(column: Floats, quickly: bool) -> tuple[int, Ints | None]:
    """The least power of ten that makes all of `column` whole, with those whole numbers, if there is one.

    Quickly, thousandths are tried first: most of what is measured is whole in them.

    The nearest float to a decimal fraction is the quotient of two exact floats, so dividing gives back the same bits;
    it is tried, and it is what unpacking does.
    """
    with np.errstate(all="ignore"):
        for power in itertools.chain([_USUAL] if quickly else [], _candidates(column)):
            whole = np.rint(column * _POWERS[power]).astype(np.int64)
            if ((whole / _POWERS[power]).view(np.int64) == column.view(np.int64)).all():
                return power, whole
    return _BITS, None


def _candidates(column: Floats) -> Iterator[int]:
    """The powers of ten that make some of the column whole, spread over it; the least first."""
    some = column[:: max(len(column) // _GUESSED_BY, 1)][:, None]
    yield from np.flatnonzero((np.rint(some * _POWERS) / _POWERS == some).all(axis=0)).tolist()
