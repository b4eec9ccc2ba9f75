"""Pages of checks: the list, one check, its form, and what is done to it."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from deployments.models import Environment, Project, Role
from deployments.selectors import project_for
from monitoring import selectors, services
from monitoring.forms import CheckForm, ChecksForm, RangeForm
from monitoring.models import HealthCheck
from monitoring.probes import try_check
from monitoring.views.common import environments_of, found_check, rights
from postdeploy.lib.htmx import live_page


@login_required
@require_safe
def checks(request: HttpRequest, project: str) -> HttpResponse:
    """The list of checks, narrowed by the address."""
    found, now = project_for(request.user, project), timezone.now()
    form = ChecksForm(request.GET)
    wanted = form.wanted()
    environments = list(environments_of(request, found))
    page = selectors.checks_page(request.user, found, now=now, **wanted)
    context = {
        "project": found,
        "form": form,
        "filter": wanted,
        "environments": environments,
        "page": page,
        "states": [(name, f"?{_query(wanted, state=name)}", count) for name, count in page.counts.items()],
        "all_url": f"?{_query(wanted, state='')}",
        "gaps": _gaps(environments, now),
        "report_snippet": selectors.report_line(found),
        "now": now,
        **rights(request, found),
    }
    return live_page(request, "monitoring/checks.html", context, part="checks-list")


def _query(wanted: dict[str, str], **changes: str) -> str:
    values = wanted | changes
    named = {"environment": values["environment"], "state": values["state"], "q": values["text"]}
    return urlencode({name: value for name, value in named.items() if value})


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
@require_safe
def check(request: HttpRequest, project: str, check: int) -> HttpResponse:
    """One check: its state, its response time, its outages and latest failures."""
    found, row = found_check(request, project, check)
    now, over = timezone.now(), RangeForm(request.GET).wanted()
    context = {
        "project": found,
        "check": row,
        "story": selectors.check_story(row, now=now, over=selectors.RANGES[over]),
        "over": over,
        "ranges": list(selectors.RANGES),
        "now": now,
        **rights(request, found),
    }
    return live_page(request, "monitoring/check.html", context, part="check")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def check_add(request: HttpRequest, project: str) -> HttpResponse:
    """Add a check; the button Try it reads once and stores nothing."""
    found = project_for(request.user, project, at_least=Role.MAINTAINER)
    chosen = request.GET.get("environment", "")
    initial = {"environment": chosen} if chosen.isdigit() else {}
    form = CheckForm(environments_of(request, found), request.POST or None, initial=initial)
    return _edit(request, found, form, None)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def check_edit(request: HttpRequest, project: str, check: int) -> HttpResponse:
    """Change a check."""
    found, row = found_check(request, project, check, Role.MAINTAINER)
    form = CheckForm(environments_of(request, found), request.POST or None, check=row)
    return _edit(request, found, form, row)


def _edit(request: HttpRequest, project: Project, form: CheckForm, row: HealthCheck | None) -> HttpResponse:
    context: dict[str, Any] = {"project": project, "form": form, "check": row}
    status = 200
    if form.is_bound:
        if form.is_valid() and "try" in request.POST:
            context["trial"] = try_check(form.http_check(), settings.PROBE_NETWORKS)
        elif form.is_valid() and (saved := _saved(form, row)):
            messages.success(request, f"{saved.name} is saved and is read in a moment.")
            return redirect("check", project=project.slug, check=saved.pk)
        else:
            status = 400
    return render(request, "monitoring/check_form.html", context, status=status)


def _saved(form: CheckForm, row: HealthCheck | None) -> HealthCheck | None:
    try:
        return services.save_check(now=timezone.now(), check=row, **form.cleaned_data)
    except ValidationError as error:
        form.refuse(error)
        return None


@login_required
@require_POST
def check_pause(request: HttpRequest, project: str, check: int) -> HttpResponse:
    """Stop reading a check."""
    found, row = found_check(request, project, check, Role.RESPONDER)
    services.pause_check(check=row, now=timezone.now())
    messages.info(request, f"{row.name} is paused: it counts as not watched until somebody resumes it.")
    return redirect("check", project=found.slug, check=row.pk)


@login_required
@require_POST
def check_resume(request: HttpRequest, project: str, check: int) -> HttpResponse:
    """Read a check again."""
    found, row = found_check(request, project, check, Role.RESPONDER)
    services.resume_check(check=row, now=timezone.now())
    messages.success(request, f"{row.name} is read again.")
    return redirect("check", project=found.slug, check=row.pk)


@login_required
@require_POST
def check_read(request: HttpRequest, project: str, check: int) -> HttpResponse:
    """Let a check be read at once."""
    found, row = found_check(request, project, check, Role.RESPONDER)
    if services.read_soon(check=row, now=timezone.now()):
        messages.info(request, f"{row.name} is read in a moment; the page shows what came back.")
    return redirect("check", project=found.slug, check=row.pk)


@login_required
@require_POST
def check_delete(request: HttpRequest, project: str, check: int) -> HttpResponse:
    """Delete a check."""
    found, row = found_check(request, project, check, Role.MAINTAINER)
    services.delete_check(check=row)
    messages.success(request, f"{row.name} was deleted.")
    return redirect("checks", project=found.slug)
