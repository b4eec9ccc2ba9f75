"""Keyset pages: as quick at any depth, and no row is shown twice because another one arrived."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet

Row = TypeVar("Row")
Stored = TypeVar("Stored", bound=Model)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_POSITION = re.compile(r"([0-9]{1,17})_([0-9a-f-]{1,36})")


class BadPosition(ValueError):
    """The address names a place in the list that cannot be."""


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Rows, the latest first, and where the pages beside it begin ("" where there is none)."""

    rows: Sequence[Row]
    newer: str = ""
    older: str = ""


def keyset_page(rows: QuerySet[Stored], at: str, *, size: int, before: str = "", after: str = "") -> Page[Stored]:
    """Return the page of `rows` older than the position `before`, or newer than `after`, else the first one.

    `at` is a non-null time of the rows; ties are broken by their key. Raises BadPosition.
    """
    if after and not before:
        return _newer_page(rows, at, size, after)
    found = list(_older(rows, at, before).order_by(f"-{at}", "-pk")[: size + 1])
    shown = found[:size]
    return Page(
        rows=shown,
        newer=_position(shown[0], at) if before and shown else "",
        older=_position(shown[-1], at) if len(found) > size else "",
    )


def _newer_page(rows: QuerySet[Stored], at: str, size: int, after: str) -> Page[Stored]:
    moment, key = _parsed(after, rows)
    newer = Q(**{f"{at}__gte": moment}) & (Q(**{f"{at}__gt": moment}) | Q(pk__gt=key))
    found = list(rows.filter(newer).order_by(at, "pk")[: size + 1])
    shown = found[:size][::-1]
    return Page(
        rows=shown,
        newer=_position(shown[0], at) if len(found) > size else "",
        older=_position(shown[-1], at) if shown else "",
    )


def _older(rows: QuerySet[Stored], at: str, before: str) -> QuerySet[Stored]:
    if not before:
        return rows
    moment, key = _parsed(before, rows)
    return rows.filter(Q(**{f"{at}__lte": moment}) & (Q(**{f"{at}__lt": moment}) | Q(pk__lt=key)))


def _position(row: Any, at: str) -> str:
    return f"{(getattr(row, at) - _EPOCH) // timedelta(microseconds=1)}_{row.pk}"


def _parsed(position: str, rows: QuerySet[Any]) -> tuple[datetime, Any]:
    matched = _POSITION.fullmatch(position)
    if not matched:
        raise BadPosition("This page of the list does not exist.")
    try:
        key = rows.model._meta.pk.to_python(matched[2])
    except ValidationError as error:
        raise BadPosition("This page of the list does not exist.") from error
    return _EPOCH + timedelta(microseconds=int(matched[1])), key
