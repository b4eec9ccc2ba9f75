"""What several pages of this floor share."""

from typing import Any, cast

from django.http import Http404, HttpRequest

from deployments.models import Project, Role, User
from deployments.selectors import role_in
from issues.models import Issue
from issues.services import Actor

ISSUE_ROWS = ("project", "environment__policy", "deployment", "owner")


def person(request: HttpRequest) -> User:
    """Return who is signed in."""
    return cast(User, request.user)


def actor(request: HttpRequest, project: Project) -> Actor:
    """Return who acts, in their role."""
    user = person(request)
    return Actor.person(user, role_in(project, user))


def issue_or_404(request: HttpRequest, project: Project, reference: str) -> Issue:
    """Return the issue that `reference` (SHOP-142) names in `project`; its prefix in any case."""
    prefix, _, number = reference.rpartition("-")
    rows = Issue.objects.visible_to(request.user).of(project).select_related(*ISSUE_ROWS)
    if prefix.upper() != project.issue_prefix or not (number.isascii() and number.isdigit()) or len(number) > 9:
        raise Http404("No such issue.")
    found = rows.filter(number=int(number)).first()
    if found is None:
        raise Http404("No such issue.")
    return found


def rights(request: HttpRequest, project: Project) -> dict[str, Any]:
    """Return what the template needs to know of the reader's role."""
    role = role_in(project, request.user)
    return {
        "role": role.value,
        "may_work": role.covers(Role.RESPONDER),
        "may_maintain": role.covers(Role.MAINTAINER),
    }
