"""What the views of this floor share: rights and rows a person may see."""

from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest

from deployments.models import Environment, Project, Role
from deployments.selectors import project_for, role_in
from monitoring.models import HealthCheck


def rights(request: HttpRequest, project: Project) -> dict[str, Any]:
    """Return what the person may do, as templates ask it."""
    role = role_in(project, request.user)
    return {"may_work": role.covers(Role.RESPONDER), "may_maintain": role.covers(Role.MAINTAINER)}


def environments_of(request: HttpRequest, project: Project) -> QuerySet[Environment]:
    """Return the project's environments the person sees."""
    return Environment.objects.visible_to(request.user).of(project).select_related("project")


def found_check(
    request: HttpRequest, project: str, check: int, at_least: Role = Role.VIEWER
) -> tuple[Project, HealthCheck]:
    """Return the project and the check, or 404."""
    found = project_for(request.user, project, at_least=at_least)
    rows = HealthCheck.objects.visible_to(request.user).of(found).select_related("environment__project")
    row = rows.filter(pk=check).first()
    if row is None:
        raise Http404("No such check.")
    return found, row
