"""Facets: what a resource of a lower floor shows of the floors above it, without importing them.

A deployment's API answer carries its watch and verdict, which live a floor higher. `wiring.FACETS` names, by string,
the classes that add such parts; the API of the lower floor asks them here.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any, Protocol, cast

from django.db.models import Model, QuerySet
from django.utils.module_loading import import_string
from rest_framework.serializers import Serializer

from postdeploy import wiring


class Facet(Protocol):
    """One part that a higher floor adds to a lower floor's resource."""

    #: serializer of the added fields, for the answer's schema
    serializer: type[Serializer[Any]]
    #: query parameters this facet can filter by, with their help texts
    filters: dict[str, str]

    def describe(self, rows: Sequence[Model], *, now: datetime) -> dict[Any, dict[str, Any]]:
        """Return the added fields by primary key, in a fixed number of queries."""
        ...

    def narrow(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Return `rows` filtered by the parameter `name`; ValueError with a sentence for an unknown value."""
        ...


@cache
def facets(resource: str) -> tuple[Facet, ...]:
    """Return the facets of `resource` ("deployment", "issue")."""
    return tuple(cast(Facet, import_string(name)()) for name in wiring.FACETS[resource])


def describe(resource: str, rows: Sequence[Model], *, now: datetime) -> dict[Any, dict[str, Any]]:
    """Return for each primary key of `rows` what all facets of `resource` add."""
    added: dict[Any, dict[str, Any]] = {row.pk: {} for row in rows}
    for facet in facets(resource):
        for key, fields in facet.describe(rows, now=now).items():
            added[key].update(fields)
    return added
