"""The REST API of alert rules: list, make, change, mute, pause and delete them."""

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from rest_framework import serializers
from rest_framework.response import Response

from deployments.models import Project
from deployments.selectors import project_of, token_of
from monitoring import services
from monitoring.models import (
    Aggregate,
    AlertRule,
    AlertSeverity,
    Direction,
    HealthCheck,
    Metric,
    Objective,
    RuleKind,
    Speed,
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
    Nothing,
    PageQuery,
    StrictSerializer,
    Word,
    cursor_page,
    etag_of,
    field_faults,
    one_of,
    paged_response,
    refuse_if_changed,
    row_at,
)
from postdeploy.openapi import operation

READ, WRITE = "deployments:read", "issues:write"
RULE_PARTS = ("environment", "metric", "health_check", "objective")


# --- what comes out ---------------------------------------------------------------------------------------------------


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


# --- what goes in -----------------------------------------------------------------------------------------------------


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


class RuleSettings(StrictSerializer):
    """What all rules have; what a rule of its kind does not look at is refused by name."""

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


class RuleInput(RuleSettings):
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

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Ask for the threshold, and refuse what would be left out without a word."""
        faults = _idle(attrs)
        if attrs["kind"] in COMPARING and "threshold" not in attrs:
            faults["threshold"] = "Say which number it is compared with."
        _refuse(faults | _too_many(attrs))
        return attrs


class RuleChange(RuleSettings):
    """What to change of a rule; what is left out stays. Its kind and what it looks at stay: make another rule."""

    name = Line(required=False, max_length=120)
    environment = Line(required=False, allow_null=True, max_length=100, help_text="null: each of them.")
    check = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=2**62, help_text="null: each of them."
    )
    clear_threshold = Number(required=False, allow_null=True, help_text="null: at `threshold`.")
    is_paused = Flag(required=False, help_text="It is not judged; what fires ends without proving anything.")
    is_muted = Flag(required=False, help_text="It is judged and tells nobody.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse what a rule of this kind does not look at."""
        _refuse(_idle({**self.context["has"], **attrs}) | _too_many(attrs))
        return attrs


def _too_many(given: dict[str, Any]) -> dict[str, str]:
    return {"labels": f"Name at most {MAX_LABELS} labels."} if len(given.get("labels", {})) > MAX_LABELS else {}


def _refuse(faults: dict[str, str]) -> None:
    if faults:
        raise serializers.ValidationError({name: [sentence] for name, sentence in faults.items()})


def _idle(given: dict[str, Any]) -> dict[str, str]:
    """Return the fields that a rule of this kind and subject does not look at, each with a sentence."""
    if given["kind"] == RuleKind.BURN_RATE:
        if "objective" not in given:
            return {"objective": "Choose the objective whose budget it guards."}
        names = ("environment", "metric", "aspect", "check", "labels", "threshold", "clear_threshold")
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


# --- operations -------------------------------------------------------------------------------------------------------


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
        rule = _saved(project, None, fields, request.now)
        return Response(_shown([rule])[0], status=201, headers={"ETag": rule_etag(rule)})


class Rule(Endpoint):
    """One alert rule. Its ETag is of its settings: how it stands does not change it."""

    scopes = {"GET": READ, "PATCH": WRITE, "DELETE": WRITE}

    @operation("read_rule", summary="Read an alert rule", responses={200: RuleOutput}, errors=[404])
    def get(self, request: ApiRequest, rule: int) -> Response:
        """Return what it asks and how it stands."""
        return _answered(_rule_of(request, rule))

    @operation(
        "change_rule",
        summary="Change an alert rule",
        request=RuleChange,
        responses={200: RuleOutput},
        errors=[404],
        is_guarded=True,
        description="When what it asks changes, its open alerts end without proving anything and it begins anew.",
    )
    def patch(self, request: ApiRequest, rule: int) -> Response:
        """Change what was named."""
        with transaction.atomic():
            row = _rule_of(request, rule, is_locked=True)
            refuse_if_changed(request, rule_etag(row))
            _change(row, self.body(RuleChange, has=_looks_at(row)), request.now)
        return _answered(_rule_of(request, rule))

    @operation(
        "delete_rule",
        summary="Delete an alert rule",
        request=Nothing,
        responses={204: None},
        errors=[404],
        is_guarded=True,
        description="Its alerts go with it; issues that it opened stay.",
    )
    def delete(self, request: ApiRequest, rule: int) -> Response:
        """Delete it."""
        self.body(Nothing)
        with transaction.atomic():
            row = _rule_of(request, rule, is_locked=True)
            refuse_if_changed(request, rule_etag(row))
            services.delete_rule(rule=row)
        return Response(status=204)


def _rule_of(request: ApiRequest, pk: int, *, is_locked: bool = False) -> AlertRule:
    """Return the rule; Refused (404) when there is none that the token may see."""
    rows = AlertRule.objects.of(token_of(request).project).select_related(*RULE_PARTS, "project")
    return row_at(rows, pk, "rule", is_locked=is_locked)


def rule_etag(rule: AlertRule) -> str:
    """Return the ETag of what people set of a rule."""
    return etag_of([rule.pk, rule.changed_at, rule.paused_at, rule.muted_at])


def _answered(rule: AlertRule) -> Response:
    return Response(_shown([rule])[0], headers={"ETag": rule_etag(rule)})


def _looks_at(rule: AlertRule) -> dict[str, Any]:
    """Return what a rule is about, as if it had just been sent."""
    about = {"metric": rule.metric_id, "aspect": rule.aspect, "objective": rule.objective_id}
    return {"kind": rule.kind} | {name: value for name, value in about.items() if value}


SWITCHES = {
    ("is_paused", True): services.pause_rule,
    ("is_paused", False): services.resume_rule,
    ("is_muted", True): services.mute_rule,
    ("is_muted", False): services.unmute_rule,
}


def _change(rule: AlertRule, given: dict[str, Any], now: datetime) -> None:
    switches = [(name, given.pop(name)) for name in ("is_paused", "is_muted") if name in given]
    if given:
        _saved(rule.project, rule, _resolved(rule.project, given, rule), now)
    for switch in switches:
        SWITCHES[switch](rule=rule, now=now)


def _saved(project: Project, rule: AlertRule | None, fields: dict[str, Any], now: datetime) -> AlertRule:
    try:
        return services.save_rule(project=project, now=now, rule=rule, **fields)
    except ValidationError as error:
        raise field_faults(error, {"health_check": "check"}) from None


def _shown(rules: list[AlertRule]) -> list[dict[str, Any]]:
    return list(RuleOutput(rules, many=True, context={"states": rule_states(rules)}).data)


def _resolved(project: Project, given: dict[str, Any], rule: AlertRule | None = None) -> dict[str, Any]:
    """Return the fields of a rule: names and numbers become rows; what is not there is named."""
    fields = dict(given)
    if given.get("environment"):
        fields["environment"] = one_of(project.environments.filter(name=given["environment"]), "environment")
    if "metric" in given:
        fields["metric"] = one_of(Metric.objects.of(project).filter(key=given["metric"]), "metric")
    if "check" in given:
        pk = fields.pop("check")
        fields["health_check"] = one_of(HealthCheck.objects.of(project).filter(pk=pk), "check") if pk else None
    if "objective" in given:
        rows = Objective.objects.of(project).select_related("environment")
        fields["objective"] = one_of(rows.filter(pk=given["objective"]), "objective")
    check = fields.get("health_check", rule.health_check if rule else None)
    if check and fields.get("environment", check.environment) != check.environment:
        _refuse({"environment": f"The check is of {check.environment.name}; leave this out."})
    return fields
