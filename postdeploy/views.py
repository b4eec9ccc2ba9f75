"""Pages of the ground: health of the installation, and errors in the caller's language."""

import sys
from http import HTTPStatus
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.views.decorators.http import require_safe

from postdeploy import health
from postdeploy.middleware import is_outage, unavailable
from postdeploy.problems import is_api, only_reading, problem_response


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers; nothing else is asked."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Can the installation do its work? 200 or 503, naming each part."""
    parts = health.parts()
    is_ready = all(part.is_ready for part in parts)
    body = {
        "ready": is_ready,
        "parts": [{"name": p.name, "ready": p.is_ready, "detail": p.detail, "seconds": p.value} for p in parts],
    }
    return JsonResponse(body, status=200 if is_ready else 503)


@require_safe
def favicon(request: HttpRequest) -> HttpResponse:
    """Browsers ask for it at the root whatever a page says."""
    return HttpResponse(status=301, headers={"Location": static("img/favicon.svg")})


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400; 413 when there was too much of it."""
    if isinstance(exception, RequestDataTooBig):
        return _error(request, 413, "That was more than is accepted at once. Nothing was stored; send less.")
    return _error(request, 400, "The request could not be understood.")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403, saying which role is needed when the view said so."""
    return _error(request, 403, str(exception) or "You may not do this.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404; what does not exist and what is not yours look the same."""
    return _error(request, 404, "There is nothing here, or it is not yours to see.")


def server_error(request: HttpRequest) -> HttpResponse:
    """500: our fault; the request id finds it in the log. 503 when the database went away outside of any view."""
    error = sys.exc_info()[1]
    if error is not None and is_outage(error):
        return unavailable(request, error)
    return _error(request, 500, "Something went wrong on our side. The request id finds it in the log.")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form was sent from an expired page; what was typed is still in the browser."""
    if request.path.startswith("/api/"):  # only the description and its page look at cookies there
        return only_reading(request)
    response = render(request, "403_csrf.html", {"request_id": getattr(request, "id", "")}, status=403)
    if request.headers.get("HX-Request"):
        response["HX-Refresh"] = "true"
    return response


def _error(request: HttpRequest, status: int, detail: str) -> HttpResponse:
    if is_api(request):
        return problem_response(request, status=status, detail=detail)
    context: dict[str, Any] = {
        "status": status,
        "title": HTTPStatus(status).phrase,
        "detail": detail,
        "request_id": getattr(request, "id", ""),
    }
    return render(request, f"{status}.html", context, status=status)
