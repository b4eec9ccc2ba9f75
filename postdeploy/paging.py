"""Cursor pages: signed, bound to the filter and the order they were made for, in constant time at any depth."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from django.core import signing
from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from postdeploy.fields import Line, StrictSerializer
from postdeploy.problems import Refused

Row = TypeVar("Row", bound=Model)
SALT = "postdeploy.cursor"
MAXIMUM = 200


class PageQuery(StrictSerializer):
    """Query parameters of every list; a list's own filters are added by a subclass."""

    limit = serializers.IntegerField(
        min_value=1, max_value=MAXIMUM, default=50, help_text="How many items at most (1–200)."
    )
    cursor = Line(required=False, max_length=2000, help_text="The `next` of the page before.")


def cursor_page(
    request: Request,
    queryset: QuerySet[Row],
    *,
    order: Sequence[str],
    default: int = 50,
    maximum: int = MAXIMUM,
    filters: Mapping[str, Any],
) -> tuple[list[Row], str | None]:
    """Return the page that the query parameters `cursor` and `limit` ask for, and the cursor of the next page.

    `order` are concrete, non-null fields ending in a unique one, each with `-` for descending; `filters` is all that
    narrowed `queryset`, so that a cursor used with another filter is refused. Raises Refused (400).
    """
    binding = _binding(order, filters)
    limit = _limit(request.query_params.get("limit"), default, maximum)
    rows = queryset.order_by(*order)
    if cursor := request.query_params.get("cursor"):
        rows = rows.filter(_after(queryset.model, order, _open_cursor(cursor, binding, order)))
    items = list(rows[: limit + 1])
    if len(items) <= limit:
        return items, None
    return items[:limit], _make_cursor(items[limit - 1], order, binding)


def paged_response(request: Request, items: Sequence[Any], next_cursor: str | None) -> Response:
    """Return `{"items": [...], "next": "…"|null}`, with the next page's address in the Link header."""
    response = Response({"items": items, "next": next_cursor})
    if next_cursor:
        parameters = {**request.query_params.dict(), "cursor": next_cursor}
        url = request.build_absolute_uri(f"{request.path}?{urlencode(parameters)}")
        response["Link"] = f'<{url}>; rel="next"'
    return response


def _limit(text: str | None, default: int, maximum: int) -> int:
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not 1 <= int(text) <= maximum:
        detail = f"limit must be a whole number from 1 to {maximum}."
        raise Refused(400, detail, errors=[{"parameter": "limit", "code": "invalid", "detail": detail}])
    return int(text)


def _binding(order: Sequence[str], filters: Mapping[str, Any]) -> str:
    given = {name: str(value) for name, value in filters.items() if name not in {"cursor", "limit"}}
    text = json.dumps([list(order), sorted(given.items())])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _make_cursor(row: Model, order: Sequence[str], binding: str) -> str:
    fields = [row._meta.get_field(name.lstrip("-")) for name in order]
    return signing.dumps([binding, *(field.value_to_string(row) for field in fields)], salt=SALT, compress=True)  # type: ignore[union-attr]


def _open_cursor(cursor: str, binding: str, order: Sequence[str]) -> list[str]:
    try:
        bound, *values = signing.loads(cursor, salt=SALT)
    except (signing.BadSignature, ValueError):
        raise _bad_cursor("This cursor was not made here; start again without one.") from None
    if bound != binding or len(values) != len(order):
        raise _bad_cursor("This cursor belongs to another list or filter; start again without one.")
    return [str(value) for value in values]


def _bad_cursor(detail: str) -> Refused:
    return Refused(
        400, detail, code="bad_cursor", errors=[{"parameter": "cursor", "code": "bad_cursor", "detail": detail}]
    )


def _after(model: type[Model], order: Sequence[str], texts: Sequence[str]) -> Q:
    """Return the condition "comes later in this order than the row with these values"."""
    condition, ties = Q(), Q()
    for name, text in zip(order, texts, strict=True):
        field = name.lstrip("-")
        try:
            value = model._meta.get_field(field).to_python(text)  # type: ignore[union-attr]
        except ValidationError:
            raise _bad_cursor("This cursor was made by another version; start again without one.") from None
        condition |= ties & Q(**{f"{field}__{'lt' if name.startswith('-') else 'gt'}": value})
        ties &= Q(**{field: value})
    return condition
