"""The REST API of this floor: the Deployment Summary of a deployment that has ended."""

import uuid
from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers

from deployments.models import Deployment
from deployments.selectors import token_of
from postdeploy.api import ApiRequest, Endpoint, Refused, StrictSerializer
from postdeploy.openapi import Handler, operation
from reports.exports.schema import schema
from reports.models import DeploymentSummary
from reports.responses import summary_response
from reports.selectors import summary_of

#: A summary is written within one beat of the end.
WRITTEN_WITHIN_SECONDS = 5


class SummaryQuery(StrictSerializer):
    """Query parameters of a summary."""

    version = serializers.IntegerField(
        min_value=1, max_value=2**31 - 1, required=False, help_text="An older version; without it the newest."
    )


class Summary(Endpoint):
    """A deployment's summary in one format."""

    scopes = {"GET": "reports:read"}
    ending: str

    def answer(self, request: ApiRequest, deployment: uuid.UUID) -> HttpResponse:
        """Return the document, or 304."""
        version = self.query(SummaryQuery).get("version")
        return summary_response(request._request, written_summary(request, deployment, version), self.ending)


def _documented(ending: str, name: str, media_type: str, body: Any) -> Callable[[Handler], Handler]:
    return operation(
        f"read_summary_{ending}",
        summary=f"Read a deployment's summary as {name}",
        responses={200: body},
        query=SummaryQuery,
        errors=[404],
        is_conditional=True,
        media_type=media_type,
        description=(
            "Written when the deployment ends and again whenever its content changes, complete when its watch has "
            "ended. The same content gives the same bytes. 404 says when it will be there."
        ),
    )


class SummaryMarkdown(Summary):
    """The summary as Markdown."""

    ending = "md"

    @_documented("md", "Markdown", "text/markdown", OpenApiTypes.STR)
    def get(self, request: ApiRequest, deployment: uuid.UUID) -> HttpResponse:
        """Return it."""
        return self.answer(request, deployment)


class SummaryHtml(Summary):
    """The summary as one HTML file."""

    ending = "html"

    @_documented("html", "one HTML file", "text/html", OpenApiTypes.STR)
    def get(self, request: ApiRequest, deployment: uuid.UUID) -> HttpResponse:
        """Return it."""
        return self.answer(request, deployment)


class SummaryJson(Summary):
    """The summary as JSON."""

    ending = "json"

    @_documented("json", "JSON", "application/json", schema())
    def get(self, request: ApiRequest, deployment: uuid.UUID) -> HttpResponse:
        """Return it."""
        return self.answer(request, deployment)


def written_summary(request: ApiRequest, deployment: uuid.UUID, version: int | None) -> DeploymentSummary:
    """Return the asked version of a summary; Refused (404) says what is missing, and when it will be there."""
    row = Deployment.objects.of(token_of(request).project).filter(pk=deployment).first()
    if row is None:
        raise Refused(404, "There is no such deployment in this token's project.", code="not_found")
    if summary := summary_of(row, version=version):
        return summary
    if not row.is_terminal:
        detail = "This deployment has not ended yet. Its summary will be here within seconds of its end."
        raise Refused(404, detail, code="not_ended")
    if version is not None and (newest := summary_of(row)):
        detail = f"There is no version {version} of this summary; the newest is {newest.version}."
        raise Refused(404, detail, code="no_such_version", newest=newest.version)
    detail = (
        f"This deployment has just ended; its summary is being written. Ask again in {WRITTEN_WITHIN_SECONDS} seconds."
    )
    headers = {"Retry-After": str(WRITTEN_WITHIN_SECONDS)}
    raise Refused(404, detail, code="being_written", headers=headers)
