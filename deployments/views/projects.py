"""The project itself: making one, and its settings."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from deployments import services
from deployments.forms import MemberForm, NewProjectForm, ProjectForm
from deployments.models import Environment, Membership, Project, Role, User
from deployments.selectors import project_for, role_in


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def project_add(request: HttpRequest) -> HttpResponse:
    """Make a project and become its owner; for administrators."""
    user = request.user
    if not isinstance(user, User) or not user.is_superuser:
        raise PermissionDenied("Projects are made by an administrator.")
    form = NewProjectForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return render(request, "deployments/project_add.html", {"form": form}, status=400 if form.is_bound else 200)
    project = services.create_project(owner=user, now=timezone.now(), **form.cleaned_data)
    messages.success(request, f"{project.name} was made. Next: a token for its pipeline.")
    return redirect("tokens", project=project.slug)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def settings(request: HttpRequest, project: str) -> HttpResponse:
    """The project, its environments and its people; an owner changes the project here."""
    needed = Role.OWNER if request.method == "POST" else Role.VIEWER
    found = project_for(request.user, project, at_least=needed)
    if request.method != "POST":
        return settings_page(request, found)
    form = ProjectForm(request.POST, instance=Project.objects.get(pk=found.pk))
    if not form.is_valid():
        return settings_page(request, found, project_form=form)
    services.edit_project(project=found, **form.cleaned_data)
    messages.success(request, "The project was saved.")
    return redirect("settings", project=found.slug)


def settings_page(
    request: HttpRequest,
    project: Project,
    *,
    project_form: ProjectForm | None = None,
    member_form: MemberForm | None = None,
) -> HttpResponse:
    """Render the settings as far as the person may use them; a bound form brings its faults along."""
    role = role_in(project, request.user)
    is_owner = role.covers(Role.OWNER)
    context = {
        "project": project,
        "role": role,
        "environments": Environment.objects.of(project),
        "members": Membership.objects.of(project).select_related("user"),
        "may_edit_environments": role.covers(Role.MAINTAINER),
        "may_edit_project": is_owner,
        "roles": Role.choices if is_owner else (),
        "project_form": (project_form or ProjectForm(instance=project)) if is_owner else None,
        "member_form": (member_form or MemberForm()) if is_owner else None,
    }
    has_faults = any(form is not None and form.errors for form in (project_form, member_form))
    return render(request, "deployments/settings.html", context, status=400 if has_faults else 200)
