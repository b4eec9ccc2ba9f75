"""Pages of objectives: what was promised, how much of the error budget is left, and the form."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from deployments.models import Project, Role
from deployments.selectors import project_for
from monitoring import services
from monitoring.forms.rules import ObjectiveForm
from monitoring.models import Objective
from monitoring.selectors.budgets import objectives_page, objectives_sentence
from monitoring.views.common import environments_of, rights


def _found(request: HttpRequest, project: str, objective: int) -> tuple[Project, Objective]:
    found = project_for(request.user, project, at_least=Role.MAINTAINER)
    rows = Objective.objects.visible_to(request.user).of(found).select_related("environment__project", "health_check")
    row = rows.filter(pk=objective).first()
    if row is None:
        raise Http404("No such objective.")
    return found, row


@login_required
@require_safe
def objectives(request: HttpRequest, project: str) -> HttpResponse:
    """The list of objectives with the budget that is left of each."""
    found, now = project_for(request.user, project), timezone.now()
    objectives = Objective.objects.visible_to(request.user).of(found)
    sheet = objectives_page(objectives, page=request.GET.get("page", ""), now=now)
    context = {
        "project": found,
        "rows": sheet.rows,
        "sheet": sheet,
        "sentence": objectives_sentence(sheet),
        "has_environments": environments_of(request, found).exists(),
        "now": now,
        **rights(request, found),
    }
    return render(request, "monitoring/objectives.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def objective_add(request: HttpRequest, project: str) -> HttpResponse:
    """Add an objective."""
    found = project_for(request.user, project, at_least=Role.MAINTAINER)
    form = ObjectiveForm(found, environments_of(request, found), request.POST or None)
    return _edit(request, found, form, None)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def objective_edit(request: HttpRequest, project: str, objective: int) -> HttpResponse:
    """Change an objective."""
    found, row = _found(request, project, objective)
    form = ObjectiveForm(found, environments_of(request, found), request.POST or None, objective=row)
    return _edit(request, found, form, row)


def _edit(request: HttpRequest, project: Project, form: ObjectiveForm, row: Objective | None) -> HttpResponse:
    status = 200
    if form.is_bound:
        if form.is_valid() and (saved := _saved(form, row)):
            messages.success(request, f"{saved.name} is saved.")
            return redirect("objectives", project=project.slug)
        status = 400
    context: dict[str, Any] = {"project": project, "form": form, "objective": row}
    return render(request, "monitoring/objective_form.html", context, status=status)


def _saved(form: ObjectiveForm, row: Objective | None) -> Objective | None:
    given = dict(form.cleaned_data)
    guard, now = given.pop("guard", False), timezone.now()
    try:
        saved = services.save_objective(now=now, objective=row, **given)
    except ValidationError as error:
        form.refuse(error)
        return None
    if guard:
        services.guard_objective(objective=saved, now=now)
    return saved


@login_required
@require_POST
def objective_guard(request: HttpRequest, project: str, objective: int) -> HttpResponse:
    """Guard the budget of an objective with its two ready-made rules."""
    found, row = _found(request, project, objective)
    if services.guard_objective(objective=row, now=timezone.now()):
        messages.success(request, f"The budget of {row.name} is guarded: one rule for a fast burn, one for a slow one.")
    return redirect("objectives", project=found.slug)


@login_required
@require_POST
def objective_delete(request: HttpRequest, project: str, objective: int) -> HttpResponse:
    """Delete an objective with the rules that guard it."""
    found, row = _found(request, project, objective)
    services.delete_objective(objective=row)
    messages.success(request, f"{row.name} was deleted, with the rules that guarded its budget.")
    return redirect("objectives", project=found.slug)
