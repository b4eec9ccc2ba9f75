"""One line in the log for each request: what was asked, what came of it, how long it took. Never a query or a body."""

import time
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse

Handler = Callable[[HttpRequest], HttpResponse]
# Asked every few seconds by machines; what they find is in their answer.
UNLOGGED = {"/healthz", "/readyz", "/metrics"}

log = structlog.get_logger(__name__)


class RequestLog:
    """Logs each request at `info`; text logs leave these lines out (see `logs.py`)."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request and log it."""
        began = time.monotonic()
        response = self.get_response(request)
        if request.path not in UNLOGGED:
            log.info(
                "request",
                method=request.method,
                path=request.path,
                status=response.status_code,
                took_ms=round((time.monotonic() - began) * 1000, 1),
                route=getattr(request.resolver_match, "view_name", None),
            )
        return response
