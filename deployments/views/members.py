"""Who works on a project, for its owners."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from deployments import services
from deployments.forms import MemberForm, RoleForm
from deployments.models import Membership, Project, Role
from deployments.selectors import project_for
from deployments.views.projects import settings_page

LAST_OWNER = "A project keeps at least one owner. Make somebody else an owner first."


@login_required
@require_POST
def member_add(request: HttpRequest, project: str) -> HttpResponse:
    """Let somebody work on the project."""
    found = project_for(request.user, project, at_least=Role.OWNER)
    form = MemberForm(request.POST)
    if not form.is_valid():
        return settings_page(request, found, member_form=form)
    person, role = form.cleaned_data["person"], Role(form.cleaned_data["role"])
    membership = services.add_member(project=found, person=person, role=role, now=timezone.now())
    if membership.role == role:
        messages.success(request, f"{person.display_name} is a member now: {role.label}.")
    else:
        known = membership.get_role_display()
        messages.info(request, f"{person.display_name} is a member already: {known}. Change the role in the list.")
    return _back(found)


@login_required
@require_POST
def member_role(request: HttpRequest, project: str, member: int) -> HttpResponse:
    """Give a member another role."""
    found, membership = _found(request, project, member)
    form = RoleForm(request.POST)
    if not form.is_valid():
        messages.error(request, "There is no such role.")
        return _back(found)
    try:
        services.change_role(membership=membership, role=Role(form.cleaned_data["role"]))
    except services.LastOwner:
        messages.error(request, LAST_OWNER)
    else:
        messages.success(request, f"{membership.user.display_name}: {membership.get_role_display()}.")
    return _back(found)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def member_remove(request: HttpRequest, project: str, member: int) -> HttpResponse:
    """End a membership, after a question."""
    found, membership = _found(request, project, member)
    if request.method != "POST":
        return render(request, "deployments/member_remove.html", {"project": found, "membership": membership})
    try:
        services.remove_member(membership=membership)
    except services.LastOwner:
        messages.error(request, LAST_OWNER)
    else:
        messages.success(request, f"{membership.user.display_name} is not a member any more.")
    return _back(found)


def _found(request: HttpRequest, project: str, member: int) -> tuple[Project, Membership]:
    found = project_for(request.user, project, at_least=Role.OWNER)
    return found, get_object_or_404(Membership.objects.of(found).select_related("user"), pk=member)


def _back(project: Project) -> HttpResponse:
    return redirect("settings", project=project.slug)
