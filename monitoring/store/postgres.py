"""Rows of numbers and bytes in and out of PostgreSQL by its binary COPY: no text in between."""

import io
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from django.db import connection

# A header of 19 bytes; per row a count of fields and per field its length; a trailer of two bytes.
HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER: Final = b"\xff\xff"
_ROW: Final = struct.Struct(">hiqiqiqi")
_INTEGERS: Final = {"int4": ("i", 4), "int8": ("q", 8)}

#: A number that says where a row comes from, a series or shelf, a place in time or in the log, and packed samples.
Row = tuple[int, int, int, memoryview]


def rows(query: str, parameters: dict[str, Any]) -> Iterator[Row]:
    """Yield the rows of a query for (bigint, bigint, bigint, bytea); several times faster than fetching them."""
    buffer = io.BytesIO()
    with connection.cursor() as cursor:
        cursor.copy_expert(f"COPY ({cursor.mogrify(query, parameters).decode()}) TO STDOUT (FORMAT binary)", buffer)
    view, at, end = buffer.getbuffer(), len(HEADER), buffer.tell() - len(TRAILER)
    while at < end:
        _, _, tier, _, owner, _, place, length = _ROW.unpack_from(view, at)
        at += _ROW.size
        yield tier, owner, place, view[at : at + length]
        at += length


def put(table: str, columns: Sequence[tuple[str, str]], new: Iterable[Sequence[Any]]) -> int:
    """Insert rows into `table` whose `columns` are (name, int4 or int8), and `body` last; return how many."""
    numbers = "".join(f"i{_INTEGERS[kind][0]}" for _, kind in columns)
    layout = struct.Struct(f">h{numbers}i")
    lengths = [_INTEGERS[kind][1] for _, kind in columns]
    parts, count = [HEADER], 0
    for *values, body in new:
        fields = [field for pair in zip(lengths, values, strict=True) for field in pair]
        parts += (layout.pack(len(columns) + 1, *fields, len(body)), body)
        count += 1
    if count:
        names = ", ".join([*(name for name, _ in columns), "body"])
        with connection.cursor() as cursor:
            cursor.copy_expert(
                f"COPY {table} ({names}) FROM STDIN (FORMAT binary)", io.BytesIO(b"".join([*parts, TRAILER]))
            )
    return count


def run(query: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> list[tuple[Any, ...]]:
    """Run one statement and return its rows, if it gives any."""
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return cursor.fetchall() if cursor.description else []


def change(query: str, parameters: Sequence[Any] = ()) -> int:
    """Run one INSERT, UPDATE or DELETE and return how many rows it changed."""
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return int(cursor.rowcount)


def has_lock(number: int) -> bool:
    """Try to take a lock for the rest of this transaction; False when somebody else has it."""
    return bool(run("SELECT pg_try_advisory_xact_lock(%s)", [number])[0][0])


def wait_for_lock(number: int) -> None:
    """Take the same lock, when whoever has it is done. Raises OperationalError after the session's `lock_timeout`."""
    run("SELECT pg_advisory_xact_lock(%s)", [number])
