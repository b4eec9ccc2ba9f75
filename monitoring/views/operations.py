"""Pages of the installation as a whole: how it does, for people who run it and for their Prometheus."""

import hmac

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from deployments.models import User
from monitoring.selectors.advice import advice, headline
from monitoring.selectors.exposed import families
from monitoring.selectors.operations import operations as read_operations
from postdeploy import __version__
from postdeploy.lib.exposition import CONTENT_TYPE, exposition
from postdeploy.lib.htmx import live_page

_LOOPBACK = {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
#: What a proxy adds: a request with one of these came from elsewhere, whatever its last hop was.
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")


@login_required
@require_safe
def operations(request: HttpRequest) -> HttpResponse:
    """How the installation does: in words what somebody has to do, and the figures."""
    if not (isinstance(request.user, User) and request.user.is_staff):
        raise PermissionDenied("This page is for those who run Postdeploy: people marked as staff.")
    now = timezone.now()
    figures = read_operations(now=now)
    lines = advice(figures)
    context = {
        "figures": figures,
        "advice": lines,
        "headline": headline(lines),
        "networks": settings.PROBE_NETWORKS,
        "version": __version__,
        "now": now,
    }
    return live_page(request, "monitoring/operations.html", context, part="operations")


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The same figures in Prometheus' text format, for whoever has the token, or asks from this machine without one."""
    token = settings.METRICS_TOKEN
    if token and not _carries(request, token):
        refused = HttpResponse("The bearer token METRICS_TOKEN is needed.\n", status=401, content_type="text/plain")
        refused["WWW-Authenticate"] = 'Bearer realm="metrics"'
        return refused
    if not token and not _is_local(request):
        raise Http404("Metrics are for this machine only, unless METRICS_TOKEN is set.")
    text = exposition(families(read_operations(now=timezone.now()), version=__version__))
    return HttpResponse(text, content_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})


def _carries(request: HttpRequest, token: str) -> bool:
    scheme, _, sent = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(sent.strip().encode(), token.encode())


def _is_local(request: HttpRequest) -> bool:
    """A proxy on this machine also connects from loopback, but says for whom."""
    is_forwarded = any(header in request.headers for header in _FORWARDED)
    return request.META.get("REMOTE_ADDR") in _LOOPBACK and not is_forwarded
