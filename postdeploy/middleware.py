"""Request id, a clear answer while the database is away, and no private page in a shared cache."""

import re
import uuid
from collections.abc import Callable
from functools import lru_cache

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.response import SimpleTemplateResponse
from django.urls import Resolver404, ResolverMatch, get_urlconf, resolve

from postdeploy.logs import one_sentence
from postdeploy.problems import is_api, problem_response

Handler = Callable[[HttpRequest], HttpResponse]
GOOD_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,100}")


class RequestId:
    """Gives each request an id (the caller's own, if it is plain), in the logs and in the answer's X-Request-ID."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request under its id."""
        given = request.headers.get("X-Request-ID", "")
        request.id = given if GOOD_REQUEST_ID.fullmatch(given) else str(uuid.uuid4())  # type: ignore[attr-defined]
        with structlog.contextvars.bound_contextvars(request_id=request.id):  # type: ignore[attr-defined]
            response = self.get_response(request)
        response["X-Request-ID"] = request.id  # type: ignore[attr-defined]
        return response


class ApiLane:
    """Answers the API at once: what comes after it is for browsers (sessions, cookies, forms, messages).

    Whatever is exempt from the CSRF check signs in by token; it costs half as much here.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request, if it is one of the API's."""
        match = _api_match(request)
        if match is None:
            return self.get_response(request)
        request.get_host()  # refuses hosts that are not ours
        request.resolver_match = match
        try:
            response: HttpResponse = match.func(request, *match.args, **match.kwargs)
            if isinstance(response, SimpleTemplateResponse):  # REST framework's write their body when they are asked to
                response = response.render()
        except (OperationalError, InterfaceError) as error:
            return unavailable(request, error)
        response.headers.setdefault("Content-Length", str(len(response.content)))
        return response


def _api_match(request: HttpRequest) -> ResolverMatch | None:
    if not request.path_info.startswith("/api/v1/"):
        return None
    try:
        match = _resolved(request.path_info, get_urlconf() or settings.ROOT_URLCONF)
    except Resolver404:
        return None
    return match if getattr(match.func, "csrf_exempt", False) else None


@lru_cache(maxsize=1000)
def _resolved(path: str, urlconf: str) -> ResolverMatch:
    """Programs ask for the same few addresses again and again; nobody changes a match."""
    return resolve(path, urlconf)


class DatabaseDown:
    """Turns a lost database into 503 with Retry-After instead of an error page."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer 503 when the database is away; anything else goes on."""
        if not is_outage(error):
            return None
        return unavailable(request, error)


def is_outage(error: BaseException | None) -> bool:
    """Tell whether an error means that the database is away, too busy, or has broken off a deadlock."""
    return isinstance(error, OperationalError | InterfaceError)


def unavailable(request: HttpRequest, error: BaseException) -> HttpResponse:
    """Return 503 in the caller's language: problem+json for the API, a page for people."""
    if not hasattr(request, "was_unavailable"):  # the page may miss the database, too, and come here again
        request.was_unavailable = True  # type: ignore[attr-defined]
        structlog.get_logger(__name__).error("database away", path=request.path, error=one_sentence(error))
    detail = "The database does not answer just now. Nothing of this request was stored; try again in a few seconds."
    if is_api(request):
        response: HttpResponse = problem_response(request, status=503, detail=detail)
    else:
        response = render(request, "503.html", {"detail": detail}, status=503)
    response["Retry-After"] = "5"
    # said above, in one line: Django would add the whole stack, once for each request that comes meanwhile
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response


class PrivatePages:
    """Pages of a signed-in person are kept by no cache but may be asked for again with their ETag."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request, marking private pages."""
        response = self.get_response(request)
        # A page that never asked who is there shows nothing private, and must not cost a query for the session.
        if request.session.accessed and request.user.is_authenticated:
            response.headers.setdefault("Cache-Control", "no-store")
        return response
