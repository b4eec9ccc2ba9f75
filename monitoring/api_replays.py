"""The REST API of replays: asking what past verdicts would have been, following it, and reading what came of it."""

from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.response import Response

from deployments.models import Project
from deployments.selectors import project_of, token_of
from monitoring import services
from monitoring.accuracy import Score
from monitoring.changes import BEFORE, MOST_METRICS, Changes
from monitoring.models import Replay, ReplayedVerdict, ReplayStatus, Result, RulingKind
from monitoring.selectors.replays import ReplayReport, change_words, report_of
from monitoring.selectors.rulings import rulings_of
from postdeploy.api import (
    ApiRequest,
    Endpoint,
    Flag,
    Line,
    Moment,
    Nothing,
    PageQuery,
    Refused,
    StrictSerializer,
    Word,
    cursor_page,
    field_faults,
    one_of,
    paged_response,
    row_at,
)
from postdeploy.openapi import operation

READ, WRITE = "deployments:read", "issues:write"


# --- what goes in -----------------------------------------------------------------------------------------------------


class ReplaysQuery(PageQuery):
    """Which replays to list."""

    project = Line(required=False, max_length=60)


class VerdictsQuery(PageQuery):
    """Which deployments of a replay to list."""

    which = serializers.ChoiceField(
        ("all", "changed", "problems"), default="all",
        help_text="`changed`: those whose result would be another; `problems`: those that could not be judged.",
    )  # fmt: skip


class MetricChangeInput(StrictSerializer):
    """What is changed of one metric; what is left out stays as it was."""

    least_change = serializers.FloatField(required=False, min_value=0, help_text="A share: 0.2 is 20 %.")
    least_change_absolute = serializers.FloatField(required=False, min_value=0, allow_null=True, help_text="In units.")
    hard_limit = serializers.FloatField(required=False, allow_null=True)
    is_critical = Flag(required=False)
    is_muted = Flag(required=False)
    must_have_data = Flag(required=False)


class ReplayInput(StrictSerializer):
    """What past deployments are judged with once more; what is left out stays as it was then."""

    project = Line(max_length=60)
    environment = Line(required=False, max_length=100, help_text="Only deployments to this one.")
    chance_limit = serializers.FloatField(
        required=False, min_value=0.0005, max_value=0.05,
        help_text="A change is real when ordinary moments look as changed at most this often. A share.",
    )  # fmt: skip
    settle_seconds = serializers.IntegerField(required=False, min_value=0, max_value=86_400)
    baseline_seconds = serializers.IntegerField(required=False, min_value=60, max_value=90 * 86_400)
    reference = Line(
        required=False, max_length=40,
        help_text=f"The id of a deployment to `environment` to compare with, or `{BEFORE}`: with the hours before.",
    )  # fmt: skip
    as_configured = Flag(required=False, help_text="Judge metrics as they are configured now, not as they were then.")
    metrics = serializers.DictField(
        child=MetricChangeInput(), required=False, help_text=f"Changes by the key of a metric, {MOST_METRICS} at most."
    )


# --- what comes out ---------------------------------------------------------------------------------------------------


class ShareOutput(serializers.Serializer[Any]):
    """A share against people's rulings, with the interval that the true one lies in at 95 %."""

    hits = serializers.IntegerField()
    of = serializers.IntegerField()
    is_enough = serializers.BooleanField(help_text="False: too few rulings to say.")
    value = serializers.FloatField(allow_null=True)
    interval = serializers.ListField(child=serializers.FloatField())


class ScoreOutput(serializers.Serializer[Any]):
    """How right the verdicts are, over the deployments that could be judged once more."""

    called_worse = serializers.IntegerField()
    false_alarms = serializers.IntegerField()
    missed = serializers.IntegerField()
    precision = ShareOutput(help_text="Of what was called worse and ruled on: how much was us.")
    recall = ShareOutput(help_text="Of what was us: how much was called worse.")


class ReplayOutput(serializers.ModelSerializer[Replay]):
    """A replay: what was asked, and how far it is."""

    environment = serializers.CharField(
        source="environment.name", default=None, allow_null=True, help_text="null: all."
    )
    status = Word(ReplayStatus)
    changes = serializers.SerializerMethodField(help_text="What differs from then, in words.")
    requested_at = Moment()
    ended_at = Moment(allow_null=True)
    applied_at = Moment(allow_null=True, help_text="When its changes were switched on.")
    total = serializers.IntegerField(help_text="Deployments to judge once more.")
    url = serializers.SerializerMethodField(help_text="Its page.")

    class Meta:
        model = Replay
        fields = [
            "id", "environment", "status", "changes", "rule_version", "requested_at", "ended_at", "applied_at", "total",
            "error", "url",
        ]  # fmt: skip

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_changes(self, replay: Replay) -> list[str]:
        """Return one phrase a change."""
        return change_words(Changes.from_json(replay.changes))

    @extend_schema_field(serializers.URLField())
    def get_url(self, replay: Replay) -> str:
        """Return the address of its page."""
        request: ApiRequest = self.context["request"]
        return request.build_absolute_uri(reverse("replay", args=[token_of(request).project.slug, replay.pk]))


class ReplayResult(ReplayOutput):
    """A replay with what it found so far."""

    done = serializers.SerializerMethodField(help_text="Deployments that it went through so far.")
    judged = serializers.SerializerMethodField(help_text="Of those, the ones that could be judged once more.")
    changed = serializers.SerializerMethodField(help_text="Of those, the ones whose result would be another.")
    then = serializers.SerializerMethodField(help_text="How right the verdicts were.")
    now = serializers.SerializerMethodField(help_text="How right they would have been.")

    class Meta(ReplayOutput.Meta):
        fields = [*ReplayOutput.Meta.fields, "done", "judged", "changed", "then", "now"]

    @property
    def _report(self) -> ReplayReport:
        report: ReplayReport = self.context["report"]
        return report

    def get_done(self, replay: Replay) -> int:
        """Return how many it went through."""
        return len(self._report.lines)

    def get_judged(self, replay: Replay) -> int:
        """Return how many could be judged."""
        return len(self._report.judged)

    def get_changed(self, replay: Replay) -> int:
        """Return how many would be another."""
        return len(self._report.changed)

    @extend_schema_field(ScoreOutput)
    def get_then(self, replay: Replay) -> dict[str, Any]:
        """Return the score of then."""
        return _score(self._report.then, self._report.then_alarms)

    @extend_schema_field(ScoreOutput)
    def get_now(self, replay: Replay) -> dict[str, Any]:
        """Return the score of now."""
        return _score(self._report.now, self._report.now_alarms)


def _score(score: Score, alarms: int) -> dict[str, Any]:
    counts = {"called_worse": alarms, "false_alarms": score.false_alarms, "missed": score.missed}
    return dict(ScoreOutput(counts | {"precision": score.precision, "recall": score.recall}).data)


class ReplaysOutput(serializers.Serializer[Any]):
    """One page of replays, the latest first."""

    items = ReplayOutput(many=True)
    next = serializers.CharField(allow_null=True, help_text="The `cursor` of the next page.")


class DifferenceOutput(serializers.Serializer[Any]):
    """A finding that says another word now."""

    stage = serializers.CharField(help_text="Of the watch: `initial` or `extended`.")
    finding = serializers.CharField(help_text="Its key.")
    name = serializers.CharField()
    then = serializers.CharField()
    now = serializers.CharField()
    sentence = serializers.CharField()


class ReplayedOutput(serializers.ModelSerializer[ReplayedVerdict]):
    """One deployment, then and now."""

    deployment = serializers.UUIDField(source="deployment_id")
    version = serializers.CharField(source="deployment.version")
    environment = serializers.CharField(source="deployment.environment.name")
    then = Word(Result, source="result_then", allow_null=True, help_text="null: no verdict was reached.")
    now = Word(Result, source="result_now", allow_null=True, help_text="null: none, or it could not be judged.")
    ruling = serializers.SerializerMethodField(help_text="What people said of the deployment as a whole.")
    differences = serializers.SerializerMethodField(help_text="Findings that differ.")

    class Meta:
        model = ReplayedVerdict
        fields = [
            "deployment", "version", "environment", "rule_version", "then", "now", "sentence", "ruling", "differences",
            "note", "problem",
        ]  # fmt: skip

    def to_representation(self, instance: ReplayedVerdict) -> Any:
        """Return null where no result was reached."""
        shown = super().to_representation(instance)
        return shown | {name: shown[name] or None for name in ("then", "now")}

    @extend_schema_field(Word(RulingKind, allow_null=True))
    def get_ruling(self, row: ReplayedVerdict) -> str | None:
        """Return the word that stands."""
        ruling = self.context["rulings"].get(row.deployment_id)
        return ruling.kind.lower() if ruling else None

    @extend_schema_field(DifferenceOutput(many=True))
    def get_differences(self, row: ReplayedVerdict) -> list[dict[str, str]]:
        """Return them with the words of the API."""
        lowered = ("stage", "then", "now")
        return [
            {"finding": one["key"]}
            | {name: value.lower() if name in lowered else value for name, value in one.items() if name != "key"}
            for one in row.differences
        ]


class ReplayedPage(serializers.Serializer[Any]):
    """One page of deployments, in the order in which they were judged once more."""

    items = ReplayedOutput(many=True)
    next = serializers.CharField(allow_null=True, help_text="The `cursor` of the next page.")


# --- operations -------------------------------------------------------------------------------------------------------


class Replays(Endpoint):
    """The replays of the token's project."""

    scopes = {"GET": READ, "POST": WRITE}

    @operation("list_replays", summary="List replays", query=ReplaysQuery, responses={200: ReplaysOutput}, errors=[404])
    def get(self, request: ApiRequest) -> Response:
        """Return one page."""
        filters = self.query(ReplaysQuery)
        project = project_of(request, filters.get("project", token_of(request).project.slug))
        rows = Replay.objects.of(project).select_related("environment")
        items, next_cursor = cursor_page(request, rows, order=("-id",), filters=filters)
        shown = ReplayOutput(items, many=True, context={"request": request}).data
        return paged_response(request, list(shown), next_cursor)

    @operation(
        "start_replay",
        summary="Judge past deployments once more",
        request=ReplayInput,
        responses={201: ReplayOutput},
        errors=[404, 409],
        description=(
            "It runs in the background and changes nothing; ask for its result until its status is `done`. 409 while "
            "another replay of the project runs (`still_running`), and before any watch has ended (`nothing_to_judge`)."
        ),
    )
    def post(self, request: ApiRequest) -> Response:
        """Ask for one."""
        given = self.body(ReplayInput)
        project = project_of(request, given.pop("project"))
        named = given.pop("environment", None)
        environment = one_of(project.environments.filter(name=named), "environment") if named else None
        try:
            row = services.request_replay(
                project=project, environment=environment, changes=_changes(project, given), now=request.now
            )
        except ValidationError as error:
            raise _refusal(error) from None
        return Response(ReplayOutput(row, context={"request": request}).data, status=201)


class OneReplay(Endpoint):
    """One replay with what it found."""

    scopes = {"GET": READ}

    @operation("read_replay", summary="Read a replay's result", responses={200: ReplayResult}, errors=[404])
    def get(self, request: ApiRequest, replay: int) -> Response:
        """Return how far it is, and how right the verdicts were, then and now."""
        row = _found(request, replay)
        return Response(ReplayResult(row, context={"request": request, "report": report_of(row)}).data)


class ReplayedVerdicts(Endpoint):
    """The deployments of one replay, then and now."""

    scopes = {"GET": READ}

    @operation(
        "list_replayed_verdicts",
        summary="List the deployments of a replay",
        query=VerdictsQuery,
        responses={200: ReplayedPage},
        errors=[404],
    )
    def get(self, request: ApiRequest, replay: int) -> Response:
        """Return one page."""
        filters = self.query(VerdictsQuery)
        rows = ReplayedVerdict.objects.filter(replay=_found(request, replay)).which(filters["which"])
        rows = rows.select_related("deployment__environment")
        items, next_cursor = cursor_page(request, rows, order=("id",), filters=filters)
        context = {"rulings": rulings_of(row.deployment_id for row in items)}
        return paged_response(request, list(ReplayedOutput(items, many=True, context=context).data), next_cursor)


class ReplayStop(Endpoint):
    """Ending a replay before it is done."""

    scopes = {"POST": WRITE}

    @operation(
        "stop_replay",
        summary="Stop a replay",
        request=Nothing,
        responses={200: ReplayOutput},
        errors=[404],
        description="What it found so far is kept. One that has ended stays as it is.",
    )
    def post(self, request: ApiRequest, replay: int) -> Response:
        """Stop it."""
        self.body(Nothing)
        services.stop_replay(replay=_found(request, replay), now=request.now)
        return Response(ReplayOutput(_found(request, replay), context={"request": request}).data)


def _found(request: ApiRequest, pk: int) -> Replay:
    """Return the replay; Refused (404) when there is none that the token may see."""
    return row_at(Replay.objects.of(token_of(request).project).select_related("environment"), pk, "replay")


def _changes(project: Project, given: dict[str, Any]) -> Changes:
    as_configured = given.pop("as_configured", False)
    configured = services.configured_metrics(project) if as_configured else None
    return Changes(**given, configured=configured)


def _refusal(error: ValidationError) -> Exception:
    """Return a service's refusal as the API's: of a field, or of the moment."""
    faults = error.update_error_dict({})
    for fault in faults.get(NON_FIELD_ERRORS, []):
        return Refused(409, " ".join(fault.messages), code=fault.code or "invalid")
    return field_faults(error, {})
