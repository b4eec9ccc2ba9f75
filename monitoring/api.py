"""The REST API of this floor: the gate, samples of metrics, and the list of checks."""

import math
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.response import Response

from deployments.models import Deployment
from deployments.selectors import project_of, token_of
from deployments.services import ensure_environment
from monitoring import services
from monitoring.facets import STATES, WatchOutput, verdict_facts, watch_facts
from monitoring.formats import samples as formats
from monitoring.models import CheckState, Finding, FindingResult, HealthCheck
from monitoring.selectors import checks_for_api, findings_of_verdict, planned_watches, watch_states
from monitoring.watch import UNTIL, WatchState
from postdeploy.api import (
    ApiRequest,
    Endpoint,
    Flag,
    Line,
    Moment,
    PageQuery,
    Refused,
    StrictSerializer,
    Word,
    cursor_page,
    etag_of,
    not_modified,
    paged_response,
)
from postdeploy.openapi import operation

#: A pipeline that waits asks again after so many seconds at the most: an outage decides between two looks.
LONGEST_WAIT = 10
READ, WRITE = "deployments:read", "metrics:write"


# --- the gate ---------------------------------------------------------------------------------------------------------


class GateQuery(StrictSerializer):
    """Which answer to wait for."""

    until = serializers.ChoiceField(
        UNTIL,
        default="initial",
        help_text="`initial`: the verdict on the initial period; `extended`: on the whole watch.",
    )


class FindingOutput(serializers.ModelSerializer[Finding]):
    """What happened to one metric or check."""

    result = Word(FindingResult)

    class Meta:
        model = Finding
        fields = ["key", "name", "result", "is_critical", "sentence"]


class GateOutput(serializers.Serializer[Any]):
    """What is known of a deployment, and whether that is a verdict."""

    deployment = serializers.UUIDField()
    until = serializers.ChoiceField(UNTIL)
    state = serializers.ChoiceField(STATES)
    is_final = serializers.BooleanField(help_text="True when `state` is a verdict, or when there will be none.")
    so_far = serializers.ChoiceField(
        ["healthy", "degraded", "failed", "inconclusive", "blind"],
        allow_null=True,
        help_text="While watching: what the latest look leans to. Not a clearance.",
    )
    sentence = serializers.CharField()
    decided_at = Moment(allow_null=True)
    next_look_at = Moment(allow_null=True)
    watch = WatchOutput()
    findings = FindingOutput(many=True, help_text="What matters most first.")


class Gate(Endpoint):
    """The verdict of one deployment, cheap to ask again and again."""

    scopes = {"GET": READ}

    @operation(
        "read_verdict",
        summary="Ask for a deployment's verdict",
        query=GateQuery,
        responses={200: GateOutput},
        errors=[404],
        is_conditional=True,
        description=(
            "Answers at once. While `is_final` is false ask again after `Retry-After` seconds, with the `ETag` you "
            "have in `If-None-Match`. Only `healthy` clears a deployment: `inconclusive` and `blind` say that it could "
            "not be judged."
        ),
    )
    def get(self, request: ApiRequest, deployment: uuid.UUID) -> Response:
        """Return what is known; 304 if that is what the caller has."""
        until = self.query(GateQuery)["until"]
        row = self.deployment(request, deployment)
        state = watch_states([row], request.now, until=until)[row.pk]
        facts = _gate_facts(row, state, until)
        headers = {"ETag": etag_of(facts | {"verdict": state.verdict_id})} | _retry(state, request.now)
        if not_modified(request, headers["ETag"]):
            return Response(status=304, headers=headers)
        findings = findings_of_verdict(state.verdict_id)
        return Response(GateOutput(facts | {"findings": findings}).data, headers=headers)

    def deployment(self, request: ApiRequest, pk: uuid.UUID) -> Deployment:
        """Return the deployment; Refused (404) when there is none that the token may see."""
        rows = Deployment.objects.of(token_of(request).project).select_related("environment")
        row = rows.filter(pk=pk).first()
        if row is None:
            raise Refused(404, "There is no such deployment in this token's project.", code="not_found")
        return row


def _gate_facts(deployment: Deployment, state: WatchState, until: str) -> dict[str, Any]:
    plan = None if state.initial else planned_watches([deployment]).get(deployment.pk)
    return {
        "deployment": deployment.pk,
        "until": until,
        "so_far": state.so_far,
        "watch": watch_facts(state, plan),
        **verdict_facts(state),
    }


def _retry(state: WatchState, now: datetime) -> dict[str, str]:
    if state.is_final:
        return {}
    wait = (state.next_look_at - now).total_seconds() if state.next_look_at else LONGEST_WAIT / 2
    return {"Retry-After": str(min(max(math.ceil(wait), 1), LONGEST_WAIT))}


# --- metrics ----------------------------------------------------------------------------------------------------------


class SampleInput(StrictSerializer):
    """One sample."""

    metric = Line(max_length=formats.MAX_KEY, help_text="Its key; one that was never named is made.")
    value = serializers.FloatField()
    at = Moment(required=False, help_text="Now, if left out.")
    labels = serializers.DictField(child=Line(max_length=formats.MAX_LABEL), required=False)
    unit = Line(required=False, max_length=formats.MAX_UNIT, help_text="Counts when the metric is made.")


class Rows(serializers.ListField):
    """Samples in rows: described by `SampleInput`, read by `formats.samples`, which is fifty times faster."""

    child = SampleInput()

    def to_internal_value(self, data: Any) -> list[Any]:
        """Return the rows as they were sent."""
        return _list_of(self, data)


class Column(serializers.ListField):
    """One column of samples, read by `formats.samples`."""

    def to_internal_value(self, data: Any) -> list[Any]:
        """Return the column as it was sent."""
        return _list_of(self, data)


def _list_of(field: serializers.ListField, data: Any) -> list[Any]:
    if not isinstance(data, list):
        field.fail("not_a_list", input_type=type(data).__name__)
    if len(data) > formats.MAX_SAMPLES:
        sentence = f"Has {len(data):,} samples; send at most {formats.MAX_SAMPLES:,} at once."
        raise serializers.ValidationError(sentence, code="max_length")
    return data


class MetricsInput(StrictSerializer):
    """Samples of one environment, in rows (`samples`) or in columns (`metric`, `value`, `at`)."""

    project = Line(max_length=60)
    environment = Line(max_length=100, help_text="One that was never named is created.")
    samples = Rows(required=False, max_length=formats.MAX_SAMPLES)
    metric = Column(required=False, child=Line(max_length=formats.MAX_KEY), max_length=formats.MAX_SAMPLES)
    value = Column(required=False, child=serializers.FloatField(), max_length=formats.MAX_SAMPLES)
    at = Column(required=False, child=Moment(), max_length=formats.MAX_SAMPLES)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Read the samples into `points`."""
        columns = {name: attrs[name] for name in formats.COLUMNS if name in attrs}
        if ("samples" in attrs) == bool(columns):
            raise serializers.ValidationError(
                "Give samples, or the columns metric, value and at; not both.", code="required"
            )
        if columns and not {"metric", "value"} <= columns.keys():
            raise serializers.ValidationError("The columns metric and value are needed.", code="required")
        now = self.context["now"]
        try:
            points = formats.points_of_columns(columns, now=now) if columns else self._points(attrs, now)
        except formats.Refused as refused:
            raise serializers.ValidationError(_nested(refused)) from None
        return {**attrs, "points": points}

    def _points(self, attrs: Mapping[str, Any], now: datetime) -> list[formats.Point]:
        return formats.points_of_rows(attrs["samples"], now=now)


def _nested(refused: formats.Refused) -> dict[str, Any]:
    """The faults as DRF nests them: field, then place, then field."""
    errors: dict[str, Any] = {}
    for fault in refused.faults:
        inner = errors
        for part in fault.path[:-1]:
            inner = inner.setdefault(str(part), {})
        inner.setdefault(str(fault.path[-1]), []).append(serializers.ErrorDetail(fault.sentence, code="invalid"))
    return errors


class MetricsOutput(serializers.Serializer[Any]):
    """What became of the samples."""

    accepted = serializers.IntegerField(help_text="Samples that are stored now.")
    known = serializers.IntegerField(help_text="Samples of a series and time that had been stored before.")


class Metrics(Endpoint):
    """Samples of metrics."""

    scopes = {"POST": WRITE}
    max_body_bytes = 4 * 1024 * 1024

    @operation(
        "send_metrics",
        summary="Send samples of metrics",
        request=MetricsInput,
        responses={202: MetricsOutput},
        errors=[404],
        description=(
            "All or nothing: a sample that cannot be accepted refuses the request and is named. Sending the same again "
            "changes nothing. A metric that was never named is made, with a guess at what it is by its name and unit."
        ),
    )
    def post(self, request: ApiRequest) -> Response:
        """Store the samples."""
        values = self.body(MetricsInput, now=request.now)
        project = project_of(request, values["project"])
        environment = ensure_environment(project=project, name=values["environment"], now=request.now)
        try:
            taken = services.ingest(environment=environment, points=values["points"], now=request.now)
        except services.TooManySeries as error:
            raise Refused(409, str(error), code="too_many_series") from None
        return Response({"accepted": taken.accepted, "known": taken.known}, status=202)


# --- checks -----------------------------------------------------------------------------------------------------------


class ChecksQuery(PageQuery):
    """Which checks to list."""

    project = Line(required=False, max_length=60)
    environment = Line(required=False, max_length=100)


class CheckOutput(serializers.ModelSerializer[HealthCheck]):
    """A check and what is known of it. Header values are never answered."""

    environment = serializers.CharField(source="environment.name")
    state = Word(CheckState)
    is_paused = Flag()
    state_since = Moment(allow_null=True)
    latest_reading_at = Moment(allow_null=True)
    next_poll_at = Moment()

    class Meta:
        model = HealthCheck
        fields = [
            "id", "environment", "name", "component", "url", "method", "interval_seconds", "is_critical", "is_paused",
            "state", "state_since", "failures_in_a_row", "latest_reading_at", "latest_detail", "next_poll_at",
        ]  # fmt: skip


class ChecksOutput(serializers.Serializer[Any]):
    """One page of checks, in the order they were made."""

    items = CheckOutput(many=True)
    next = serializers.CharField(allow_null=True, help_text="The `cursor` of the next page.")


class Checks(Endpoint):
    """The health checks of the token's project."""

    scopes = {"GET": READ}

    @operation(
        "list_checks", summary="List health checks", query=ChecksQuery, responses={200: ChecksOutput}, errors=[404]
    )
    def get(self, request: ApiRequest) -> Response:
        """Return one page."""
        filters = self.query(ChecksQuery)
        project = project_of(request, filters.get("project", token_of(request).project.slug))
        rows: QuerySet[HealthCheck] = checks_for_api(project, environment=filters.get("environment", ""))
        items, next_cursor = cursor_page(request, rows, order=("id",), filters=filters)
        return paged_response(request, list(CheckOutput(items, many=True).data), next_cursor)
