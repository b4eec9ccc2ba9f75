"""What the views of this floor share: rights and rows a person may see."""

import hashlib
from collections.abc import Iterable
from typing import Any

import orjson
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified, JsonResponse
from django.utils.http import parse_etags, quote_etag

from deployments.models import Environment, Project, Role
from deployments.selectors import project_for, role_in
from monitoring.models import HealthCheck
from monitoring.selectors import Span


def rights(request: HttpRequest, project: Project) -> dict[str, Any]:
    """Return what the person may do, as templates ask it."""
    role = role_in(project, request.user)
    return {"may_work": role.covers(Role.RESPONDER), "may_maintain": role.covers(Role.MAINTAINER)}


def environments_of(request: HttpRequest, project: Project) -> QuerySet[Environment]:
    """Return the project's environments the person sees."""
    return Environment.objects.visible_to(request.user).of(project).select_related("project")


def found_check(
    request: HttpRequest, project: str, check: int, at_least: Role = Role.VIEWER
) -> tuple[Project, HealthCheck]:
    """Return the project and the check, or 404."""
    found = project_for(request.user, project, at_least=at_least)
    rows = HealthCheck.objects.visible_to(request.user).of(found).select_related("environment__project")
    row = rows.filter(pk=check).first()
    if row is None:
        raise Http404("No such check.")
    return found, row


#: A chart's width in pixels until the browser has said it, and what is believed of it.
WIDTH, LEAST_WIDTH, MOST_WIDTH = 800, 200, 2400


def chart_columns(request: HttpRequest) -> int:
    """Return how many pixel columns a chart has: `width` in the address, else the cookie that charts.js sets."""
    told = request.GET.get("width") or request.COOKIES.get("chart", "")
    return min(max(int(told), LEAST_WIDTH), MOST_WIDTH) if told.isdecimal() and len(told) < 6 else WIDTH


def with_query(request: HttpRequest, **changes: str | None) -> str:
    """Return this page's query with some values changed; None or "" takes one away."""
    query = request.GET.copy()
    for name, value in changes.items():
        query.pop(name, None)
        if value:
            query[name] = value
    return f"?{query.urlencode()}"


def span_links(request: HttpRequest, span: Span, ranges: Iterable[str]) -> dict[str, Any]:
    """Return what `monitoring/_span.html` shows: a link for each range, and the way out of a zoom."""
    out = {"from": None, "to": None, "width": None}
    return {
        "span": span,
        "ranges": [
            (word, with_query(request, **out, over=word), word == span.word and not span.is_zoomed) for word in ranges
        ],
        "unzoomed": with_query(request, **out) if span.is_zoomed else "",
    }


def json_answer(request: HttpRequest, data: Any) -> HttpResponse:
    """Answer a chart's data as JSON with an ETag: 304 when the browser has it; None is a chart without anything."""
    body = orjson.dumps(data or {"times": [], "values": []})
    etag = quote_etag(hashlib.sha256(body).hexdigest()[:32])
    known = parse_etags(request.headers.get("If-None-Match", ""))
    is_known = etag in known or f"W/{etag}" in known
    response = HttpResponseNotModified() if is_known else HttpResponse(body, content_type="application/json")
    response["ETag"] = etag
    return response


def choose_a_metric() -> HttpResponse:
    """Answer a request for data that does not say of what."""
    return JsonResponse({"detail": "Choose a metric of this project: ?metric=KEY."}, status=400)
