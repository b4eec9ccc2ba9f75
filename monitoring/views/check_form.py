"""The form of a check: its kind first, then its fields; conditions are explained as they are typed, and tried."""

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from deployments.models import Project, Role
from deployments.selectors import project_for
from monitoring import selectors, services
from monitoring.conditions import examine
from monitoring.forms import CheckForm
from monitoring.forms.check_kinds import KINDS
from monitoring.models import HealthCheck
from monitoring.probes import Kind, Trial, compile_check, explain_steps, try_check
from monitoring.views.common import environments_of, found_check


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def check_add(request: HttpRequest, project: str) -> HttpResponse:
    """Add a check; the button Try it reads once and stores nothing."""
    found = project_for(request.user, project, at_least=Role.MAINTAINER)
    kind = _kind(request)
    wanted = request.GET.get("environment", "")
    initial = {"environment": wanted} if wanted.isdigit() else {}
    form = CheckForm(environments_of(request, found), request.POST or None, kind=kind, initial=initial)
    return _edit(request, found, form, None)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def check_edit(request: HttpRequest, project: str, check: int) -> HttpResponse:
    """Change a check."""
    found, row = found_check(request, project, check, Role.MAINTAINER)
    form = CheckForm(environments_of(request, found), request.POST or None, check=row)
    return _edit(request, found, form, row)


@login_required
@require_POST
def check_read_lines(request: HttpRequest, project: str) -> HttpResponse:
    """Say what each line of conditions, or of a flow's steps, means; for somebody who is typing."""
    project_for(request.user, project, at_least=Role.MAINTAINER)
    kind = _kind(request)
    if "steps" in request.POST and request.POST.get("of") == "steps":
        return render(request, "monitoring/_steps_read.html", _steps(request.POST["steps"]))
    lines = examine(request.POST.get("conditions", "")[:8000], kind)
    return render(request, "monitoring/_conditions_read.html", {"lines": lines})


def _kind(request: HttpRequest) -> str:
    asked = request.POST.get("kind") or request.GET.get("kind", "")
    return asked if asked in KINDS else Kind.HTTP


def _steps(text: str) -> dict[str, Any]:
    steps, fault = explain_steps(text[:20_000], settings.PROBE_NETWORKS)
    return {"steps": steps, "fault": fault}


def _edit(request: HttpRequest, project: Project, form: CheckForm, row: HealthCheck | None) -> HttpResponse:
    status, trial = 200, None
    if form.is_bound:
        if form.is_valid() and "try" in request.POST:
            trial = _tried(form, row)
        elif form.is_valid() and (saved := _saved(form, row)):
            _say_saved(request, saved)
            return redirect("check", project=project.slug, check=saved.pk)
        else:
            status = 400
    context = {"project": project, "form": form, "check": row, "trial": trial, **_beside(request, form)}
    return render(request, "monitoring/check_form.html", context, status=status)


def _say_saved(request: HttpRequest, check: HealthCheck) -> None:
    found = selectors.locations(check.location) if check.location else ()
    if any(not location.workers for location in found):
        told = f"No worker at {check.location} speaks: until one does, nothing is known of it."
        messages.warning(request, f"{check.name} is saved. {told}")
    else:
        messages.success(request, f"{check.name} is saved and is read in a moment.")


def _beside(request: HttpRequest, form: CheckForm) -> dict[str, Any]:
    """What the form shows beside its fields: the other kinds, and what was read of conditions and steps."""
    asked = request.GET.get("environment", "")
    kept = {"environment": asked} if asked else {}
    kinds = [
        {"name": kind.words, "url": f"?{urlencode({'kind': kind, **kept})}", "is_current": kind == form.kind}
        for kind in Kind
    ]
    found = {"kinds": kinds, "lines": examine(str(form["conditions"].value() or ""), form.kind)}
    text = str(form["steps"].value() or "") if form.kind == Kind.FLOW else ""
    return {**found, **(_steps(text) if text.strip() else {})}


def _tried(form: CheckForm, row: HealthCheck | None) -> Trial:
    now, check = timezone.now(), compile_check(form.row())
    key = row.pk if row else 0
    environments = {key: form.cleaned_data["environment"].pk}
    facts = selectors.facts_of({key: check}, now=now, environments=environments).get(key)
    return try_check(check, settings.PROBE_NETWORKS, now=now, facts=facts)


def _saved(form: CheckForm, row: HealthCheck | None) -> HealthCheck | None:
    try:
        return services.save_check(now=timezone.now(), check=row, **form.definition())
    except ValidationError as error:
        form.refuse(error)
        return None
