"""Planned work: the list, planning it, and ending it."""

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from deployments.models import Project, Role
from deployments.selectors import project_for
from monitoring import services
from monitoring.forms.maintenance import MaintenanceForm
from monitoring.models import HealthCheck, MaintenanceWindow
from monitoring.selectors.maintenance import maintenance_page
from monitoring.views.common import environments_of, rights


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def maintenance(request: HttpRequest, project: str) -> HttpResponse:
    """What is planned; responders plan more."""
    is_post = request.method == "POST"
    found = project_for(request.user, project, at_least=Role.RESPONDER if is_post else Role.VIEWER)
    form = _form(request, found)
    if is_post and form.is_valid() and _plan(request, found, form):
        return redirect("maintenance", project=found.slug)
    now = timezone.now()
    page = maintenance_page(request.user, found, page=request.GET.get("page", ""), now=now)
    context = {"project": found, "page": page, "form": form, "now": now, **rights(request, found)}
    return render(request, "monitoring/maintenance.html", context, status=400 if is_post else 200)


def _form(request: HttpRequest, project: Project) -> MaintenanceForm:
    checks = HealthCheck.objects.visible_to(request.user).of(project).select_related("environment").order_by("name")
    start = timezone.localtime(timezone.now()).replace(second=0, microsecond=0)
    initial: dict[str, Any] = {"starts_at": start, "ends_at": start + timedelta(hours=1)}
    chosen = request.GET.get("check", "")
    if chosen.isdecimal() and len(chosen) < 19:
        initial["check"] = chosen
    data = request.POST if request.method == "POST" else None
    return MaintenanceForm(environments_of(request, project), checks, data, initial=initial)


def _plan(request: HttpRequest, project: Project, form: MaintenanceForm) -> bool:
    try:
        window = services.plan_maintenance(project=project, by=request.user, now=timezone.now(), **form.cleaned_data)
    except ValidationError as error:
        form.refuse(error)
        return False
    messages.success(request, f"Planned: {window.reason}. Nothing is read or judged meanwhile.")
    return True


@login_required
@require_POST
def maintenance_end(request: HttpRequest, project: str, window: int) -> HttpResponse:
    """End a window before its time, or call it off."""
    found = project_for(request.user, project, at_least=Role.RESPONDER)
    row = MaintenanceWindow.objects.visible_to(request.user).of(found).filter(pk=window).first()
    if row is None:
        raise Http404("No such maintenance.")
    if services.end_maintenance(window=row, now=timezone.now()):
        messages.success(request, f"Ended: {row.reason}. Checks are read again.")
    else:
        messages.info(request, "It was over already.")
    return redirect("maintenance", project=found.slug)
