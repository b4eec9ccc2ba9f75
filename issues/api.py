"""The issue log over REST: read it, open an issue, add an update, move it through the process."""

from typing import Any

from rest_framework.response import Response

from deployments.models import Deployment, Environment, Project, User
from deployments.selectors import project_of, token_of
from issues import selectors, services
from issues.models import Issue
from issues.services import Actor, Conflict, IssueRefused
from issues.shapes import (
    CommentInput,
    EventOutput,
    IssueDetail,
    IssueInput,
    IssueOutput,
    IssuePage,
    IssueQuery,
    MoveInput,
    detail,
    event_facts,
    shown,
)
from postdeploy.api import ApiRequest, Endpoint, Refused, conditional_response, cursor_page, paged_response
from postdeploy.lib import facets
from postdeploy.openapi import operation

READ, WRITE = "reports:read", "issues:write"
ROWS = ("project", "environment", "deployment", "owner")


class Issues(Endpoint):
    """The log."""

    scopes = {"GET": READ, "POST": WRITE}

    @operation("list_issues", summary="List issues", responses={200: IssuePage}, query=IssueQuery, errors=(404,))
    def get(self, request: ApiRequest) -> Response:
        """Answer one page of the issues that the query means, newest first."""
        wanted = self.query(IssueQuery)
        project = _project(request, wanted.get("project"))
        rows = selectors.IssueFilter(
            status=wanted.get("status", ""),
            severity=wanted.get("severity", ""),
            environment=wanted.get("environment", ""),
            deployment=wanted.get("deployment"),
        ).narrow(Issue.objects.of(project))
        for facet in facets.facets("issue"):
            for name in set(facet.filters) & set(wanted):
                rows = _narrowed(facet, rows, name, wanted[name])
        items, following = cursor_page(request, rows.select_related(*ROWS), order=("-id",), filters=wanted)
        return paged_response(request, shown(items, IssueOutput, now=request.now), following)

    @operation("open_issue", summary="Open an issue", request=IssueInput, responses={201: IssueDetail}, errors=(404,))
    def post(self, request: ApiRequest) -> Response:
        """Open an issue that no check and no metric has found."""
        given = self.body(IssueInput)
        project = _project(request, given.pop("project"))
        if "environment" in given:
            given["environment"] = _environment(project, given["environment"])
        if "deployment" in given:
            given["deployment"] = _deployment(project, given["deployment"])
        issue = services.open_issue(project=project, actor=_actor(request), now=request.now, **given)
        return Response(detail(issue, now=request.now), status=201)


class OneIssue(Endpoint):
    """One issue."""

    scopes = {"GET": READ}

    @operation("get_issue", summary="Read an issue", responses={200: IssueDetail}, errors=(404,), is_conditional=True)
    def get(self, request: ApiRequest, issue: str) -> Response:
        """Answer an issue with its sightings and its story."""
        return conditional_response(request, detail(_issue(request, issue), now=request.now))


class IssueComments(Endpoint):
    """The updates of one issue."""

    scopes = {"POST": WRITE}

    @operation(
        "comment_issue", summary="Add an update", request=CommentInput, responses={201: EventOutput}, errors=(404,)
    )
    def post(self, request: ApiRequest, issue: str) -> Response:
        """Add an update to the story of an issue."""
        found = _issue(request, issue)
        text = self.body(CommentInput)["text"]
        event = services.comment(issue_id=found.pk, text=text, actor=_actor(request), now=request.now)
        return Response(EventOutput(event_facts(event)).data, status=201)


class IssueMove(Endpoint):
    """The way of one issue through the process."""

    scopes = {"POST": WRITE}

    @operation("move_issue", summary="Move an issue", request=MoveInput, responses={200: IssueDetail}, errors=(404,))
    def post(self, request: ApiRequest, issue: str) -> Response:
        """Take a step of the resolution process: assess, assign, resolve or reopen. A token cannot verify."""
        found, given = _issue(request, issue), self.body(MoveInput)
        if "owner" in given:
            given["owner"] = _owner(found.project, given["owner"])
        try:
            services.move_issue(issue_id=found.pk, actor=_actor(request), now=request.now, **given)
        except IssueRefused as refused:
            raise _as_problem(refused) from None
        except Conflict as conflict:
            theirs = {name: _plain(name, value) for name, value in conflict.theirs.items()}
            raise Refused(
                409, str(conflict), code="changed", current=theirs, revision=conflict.issue.revision
            ) from None
        return Response(detail(_issue(request, issue), now=request.now))


def _plain(name: str, value: Any) -> str | None:
    return str(value).lower() if name == "status" else str(value) if value else None


def _as_problem(refused: IssueRefused) -> Refused:
    """What is missing is 400, what the process does not allow now 409, what another role may do 403."""
    if refused.is_forbidden:
        return Refused(403, refused.sentence, code="permission_denied")
    error = {"pointer": f"/{refused.field}", "code": "required", "detail": refused.sentence}
    if refused.field == "status":
        return Refused(409, refused.sentence, code="not_now", errors=[error | {"code": "not_now"}])
    return Refused(400, refused.sentence, errors=[error])


def _actor(request: ApiRequest) -> Actor:
    return Actor.token(token_of(request).name)


def _project(request: ApiRequest, slug: str | None) -> Project:
    return token_of(request).project if slug is None else project_of(request, slug)


def _issue(request: ApiRequest, key: str) -> Issue:
    rows = Issue.objects.of(token_of(request).project).select_related(*ROWS)
    found = selectors.find_issue(rows, key)
    if found is None:
        raise Refused(404, f"There is no issue {key[:40]} in this token's project.", code="not_found")
    return found


def _narrowed(facet: facets.Facet, rows: Any, name: str, value: str) -> Any:
    try:
        return facet.narrow(rows, name, value)
    except ValueError as error:
        problem = {"parameter": name, "code": "invalid", "detail": str(error)}
        raise Refused(400, str(error), errors=[problem]) from None


def _environment(project: Project, name: str) -> Environment:
    found = project.environments.filter(name=name).first()
    if found is None:
        known = ", ".join(project.environments.values_list("name", flat=True)) or "none"
        raise _refused_field("environment", f"There is no environment “{name}”; known: {known}.")
    return found


def _deployment(project: Project, key: Any) -> Deployment:
    found = project.deployments.select_related("environment").filter(pk=key).first()
    if found is None:
        raise _refused_field("deployment", "There is no such deployment in this project.")
    return found


def _owner(project: Project, name: str) -> User:
    rows = User.objects.filter(memberships__project=project, is_active=True)
    found = rows.filter(username=name).first() or rows.filter(email__iexact=name).first()
    if found is None:
        raise _refused_field("owner", f"“{name}” is not a member of {project.name}.")
    return found


def _refused_field(field: str, sentence: str) -> Refused:
    error = {"pointer": f"/{field}", "code": "unknown", "detail": sentence}
    return Refused(400, sentence, errors=[error])
