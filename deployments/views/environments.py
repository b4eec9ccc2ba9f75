"""Environments: set up, confirmed, changed."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from deployments import services
from deployments.forms import EnvironmentForm, NewEnvironmentForm
from deployments.models import Environment, Project, Role
from deployments.selectors import project_for

TEMPLATE = "deployments/environment_form.html"


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def environment_add(request: HttpRequest, project: str) -> HttpResponse:
    """Set up an environment before its first deployment."""
    found = project_for(request.user, project, at_least=Role.MAINTAINER)
    form = NewEnvironmentForm(found, request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return _page(request, found, form)
    environment = services.ensure_environment(project=found, name=form.cleaned_data.pop("name"), now=timezone.now())
    return _saved(request, environment, form)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def environment_edit(request: HttpRequest, project: str, environment: int) -> HttpResponse:
    """Confirm or change what is known of an environment."""
    found = project_for(request.user, project, at_least=Role.MAINTAINER)
    row = get_object_or_404(Environment.objects.of(found), pk=environment)
    form = EnvironmentForm(request.POST or None, instance=row)
    if request.method != "POST" or not form.is_valid():
        return _page(request, found, form, get_object_or_404(Environment.objects.of(found), pk=environment))
    return _saved(request, row, form)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def environment_remove(request: HttpRequest, project: str, environment: int) -> HttpResponse:
    """Remove an environment that was made by mistake, after a question."""
    found = project_for(request.user, project, at_least=Role.MAINTAINER)
    row = get_object_or_404(Environment.objects.of(found), pk=environment)
    if request.method != "POST":
        return render(request, "deployments/environment_remove.html", {"project": found, "environment": row})
    try:
        services.remove_environment(environment=row)
    except services.HasHistory as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, f"{row.name} is removed.")
    return redirect("settings", project=found.slug)


def _saved(request: HttpRequest, environment: Environment, form: EnvironmentForm) -> HttpResponse:
    services.confirm_environment(environment=environment, now=timezone.now(), **form.cleaned_data)
    messages.success(request, f"{environment.name} was saved.")
    return redirect("settings", project=environment.project.slug)


def _page(
    request: HttpRequest, project: Project, form: EnvironmentForm, environment: Environment | None = None
) -> HttpResponse:
    context = {"project": project, "form": form, "environment": environment}
    return render(request, TEMPLATE, context, status=400 if form.is_bound else 200)
