"""The list of checks, and what is done to several of them at once."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from deployments.models import Environment, Project, Role
from deployments.selectors import project_for, role_in
from monitoring import selectors, services
from monitoring.forms import BulkForm, ChecksForm
from monitoring.models import HealthCheck
from monitoring.views.common import environments_of, rights, with_query
from postdeploy.lib.htmx import live_page


@login_required
@require_safe
def all_checks(request: HttpRequest, project: str) -> HttpResponse:
    """The list of checks, narrowed by the address."""
    found = project_for(request.user, project)
    return live_page(request, "monitoring/checks.html", _context(request, found, BulkForm()), part="checks-list")


def _context(request: HttpRequest, project: Project, bulk: BulkForm) -> dict[str, Any]:
    now, wanted = timezone.now(), ChecksForm(request.GET).wanted()
    environments = list(environments_of(request, project))
    page = selectors.checks_page(request.user, project, now=now, page=request.GET.get("page", ""), **wanted)
    return {
        "project": project,
        "filter": wanted,
        "is_filtered": any(wanted.values()),
        "environments": environments,
        "page": page,
        "states": [(name, with_query(request, state=name, page=None), count) for name, count in page.counts.items()],
        "all_url": with_query(request, state=None, page=None),
        "query": request.GET.urlencode(),
        "gaps": _gaps(environments, now),
        "report_snippet": selectors.report_line(project),
        "bulk": bulk,
        "now": now,
        **rights(request, project),
    }


def _gaps(environments: list[Environment], now: datetime) -> list[dict[str, Any]]:
    found = selectors.not_watched_in(environments, now)
    return [
        {
            "environment": environment,
            "key": str(environment.pk),
            "listed": [gap for gap in found[environment.pk] if not gap.snippet],
            "unsent": [gap for gap in found[environment.pk] if gap.snippet],
            "snippet": selectors.push_line(environment, "orders"),
        }
        for environment in environments
    ]


@login_required
@require_POST
def checks_bulk(request: HttpRequest, project: str) -> HttpResponse:
    """Do one thing to several checks, and say to which it was done."""
    found = project_for(request.user, project, at_least=Role.RESPONDER)
    form = BulkForm(request.POST)
    if not form.is_valid():
        for sentence in form.errors.get("do", ()):
            messages.error(request, str(sentence))
        return render(request, "monitoring/checks.html", _context(request, found, form), status=400)
    if not role_in(found, request.user).covers(form.needs()):
        raise PermissionDenied
    rows = HealthCheck.objects.visible_to(request.user).of(found).select_related("environment")
    checks = list(rows.filter(pk__in=form.chosen()).order_by("name"))
    if missing := len(form.ticked()) - len(checks):
        messages.error(request, _not_here(missing))
    if checks or not missing:
        _say(request, form.act(checks, now=timezone.now()))
    return redirect(f"{reverse('checks', args=[found.slug])}?{request.GET.urlencode()}".rstrip("?"))


def _not_here(count: int) -> str:
    told = "1 ticked check is" if count == 1 else f"{count:,} ticked checks are"
    return f"{told} not in this project, or not any more: nothing was done there."


def _say(request: HttpRequest, result: services.BulkResult) -> None:
    (messages.success if result.changed else messages.warning)(request, result.sentence)
    for sentence in result.refusals:
        messages.error(request, sentence)
