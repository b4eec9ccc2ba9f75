"""The REST API of alert rules: read and make rules, read what fired."""

from typing import Any

from django.core.exceptions import ValidationError
from rest_framework import serializers
from rest_framework.response import Response

from deployments.models import Project
from deployments.selectors import project_of, token_of
from monitoring import services
from monitoring.models import (
    Aggregate,
    Alert,
    AlertEnd,
    AlertRule,
    AlertSeverity,
    AlertState,
    Direction,
    HealthCheck,
    Metric,
    Objective,
    RuleKind,
    Speed,
    Usefulness,
    Versus,
)
from monitoring.selectors.alerts import STATES, rule_states
from monitoring.selectors.rule_words import ASPECTS, rule_sentence
from postdeploy.api import (
    ApiRequest,
    Endpoint,
    Flag,
    Line,
    Moment,
    PageQuery,
    StrictSerializer,
    Word,
    cursor_page,
    paged_response,
)
from postdeploy.openapi import operation

READ, WRITE = "deployments:read", "issues:write"
RULE_PARTS = ("environment", "metric", "health_check", "objective")


# --- rules ------------------------------------------------------------------------------------------------------------


class RulesQuery(PageQuery):
    """Which rules to list."""

    project = Line(required=False, max_length=60)


class RuleOutput(serializers.ModelSerializer[AlertRule]):
    """An alert rule and how it stands."""

    environment = serializers.CharField(source="environment.name", default=None, allow_null=True)
    metric = serializers.CharField(source="metric.key", default=None, allow_null=True)
    check = serializers.IntegerField(source="health_check_id", allow_null=True)
    objective = serializers.IntegerField(source="objective_id", allow_null=True)
    kind = Word(RuleKind)
    aggregate = Word(Aggregate)
    direction = Word(Direction)
    versus = Word(Versus)
    speed = Word(Speed)
    severity = Word(AlertSeverity)
    state = serializers.SerializerMethodField(help_text=f"One of: {', '.join(STATES)}.")
    sentence = serializers.SerializerMethodField(help_text="What it asks, in words.")
    is_paused = serializers.SerializerMethodField()
    is_muted = serializers.SerializerMethodField()
    judged_until = Moment(allow_null=True)

    class Meta:
        model = AlertRule
        fields = [
            "id", "name", "kind", "environment", "metric", "aspect", "check", "objective", "labels", "aggregate",
            "direction", "window_seconds", "threshold", "clear_threshold", "hold_seconds", "versus", "is_relative",
            "speed", "severity", "sentence", "state", "is_paused", "is_muted", "judged_until", "error",
        ]  # fmt: skip

    def get_state(self, rule: AlertRule) -> str:
        """Return how the rule stands."""
        return str(self.context["states"][rule.pk])

    def get_sentence(self, rule: AlertRule) -> str:
        """Return what it asks."""
        return rule_sentence(rule)

    def get_is_paused(self, rule: AlertRule) -> bool:
        """Tell whether it is not judged."""
        return rule.paused_at is not None

    def get_is_muted(self, rule: AlertRule) -> bool:
        """Tell whether it tells nobody."""
        return rule.muted_at is not None


class RulesOutput(serializers.Serializer[Any]):
    """One page of rules, in the order they were made."""

    items = RuleOutput(many=True)
    next = serializers.CharField(allow_null=True, help_text="The `cursor` of the next page.")


class Number(serializers.FloatField):
    """A JSON number; true and "5" are refused rather than taken for one."""

    default_error_messages = {"invalid": "Must be a number, without quotes."}

    def to_internal_value(self, data: Any) -> float:
        """Return the number."""
        if isinstance(data, bool) or not isinstance(data, int | float):
            self.fail("invalid")
        try:
            return float(data)
        except OverflowError:
            self.fail("invalid")


#: Kinds that compare with a number.
COMPARING = (RuleKind.THRESHOLD, RuleKind.RATE_OF_CHANGE)
MAX_LABELS = 10


class RuleInput(StrictSerializer):
    """A rule to make. It looks at one of `metric`, `aspect` (of checks) and `objective`."""

    project = Line(max_length=60)
    name = Line(max_length=120)
    kind = Word(RuleKind, required=False, default=RuleKind.THRESHOLD.value)
    environment = Line(required=False, max_length=100, help_text="Each of them, if left out.")
    metric = Line(required=False, max_length=120, help_text="Its key.")
    aspect = serializers.ChoiceField(
        sorted(ASPECTS),
        required=False,
        help_text="What checks measure.",
        error_messages={"invalid_choice": f"Must be one of: {', '.join(sorted(ASPECTS))}."},
    )
    check = serializers.IntegerField(required=False, min_value=1, max_value=2**62, help_text="Each check, if left out.")
    objective = serializers.IntegerField(required=False, min_value=1, max_value=2**62, help_text="For `burn_rate`.")
    labels = serializers.DictField(child=Line(max_length=200), required=False, help_text="A series must carry these.")
    aggregate = Word(Aggregate, required=False)
    direction = Word(Direction, required=False)
    window_seconds = serializers.IntegerField(
        required=False, min_value=10, max_value=86_400, help_text="For `absence`: how long nothing may arrive."
    )
    threshold = Number(
        required=False,
        help_text="Needed for `threshold` and `rate_of_change`: of the latter the change, below 0 for a fall.",
    )
    clear_threshold = Number(required=False, help_text="At `threshold`, if left out.")
    hold_seconds = serializers.IntegerField(
        required=False, min_value=0, max_value=86_400, help_text="0, if left out: it fires at the first value."
    )
    versus = Word(Versus, required=False)
    is_relative = Flag(required=False, help_text="`rate_of_change`: per cent, or units.")
    speed = Word(Speed, required=False)
    severity = Word(AlertSeverity, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Ask for the threshold, and refuse what would be left out without a word."""
        faults = _idle(attrs)
        if attrs["kind"] in COMPARING and "threshold" not in attrs:
            faults["threshold"] = "Say which number it is compared with."
        if len(attrs.get("labels", {})) > MAX_LABELS:
            faults["labels"] = f"Name at most {MAX_LABELS} labels."
        if faults:
            raise serializers.ValidationError({name: [sentence] for name, sentence in faults.items()})
        return attrs


def _idle(given: dict[str, Any]) -> dict[str, str]:
    """Return the fields that a rule of this kind and subject does not look at, each with a sentence."""
    if given["kind"] == RuleKind.BURN_RATE:
        if "objective" not in given:
            return {"objective": "Choose the objective whose budget it guards."}
        names = ("metric", "aspect", "check", "labels", "threshold", "clear_threshold")
        return {name: "A burn_rate looks at an objective alone; leave this out." for name in names if name in given}
    faults: dict[str, str] = {
        name: "Only a burn_rate has it; leave it out." for name in ("objective", "speed") if name in given
    }
    if given["kind"] == RuleKind.ABSENCE:
        idle = "An absence compares with window_seconds; leave this out."
        faults |= {name: idle for name in ("threshold", "clear_threshold") if name in given}
    if "metric" in given:
        idle = "Name a metric, or what checks measure; not both."
        faults |= {name: idle for name in ("aspect", "check") if name in given}
    elif given.get("labels"):
        faults["labels"] = "Only a metric has labels; leave this out."
    return faults


class Rules(Endpoint):
    """The alert rules of the token's project."""

    scopes = {"GET": READ, "POST": WRITE}

    @operation("list_rules", summary="List alert rules", query=RulesQuery, responses={200: RulesOutput}, errors=[404])
    def get(self, request: ApiRequest) -> Response:
        """Return one page."""
        filters = self.query(RulesQuery)
        project = project_of(request, filters.get("project", token_of(request).project.slug))
        rows = AlertRule.objects.of(project).select_related(*RULE_PARTS)
        items, next_cursor = cursor_page(request, rows, order=("id",), filters=filters)
        return paged_response(request, _shown(items), next_cursor)

    @operation(
        "make_rule",
        summary="Make an alert rule",
        request=RuleInput,
        responses={201: RuleOutput},
        errors=[404],
        description="It is judged at once. A name that a rule of the project has already is refused.",
    )
    def post(self, request: ApiRequest) -> Response:
        """Make a rule."""
        given = self.body(RuleInput)
        project = project_of(request, given.pop("project"))
        fields = _resolved(project, given)
        try:
            rule = services.save_rule(project=project, now=request.now, **fields)
        except ValidationError as error:
            raise serializers.ValidationError(_named(error)) from None
        return Response(_shown([rule])[0], status=201)


def _shown(rules: list[AlertRule]) -> list[dict[str, Any]]:
    return list(RuleOutput(rules, many=True, context={"states": rule_states(rules)}).data)


def _named(error: ValidationError) -> dict[str, Any]:
    names = {"health_check": "check"}
    return {names.get(name, name): sentences for name, sentences in error.message_dict.items()}


def _resolved(project: Project, given: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a rule: names and numbers become rows; what is not there is named."""
    fields = dict(given)
    if "environment" in given:
        fields["environment"] = _one(project.environments.filter(name=given["environment"]), "environment")
    if "metric" in given:
        fields["metric"] = _one(Metric.objects.of(project).filter(key=given["metric"]), "metric")
    if "check" in given:
        fields["health_check"] = _one(HealthCheck.objects.of(project).filter(pk=fields.pop("check")), "check")
    if "objective" in given:
        rows = Objective.objects.of(project).select_related("environment")
        fields["objective"] = _one(rows.filter(pk=given["objective"]), "objective")
    return fields


def _one(rows: Any, name: str) -> Any:
    row = rows.first()
    if row is None:
        raise serializers.ValidationError({name: [f"There is no such {name} in this project."]}, code="not_found")
    return row


# --- alerts -----------------------------------------------------------------------------------------------------------


class AlertsQuery(PageQuery):
    """Which alerts to list."""

    project = Line(required=False, max_length=60)
    state = Word(AlertState, required=False)
    rule = serializers.IntegerField(required=False, min_value=1, max_value=2**62)


class AlertOutput(serializers.ModelSerializer[Alert]):
    """One time a rule found something wrong."""

    rule = serializers.IntegerField(source="rule_id")
    rule_name = serializers.CharField(source="rule.name")
    environment = serializers.CharField(source="environment.name")
    state = Word(AlertState)
    severity = Word(AlertSeverity)
    began_at = Moment()
    fired_at = Moment(allow_null=True)
    resolved_at = Moment(allow_null=True)
    ended_by = Word(AlertEnd, allow_blank=True, help_text="Only `measured` proves that it is well again.")
    answer = Word(Usefulness, allow_blank=True, help_text="Was it useful?")

    class Meta:
        model = Alert
        fields = [
            "id", "rule", "rule_name", "environment", "subject", "state", "severity", "is_muted", "began_at",
            "fired_at", "resolved_at", "value", "worst", "latest", "detail", "ended_by", "answer", "answer_word",
        ]  # fmt: skip


class AlertsOutput(serializers.Serializer[Any]):
    """One page of alerts, the latest first."""

    items = AlertOutput(many=True)
    next = serializers.CharField(allow_null=True, help_text="The `cursor` of the next page.")


class Alerts(Endpoint):
    """What is pending, fires, or has fired in the token's project."""

    scopes = {"GET": READ}

    @operation("list_alerts", summary="List alerts", query=AlertsQuery, responses={200: AlertsOutput}, errors=[404])
    def get(self, request: ApiRequest) -> Response:
        """Return one page."""
        filters = self.query(AlertsQuery)
        project = project_of(request, filters.get("project", token_of(request).project.slug))
        rows = Alert.objects.of(project).select_related("rule", "environment")
        if "state" in filters:
            rows = rows.filter(state=filters["state"])
        if "rule" in filters:
            rows = rows.filter(rule=filters["rule"])
        items, next_cursor = cursor_page(request, rows, order=("-id",), filters=filters)
        return paged_response(request, list(AlertOutput(items, many=True).data), next_cursor)
