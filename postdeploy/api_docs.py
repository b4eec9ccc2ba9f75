"""The API's own description, as a document for programs and as a page for people (works offline, no inline script)."""

from functools import cache

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.http import quote_etag
from django.views.decorators.http import condition, require_safe
from drf_spectacular.generators import SchemaGenerator

from postdeploy import __version__


@cache
def openapi() -> dict[str, object]:
    """Return the OpenAPI 3.1 description of every route below /api/v1/."""
    return dict(SchemaGenerator().get_schema(request=None, public=True))  # type: ignore[no-untyped-call]


@require_safe
@condition(etag_func=lambda request: quote_etag(f"openapi-{__version__}"))
def openapi_document(request: HttpRequest) -> JsonResponse:
    """The description; it changes only with the version of Postdeploy."""
    return JsonResponse(openapi(), headers={"Cache-Control": "no-cache"})


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """A page to read the description and to try requests."""
    return render(request, "api_docs.html")
