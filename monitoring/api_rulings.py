"""The REST API of rulings: what people said of a verdict, and saying it."""

import uuid
from typing import Any

from django.core.exceptions import ValidationError
from rest_framework import serializers
from rest_framework.response import Response

from deployments.models import Deployment
from deployments.selectors import token_of
from monitoring import services
from monitoring.models import Ruling, RulingKind
from postdeploy.api import (
    ApiRequest,
    Choice,
    Endpoint,
    Line,
    Moment,
    PageQuery,
    Refused,
    StrictSerializer,
    Word,
    cursor_page,
    field_faults,
    paged_response,
)
from postdeploy.openapi import operation

READ, WRITE = "deployments:read", "issues:write"


class RulingsQuery(PageQuery):
    """Which rulings to list."""

    which = Choice(
        ("current", "all"), default="current", help_text="`all`: also those that were replaced or withdrawn."
    )


class RulingOutput(serializers.ModelSerializer[Ruling]):
    """What somebody said of a deployment, or of one finding of it."""

    finding = serializers.CharField(source="key", allow_blank=True, help_text="Its key; empty: the whole deployment.")
    kind = Word(RulingKind, help_text="`us`: it truly got worse through it; `expected`: that was wanted.")
    by = serializers.CharField(source="who")
    at = Moment()
    replaced_at = Moment(allow_null=True, help_text="Empty while it stands.")

    class Meta:
        model = Ruling
        fields = ["id", "finding", "kind", "reason", "by", "at", "replaced_at"]


class RulingsOutput(serializers.Serializer[Any]):
    """One page of rulings, the latest first."""

    items = RulingOutput(many=True)
    next = serializers.CharField(allow_null=True, help_text="The `cursor` of the next page.")


class RulingInput(StrictSerializer):
    """A ruling; the one before it becomes history."""

    kind = Word(RulingKind)
    reason = Line(max_length=500)
    finding = Line(
        required=False,
        allow_blank=True,
        max_length=200,
        help_text="Its key, such as `metric:cpu_usage`. Empty: all of it.",
    )


class Rulings(Endpoint):
    """What people said of one deployment's verdict."""

    scopes = {"GET": READ, "POST": WRITE}

    @operation(
        "list_rulings", summary="List rulings on a deployment", query=RulingsQuery, responses={200: RulingsOutput},
        errors=[404],
    )  # fmt: skip
    def get(self, request: ApiRequest, deployment: uuid.UUID) -> Response:
        """Return one page."""
        filters = self.query(RulingsQuery)
        rows = Ruling.objects.filter(deployment=self._deployment(request, deployment)).select_related("by")
        rows = rows if filters["which"] == "all" else rows.current()
        items, next_cursor = cursor_page(request, rows, order=("-id",), filters=filters)
        return paged_response(request, list(RulingOutput(items, many=True).data), next_cursor)

    @operation(
        "add_ruling",
        summary="Rule on a deployment or a finding",
        request=RulingInput,
        responses={201: RulingOutput},
        errors=[404],
        description="The same ruling again changes nothing. Rulings say how right verdicts were; they change none.",
    )
    def post(self, request: ApiRequest, deployment: uuid.UUID) -> Response:
        """Keep a ruling."""
        given = self.body(RulingInput)
        try:
            ruling = services.rule(
                deployment=self._deployment(request, deployment),
                kind=given["kind"],
                reason=given["reason"],
                key=given.get("finding", ""),
                token_name=token_of(request).name,
                now=request.now,
            )
        except ValidationError as error:
            raise field_faults(error, {"key": "finding", "deployment": "non_field_errors"}) from None
        return Response(RulingOutput(ruling).data, status=201)

    def _deployment(self, request: ApiRequest, pk: uuid.UUID) -> Deployment:
        row = Deployment.objects.of(token_of(request).project).filter(pk=pk).first()
        if row is None:
            raise Refused(404, "There is no such deployment in this token's project.", code="not_found")
        return row
