"""The REST API of this floor: the gate; checks, samples and alerts have modules of their own."""

import math
import uuid
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.http.response import HttpResponseBase
from django.utils import timezone
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from deployments.models import USE_NOTED_EVERY
from deployments.selectors import digest_sent, token_of
from monitoring.facets import STATES, WatchOutput, verdict_facts, watch_facts
from monitoring.models import FindingResult
from monitoring.selectors.blame import blame_facts
from monitoring.selectors.gate import FoundFacts, GateState, found_facts, gate_state
from monitoring.watch import DECISIONS, UNTIL, WatchState, decide
from postdeploy.api import (
    ApiRequest,
    Choice,
    Endpoint,
    Moment,
    Refused,
    StrictSerializer,
    Word,
    etag_of,
    not_modified,
)
from postdeploy.lib.times import format_time
from postdeploy.openapi import operation

#: A pipeline that waits asks again after so many seconds at the most: an outage decides between two looks.
LONGEST_WAIT = 10
READ = "deployments:read"


# --- the gate ---------------------------------------------------------------------------------------------------------


class GateQuery(StrictSerializer):
    """Which answer to wait for."""

    until = Choice(
        UNTIL,
        default="initial",
        help_text="`initial`: the verdict on the initial period; `extended`: on the whole watch.",
    )


class RarityOutput(serializers.Serializer[Any]):
    """How often ordinary moments looked as changed: `count` of `moments`."""

    count = serializers.IntegerField()
    moments = serializers.IntegerField()


class FindingOutput(serializers.Serializer[Any]):
    """What happened to one metric or check, with the numbers behind it; null is what cannot be said."""

    key = serializers.CharField()
    name = serializers.CharField()
    result = Word(FindingResult)
    is_critical = serializers.BooleanField()
    is_muted = serializers.BooleanField(help_text="It is shown and never decides.")
    sentence = serializers.CharField()
    reasons = serializers.ListField(child=serializers.CharField(), help_text="Short codes, such as `hard_limit`.")
    unit = serializers.CharField(allow_blank=True, help_text="Of all numbers but the relative ones; of a check `%` up.")
    before = serializers.FloatField(allow_null=True)
    after = serializers.FloatField(allow_null=True)
    change = serializers.FloatField(allow_null=True)
    change_low = serializers.FloatField(allow_null=True, help_text="With 90 %: the change is at least this.")
    change_high = serializers.FloatField(allow_null=True, help_text="With 90 %: the change is at most this.")
    relative_change = serializers.FloatField(allow_null=True, help_text="A share of `before`: 0.45 is +45 %.")
    relative_low = serializers.FloatField(allow_null=True)
    relative_high = serializers.FloatField(allow_null=True)
    score = serializers.FloatField(allow_null=True, help_text="Grows with the evidence for a change for the worse.")
    chance = serializers.FloatField(allow_null=True, help_text="Share of ordinary moments that look as changed.")
    rarity = RarityOutput(allow_null=True)
    smallest_visible_change = serializers.FloatField(allow_null=True, help_text="A smaller one would not be seen.")
    minutes_to_settle = serializers.FloatField(allow_null=True, help_text="So many more would settle what is unclear.")
    coverage_before = serializers.FloatField(allow_null=True, help_text="Share of the expected values that came.")
    coverage_after = serializers.FloatField(allow_null=True)


class NotWatchedOutput(serializers.Serializer[Any]):
    """Something that could not be judged for want of data."""

    key = serializers.CharField()
    name = serializers.CharField()
    why = serializers.CharField()


class BlameOutput(serializers.Serializer[Any]):
    """A deployment that may have caused what got worse; of another project's nothing but the share and the timing."""

    deployment = serializers.UUIDField(allow_null=True)
    version = serializers.CharField(allow_null=True)
    environment = serializers.CharField(allow_null=True)
    is_this = serializers.BooleanField(help_text="It is the deployment that was asked about.")
    share = serializers.FloatField(help_text="How likely it is the cause: all together 1.")
    because = serializers.ListField(child=serializers.CharField())


class GateOutput(serializers.Serializer[Any]):
    """What is known of a deployment, whether that is a verdict, and what a pipeline shall do about it."""

    deployment = serializers.UUIDField()
    until = serializers.ChoiceField(UNTIL)
    decision = serializers.ChoiceField(
        DECISIONS,
        help_text="What a pipeline shall do: `go` if healthy, `wait` while undecided, else `stop`. In a dry run `go`.",
    )
    decision_reason = serializers.CharField()
    is_dry_run = serializers.BooleanField(help_text="The verdict is recorded as it is and blocks nothing.")
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
    not_watched = NotWatchedOutput(many=True, help_text="Findings without data: unknown, never healthy.")
    blame = BlameOutput(many=True, help_text="Empty unless other deployments may have caused it too; this one first.")


class Gate(Endpoint):
    """The verdict of one deployment, cheap to ask again and again."""

    scopes = {"GET": READ}

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer the request, at once if it is an ordinary one: what is refused goes the long way."""
        return at_once(request, kwargs["deployment"]) or super().dispatch(request, *args, **kwargs)

    @operation(
        "read_verdict",
        summary="Ask for a deployment's verdict",
        query=GateQuery,
        responses={200: GateOutput},
        errors=[404],
        is_conditional=True,
        description=(
            "Answers at once. While `decision` is `wait` ask again after `Retry-After` seconds, with the `ETag` you "
            "have in `If-None-Match`. Only `healthy` clears a deployment: `inconclusive` and `blind` say that it could "
            "not be judged."
        ),
    )
    def get(self, request: ApiRequest, deployment: uuid.UUID) -> Response:
        """Return what is known; 304 if that is what the caller has."""
        until = self.query(GateQuery)["until"]
        found = gate_state(deployment, digest=token_of(request).digest, until=until, now=request.now)
        if found is None:
            raise Refused(404, "There is no such deployment in this token's project.", code="not_found")
        answer = _answer(found, until)
        headers = _headers(found, answer, request.now)
        if not_modified(request, headers["ETag"]):
            return Response(status=304, headers=headers)
        rows = found_facts(found.watch.verdict_id)
        blame = blame_facts(found.watch.verdict_id, token_of(request).project) if _is_shared(rows) else []
        return Response(answer | _findings(rows, blame), headers=headers)


def at_once(request: HttpRequest, deployment: uuid.UUID) -> HttpResponse | None:
    """Return the answer to somebody who may ask and asks well, after one query (304) or two; None for all others.

    A token whose use has to be noted goes the long way too, and blame that is shared.
    """
    until = _QUERIES.get(request.META.get("QUERY_STRING", "")) if request.method == "GET" else None
    try:
        digest = digest_sent(request, may_be_password=False)
    except Refused:
        return None
    if until is None or digest is None:
        return None
    now = timezone.now()
    found = gate_state(deployment, digest=digest, until=until, now=now)
    is_noted = found is not None and found.token_used_at and found.token_used_at > now - USE_NOTED_EVERY
    if found is None or not is_noted or READ not in found.scopes:
        return None
    answer = _answer(found, until)
    headers = _headers(found, answer, now) | {"Cache-Control": "private, no-cache", "Vary": "Authorization"}
    if not_modified(request, headers["ETag"]):
        return HttpResponseNotModified(headers=headers)
    rows = found_facts(found.watch.verdict_id)
    if _is_shared(rows):
        return None
    whole = JSONRenderer().render(answer | _findings(rows, []))
    return HttpResponse(whole, content_type="application/json", headers=headers)


_QUERIES = {"": "initial", **{f"until={until}": until for until in UNTIL}}


def _headers(found: GateState, answer: dict[str, Any], now: datetime) -> dict[str, str]:
    return {"ETag": etag_of([answer, found.watch.verdict_id])} | _retry(found.watch, now)


# Serializers describe the answer; it is put together by hand, because it is asked for so often.


def _answer(found: GateState, until: str) -> dict[str, Any]:
    """Everything but the findings, as JSON holds it."""
    state = found.watch
    decision, why = decide(state, is_dry_run=found.is_dry_run)
    answer = {
        "deployment": str(state.deployment_id),
        "until": until,
        "decision": decision,
        "decision_reason": why,
        "is_dry_run": found.is_dry_run,
        **verdict_facts(state),
        "so_far": state.so_far,
        "watch": _written(watch_facts(state, None if state.initial else found.plan)),
    }
    return _written(answer)


def _written(values: dict[str, Any]) -> dict[str, Any]:
    return {name: format_time(value) if isinstance(value, datetime) else value for name, value in values.items()}


def _is_shared(found: list[FoundFacts]) -> bool:
    return any("SHARED_BLAME" in row.facts.get("reasons", ()) for row in found)


def _findings(found: list[FoundFacts], blame: list[dict[str, Any]]) -> dict[str, Any]:
    unknown = [row for row in found if row.result == FindingResult.NO_DATA]
    return {
        "findings": [_finding(row) for row in found],
        "not_watched": [
            {"key": row.key, "name": row.name, "why": row.sentence.removeprefix(f"{row.name}: ")} for row in unknown
        ],
        "blame": blame,
    }


NUMBERS = (
    "before", "after", "change", "change_low", "change_high", "relative_change", "relative_low", "relative_high",
    "score", "chance", "smallest_visible_change", "minutes_to_settle", "coverage_before", "coverage_after",
)  # fmt: skip


def _finding(row: FoundFacts) -> dict[str, Any]:
    facts, rarity = row.facts, row.facts.get("rarity")
    return {
        "key": row.key,
        "name": row.name,
        "result": row.result.lower(),
        "is_critical": row.is_critical,
        "is_muted": bool(facts.get("is_muted")),
        "sentence": row.sentence,
        "reasons": [reason.lower() for reason in facts.get("reasons", ())],
        "unit": facts.get("unit", ""),
        "rarity": {"count": rarity[0], "moments": rarity[1]} if rarity else None,
        **{name: facts.get(name) for name in NUMBERS},
    }


def _retry(state: WatchState, now: datetime) -> dict[str, str]:
    if state.is_final:
        return {}
    wait = (state.next_look_at - now).total_seconds() if state.next_look_at else LONGEST_WAIT / 2
    return {"Retry-After": str(min(max(math.ceil(wait), 1), LONGEST_WAIT))}
