"""Reads of this floor, and the one door through which pages find a project."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest

from deployments.models import ApiToken, Deployment, DeploymentQuerySet, Membership, Project, Role
from deployments.tokens import BadToken, digest_of, sent_token
from postdeploy.api import ApiRequest, Refused


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


def token_of(request: ApiRequest) -> ApiToken:
    """Return the token that the request was signed in with."""
    assert isinstance(request.auth, ApiToken)
    return request.auth


def digest_sent(request: HttpRequest, *, may_be_password: bool) -> str | None:
    """Return by which digest the token of a request is found; None without one, Refused (401) for what is none."""
    query = request.META.get("QUERY_STRING", "")
    try:
        text = sent_token(request.headers.get("Authorization", ""), query, may_be_password=may_be_password)
    except BadToken as error:
        raise Refused(401, str(error), code="authentication_failed") from None
    return None if text is None else digest_of(text)


def project_of(request: ApiRequest, slug: str) -> Project:
    """Return the project if the token may use it; Refused (404) naming those that it may."""
    own = token_of(request).project
    if own.slug == slug:
        return own
    detail = f"There is no project “{slug}” that this token may use. It may use: {own.slug}."
    raise Refused(404, detail, code="unknown_project", projects=[own.slug])


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


@dataclass(frozen=True)
class TokenRow:
    """A token as its list shows it: `state` is usable, expired or revoked."""

    token: ApiToken
    state: str


def token_rows(project: Project, *, now: datetime) -> list[TokenRow]:
    """Return the tokens of `project`: the usable ones first, the latest first in each group."""
    tokens = ApiToken.objects.of(project).select_related("created_by")
    rows = [TokenRow(token, _token_state(token, now)) for token in tokens]
    return sorted(rows, key=lambda row: row.state != "usable")


def _token_state(token: ApiToken, now: datetime) -> str:
    if token.revoked_at:
        return "revoked"
    return "usable" if token.is_usable(at=now) else "expired"


def report_command(project: Project, *, token: str) -> str:
    """Return the line that reports a deployment of `project` from a pipeline, with this installation's address."""
    body = {"project": project.slug, "environment": "production", "version": "1.0.0", "status": "succeeded"}
    return (
        f"curl -fsS -X POST {settings.SITE_URL}/api/v1/deployments \\\n"
        f'  -H "Authorization: Bearer {token}" -H "Content-Type: application/json" \\\n'
        f"  -d '{json.dumps(body)}'"
    )
