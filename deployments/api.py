"""The REST API of deployments: each operation parses, authorises, makes one call and answers."""

import uuid
from typing import Any

from django.db.models import QuerySet
from rest_framework.response import Response

from deployments import services
from deployments.models import Deployment, DeploymentQuerySet, DeploymentStatus
from deployments.selectors import project_of, token_of
from deployments.services import Claim, Disagrees, Reported
from deployments.shapes import (
    CancelInput,
    ChangesOutput,
    DeploymentDetail,
    DeploymentOutput,
    DeploymentsOutput,
    DeploymentsQuery,
    FinishInput,
    NewChangesInput,
    ReportInput,
    RollbackInput,
    StartInput,
    api_address,
    changes_of,
    detail_of,
    facts_of,
    report_of,
    shown,
)
from postdeploy.api import ApiRequest, Endpoint, Refused, conditional_response, cursor_page, paged_response
from postdeploy.lib.facets import describe, facets
from postdeploy.openapi import operation

READ, WRITE = "deployments:read", "deployments:write"
NEWEST_FIRST = ("-occurred_at", "-id")


class Deployments(Endpoint):
    """All deployments of the token's project."""

    scopes = {"GET": READ, "POST": WRITE}

    @operation(
        "report_deployment",
        summary="Report a deployment",
        request=ReportInput,
        responses={201: DeploymentDetail, 200: DeploymentDetail},
        errors=[404],
        description=(
            "201 for a first report, 200 for a repeat of the same `project`, `source` and `external_id`. A repeat may "
            "carry the next status; 409 if it says something else than before. With `status: succeeded` a finished "
            "deployment is reported in one call."
        ),
    )
    def post(self, request: ApiRequest) -> Response:
        """Store the report."""
        values = self.body(ReportInput)
        project = project_of(request, values.pop("project"))
        try:
            reported = services.report_deployment(project=project, report=report_of(values), now=request.now)
        except Disagrees as error:
            raise disagreement(error) from None
        return reported_response(request, reported)

    @operation(
        "list_deployments",
        summary="List deployments, the latest first",
        query=DeploymentsQuery,
        responses={200: DeploymentsOutput},
        errors=[404],
    )
    def get(self, request: ApiRequest) -> Response:
        """Return one page."""
        filters = self.query(DeploymentsQuery)
        rows = narrowed(deployments_for(request), request, filters)
        items, next_cursor = cursor_page(request, rows, order=NEWEST_FIRST, filters=filters)
        added = describe("deployment", items, now=request.now)
        return paged_response(
            request, [DeploymentOutput(facts_of(row, added[row.pk])).data for row in items], next_cursor
        )


class OneDeployment(Endpoint):
    """One deployment."""

    scopes = {"GET": READ}

    @operation(
        "read_deployment",
        summary="Read a deployment",
        responses={200: DeploymentDetail},
        errors=[404],
        is_conditional=True,
    )
    def get(self, request: ApiRequest, deployment: uuid.UUID) -> Response:
        """Return it with its changes and events."""
        return conditional_response(request, detail(request, deployment_of(request, deployment)))


class Start(Endpoint):
    """The start of a deployment."""

    scopes = {"POST": WRITE}

    @operation(
        "start_deployment",
        summary="Say that a deployment has started",
        request=StartInput,
        responses={200: DeploymentDetail},
        errors=[404],
    )
    def post(self, request: ApiRequest, deployment: uuid.UUID) -> Response:
        """Store the start; after the end it is kept and changes nothing but an unknown start."""
        values = self.body(StartInput)
        claim = Claim(DeploymentStatus.RUNNING, values.get("started_at"))
        return self.recorded(request, deployment, [claim])

    def recorded(self, request: ApiRequest, deployment: uuid.UUID, claims: list[Claim]) -> Response:
        """Store what was reached and answer the deployment."""
        row = deployment_of(request, deployment)
        return Response(detail(request, services.record_status(deployment=row, claims=claims, now=request.now)))


class Finish(Start):
    """The end of a deployment."""

    @operation(
        "finish_deployment",
        summary="Say how a deployment has ended",
        request=FinishInput,
        responses={200: DeploymentDetail},
        errors=[404],
        description="Its watch begins with `succeeded`. Of two different ends the later one counts.",
    )
    def post(self, request: ApiRequest, deployment: uuid.UUID) -> Response:
        """Store the end."""
        values = self.body(FinishInput)
        claims = [Claim(DeploymentStatus.RUNNING, values["started_at"])] if "started_at" in values else []
        claims.append(Claim(DeploymentStatus(values["status"].upper()), values.get("finished_at")))
        return self.recorded(request, deployment, claims)


class Cancel(Endpoint):
    """The giving up of a deployment."""

    scopes = {"POST": WRITE}

    @operation(
        "cancel_deployment",
        summary="Say that a deployment was given up",
        request=CancelInput,
        responses={200: DeploymentDetail},
        errors=[404],
        description="409 if it has succeeded or failed before.",
    )
    def post(self, request: ApiRequest, deployment: uuid.UUID) -> Response:
        """Store the end."""
        at = self.body(CancelInput).get("finished_at")
        row = deployment_of(request, deployment)
        try:
            row = services.cancel_deployment(deployment=row, at=at, now=request.now)
        except services.AlreadyEnded as error:
            raise Refused(409, f"{error} What has ended cannot be cancelled.", code="already_ended") from None
        return Response(detail(request, row))


class Rollback(Endpoint):
    """The roll-back of a deployment."""

    scopes = {"POST": WRITE}

    @operation(
        "roll_back_deployment",
        summary="Report the roll-back of a deployment",
        request=RollbackInput,
        responses={201: DeploymentDetail, 200: DeploymentDetail},
        errors=[404],
        description=(
            "A roll-back is a deployment of its own, of the same environment: answered here, and started and finished "
            "like any other. 409 if no version is given and none was live before."
        ),
    )
    def post(self, request: ApiRequest, deployment: uuid.UUID) -> Response:
        """Store the roll-back as a new deployment."""
        values = self.body(RollbackInput)
        row = deployment_of(request, deployment)
        report = report_of(values, environment=row.environment.name, version=values.get("version", ""))
        try:
            reported = services.roll_back(deployment=row, report=report, now=request.now)
        except services.NoEarlierVersion:
            detail = "No other version was live in this environment before; name one in `version`."
            raise Refused(409, detail, code="no_earlier_version") from None
        except Disagrees as error:
            raise disagreement(error) from None
        return reported_response(request, reported)


class Changes(Endpoint):
    """What a deployment changed."""

    scopes = {"GET": READ, "POST": WRITE}

    @operation("list_changes", summary="Read what a deployment changed", responses={200: ChangesOutput}, errors=[404])
    def get(self, request: ApiRequest, deployment: uuid.UUID) -> Response:
        """Return all changes."""
        return Response(ChangesOutput(deployment_of(request, deployment)).data)

    @operation(
        "add_changes",
        summary="Add what a deployment changed",
        request=NewChangesInput,
        responses={201: ChangesOutput},
        errors=[404],
    )
    def post(self, request: ApiRequest, deployment: uuid.UUID) -> Response:
        """Store more changes and answer all of them."""
        values = self.body(NewChangesInput)
        row = deployment_of(request, deployment)
        services.add_changes(deployment=row, **changes_of(values))
        return Response(ChangesOutput(row).data, status=201)


def deployments_for(request: ApiRequest) -> DeploymentQuerySet:
    """Return the deployments that the token may see, with what an answer needs of them."""
    return Deployment.objects.of(token_of(request).project).select_related("project", "environment")


def deployment_of(request: ApiRequest, pk: uuid.UUID) -> Deployment:
    """Return the deployment; Refused (404) when there is none that the token may see."""
    row = deployments_for(request).filter(pk=pk).first()
    if row is None:
        raise Refused(404, "There is no such deployment in this token's project.", code="not_found")
    return row


def narrowed(rows: QuerySet[Deployment], request: ApiRequest, filters: dict[str, Any]) -> QuerySet[Deployment]:
    """Return `rows`, which are of the token's project, filtered as asked.

    Raises Refused for an unknown project and for a word that a filter does not know.
    """
    if "project" in filters:
        project_of(request, filters["project"])
    lookups = {"environment": "environment__name__iexact", "status": "status", "version": "version"}
    rows = rows.filter(**{lookups[name]: filters[name] for name in lookups if name in filters})
    for facet in facets("deployment"):
        for name in facet.filters.keys() & filters.keys():
            try:
                rows = facet.narrow(rows, name, filters[name])
            except ValueError as error:
                errors = [{"parameter": name, "code": "invalid_choice", "detail": str(error)}]
                raise Refused(400, f"{name}: {error}", errors=errors) from None
    return rows


def detail(request: ApiRequest, row: Deployment) -> dict[str, Any]:
    """Return the full answer for one deployment."""
    added = describe("deployment", [row], now=request.now)[row.pk]
    return dict(DeploymentDetail(detail_of(row, added)).data)


def reported_response(request: ApiRequest, reported: Reported) -> Response:
    """Answer 201 for a first report, 200 for a repeat."""
    row = deployment_of(request, reported.deployment.pk)
    status = 201 if reported.is_first else 200
    return Response(detail(request, row), status=status, headers={"Location": api_address(row)})


def disagreement(error: Disagrees) -> Refused:
    """Return the 409 that names each field which a repeat says otherwise."""
    errors = [
        {"pointer": f"/{name}", "code": "disagrees", "detail": f"Was reported as {shown(before)} first."}
        for name, (before, _) in error.fields.items()
    ]
    detail = f"This deployment was reported before, with another {', '.join(error.fields)}. Nothing was changed."
    return Refused(409, detail, code="disagrees", errors=errors, deployment=str(error.deployment.pk))
