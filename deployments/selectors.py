"""Reads of this floor, and the one door through which pages find a project."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404

from deployments.models import Deployment, DeploymentQuerySet, Membership, Project, Role


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


def live_before(deployment: Deployment) -> Deployment | None:
    """Return the deployment that was live in the environment when this one came: the latest success before it."""
    return _successes_before(deployment).first()


def other_version_before(deployment: Deployment) -> Deployment | None:
    """Return the latest success before this one that was of another version: what a roll-back brings back."""
    return _successes_before(deployment).exclude(version=deployment.version).first()


def _successes_before(deployment: Deployment) -> DeploymentQuerySet:
    """Successes of the environment before the latest known time of `deployment`, the latest first."""
    rows = Deployment.objects.succeeded().filter(environment=deployment.environment_id)
    earlier = rows.filter(finished_at__lt=deployment.occurred_at).exclude(pk=deployment.pk)
    return earlier.order_by("-finished_at", "-pk")
