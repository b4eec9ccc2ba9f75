"""The REST API of this floor: the gate; checks, samples and alerts have modules of their own."""

import math
import uuid
from datetime import datetime
from typing import Any

from rest_framework import serializers
from rest_framework.response import Response

from deployments.models import Deployment
from deployments.selectors import token_of
from monitoring.facets import STATES, WatchOutput, verdict_facts, watch_facts
from monitoring.models import Finding, FindingResult
from monitoring.selectors import findings_of_verdict, planned_watches, watch_states
from monitoring.watch import UNTIL, WatchState
from postdeploy.api import (
    ApiRequest,
    Endpoint,
    Moment,
    Refused,
    StrictSerializer,
    Word,
    etag_of,
    not_modified,
)
from postdeploy.openapi import operation

#: A pipeline that waits asks again after so many seconds at the most: an outage decides between two looks.
LONGEST_WAIT = 10
READ = "deployments:read"


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
