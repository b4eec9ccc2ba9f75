"""The API's own description, as a document for programs and as a page for people (works offline, no inline script)."""

import hashlib
from collections.abc import Callable
from functools import cache, wraps
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import quote_etag
from django.views.decorators.http import condition
from drf_spectacular.generators import SchemaGenerator

from postdeploy.problems import only_reading

View = Callable[[HttpRequest], HttpResponse]


def read_only(view: View) -> View:
    """Let `view` answer GET and HEAD; anything else gets the API's own refusal, not a page about forms."""

    @wraps(view)
    def guarded(request: HttpRequest) -> HttpResponse:
        if request.method in ("GET", "HEAD"):
            return view(request)
        return only_reading(request)

    return guarded


@cache
def openapi() -> dict[str, Any]:
    """Return the OpenAPI 3.1 description of every route below /api/v1/."""
    return dict(SchemaGenerator().get_schema(request=None, public=True))  # type: ignore[no-untyped-call]


@cache
def openapi_text() -> str:
    """Return the description as JSON; it never changes while the program runs."""
    return DjangoJSONEncoder(ensure_ascii=False, indent=1).encode(openapi())


def openapi_etag(request: HttpRequest) -> str:
    """Return the description's ETag."""
    return quote_etag(hashlib.sha256(openapi_text().encode()).hexdigest()[:32])


@read_only
@condition(etag_func=openapi_etag)
def openapi_document(request: HttpRequest) -> HttpResponse:
    """The description."""
    return HttpResponse(openapi_text(), content_type="application/json", headers={"Cache-Control": "no-cache"})


@read_only
def docs(request: HttpRequest) -> HttpResponse:
    """A page to read the description and to try requests."""
    return render(request, "api_docs.html")
