"""Reads of this floor, and the one door through which pages find a project."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404

from deployments.models import Membership, Project, Role


def project_for(user: Any, slug: str, *, at_least: Role = Role.VIEWER) -> Project:
    """Return the project `slug` if `user` may see it.

    Raises Http404 when it does not exist or is not the user's (the two look the same from outside), and
    PermissionDenied when the user's role is weaker than `at_least`.
    """
    project = Project.objects.visible_to(user).filter(slug=slug).first()
    if project is None:
        raise Http404("No such project.")
    if not role_in(project, user).covers(at_least):
        raise PermissionDenied(f"This needs the role {at_least.label} in {project.name}.")
    return project


def role_in(project: Project, user: Any) -> Role:
    """Return the role of `user`, who can see `project`; a superuser owns every project."""
    if user.is_superuser:
        return Role.OWNER
    return Role(Membership.objects.get(project=project, user=user).role)
