"""The REST API of objectives: list, make, change and delete them; what is left of each error budget."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from rest_framework import serializers
from rest_framework.response import Response

from deployments.models import Environment, Project
from deployments.selectors import project_of, token_of
from monitoring import services
from monitoring.models import HealthCheck, Metric, Objective, ObjectiveKind
from monitoring.selectors.budgets import MOST_OBJECTIVES, ObjectiveRow, objective_rows
from postdeploy.api import (
    ApiRequest,
    Endpoint,
    Flag,
    Line,
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
PARTS = ("environment__project", "health_check", "part", "whole")


# --- what comes out ---------------------------------------------------------------------------------------------------


class ObjectivesQuery(PageQuery):
    """Which objectives to list; each reads what it counted, so a page has fewer of them than others."""

    limit = serializers.IntegerField(
        min_value=1, max_value=MOST_OBJECTIVES, default=MOST_OBJECTIVES,
        help_text=f"How many items at most (1–{MOST_OBJECTIVES}).",
    )  # fmt: skip
    project = Line(required=False, max_length=60)


class ObjectiveOutput(serializers.ModelSerializer[Objective]):
    """What was promised, and what is left of its error budget."""

    environment = serializers.CharField(source="environment.name")
    kind = Word(ObjectiveKind)
    check = serializers.IntegerField(source="health_check_id", allow_null=True)
    part = serializers.CharField(source="part.key", default=None, allow_null=True, help_text="Of a metric.")
    whole = serializers.CharField(source="whole.key", default=None, allow_null=True, help_text="Of a metric.")
    rules = serializers.SerializerMethodField(help_text="How many rules guard its budget.")
    good_percent = serializers.SerializerMethodField(help_text="Over its window; null when nothing was counted.")
    budget_left = serializers.SerializerMethodField(help_text="A share: 1 all of it, below 0 overspent.")

    class Meta:
        model = Objective
        fields = [
            "id", "name", "environment", "kind", "check", "part", "whole", "target_percent", "window_days", "rules",
            "good_percent", "budget_left",
        ]  # fmt: skip

    def _row(self, objective: Objective) -> ObjectiveRow:
        row: ObjectiveRow = self.context["rows"][objective.pk]
        return row

    def get_rules(self, objective: Objective) -> int:
        """Return how many rules guard it."""
        return self._row(objective).guards

    def get_good_percent(self, objective: Objective) -> float | None:
        """Return the share that was good."""
        return self._row(objective).good_percent

    def get_budget_left(self, objective: Objective) -> float | None:
        """Return the share of the budget that is left."""
        return self._row(objective).left


class ObjectivesOutput(serializers.Serializer[Any]):
    """One page of objectives, in the order they were made."""

    items = ObjectiveOutput(many=True)
    next = serializers.CharField(allow_null=True, help_text="The `cursor` of the next page.")


# --- what goes in -----------------------------------------------------------------------------------------------------


class ObjectiveChange(StrictSerializer):
    """What to change of an objective; what is left out stays. Its environment stays."""

    name = Line(required=False, max_length=100)
    kind = Word(ObjectiveKind, required=False, help_text="`check` counts readings, `good` and `bad` two metrics.")
    check = serializers.IntegerField(required=False, min_value=1, max_value=2**62, help_text="For `check`.")
    part = Line(required=False, max_length=120, help_text="For `good` and `bad`: the metric of those, by its key.")
    whole = Line(required=False, max_length=120, help_text="For `good` and `bad`: the metric of all of them.")
    target_percent = serializers.FloatField(required=False, min_value=50, max_value=99.999)
    window_days = serializers.IntegerField(required=False, min_value=1, max_value=90)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse what an objective of this kind does not count."""
        kind = attrs.get("kind", self.context.get("kind", ObjectiveKind.CHECK))
        idle = ("part", "whole") if kind == ObjectiveKind.CHECK else ("check",)
        faults = {name: [f"Kind {kind.lower()} does not count it; leave this out."] for name in idle if name in attrs}
        if faults:
            raise serializers.ValidationError(faults)
        return attrs


class ObjectiveInput(ObjectiveChange):
    """An objective to make."""

    project = Line(max_length=60)
    environment = Line(max_length=100)
    name = Line(max_length=100)
    guard = Flag(required=False, help_text="Make its two rules, too: for a fast burn and for a slow one.")


# --- operations -------------------------------------------------------------------------------------------------------


class Objectives(Endpoint):
    """The objectives of the token's project."""

    scopes = {"GET": READ, "POST": WRITE}

    @operation(
        "list_objectives",
        summary="List objectives",
        query=ObjectivesQuery,
        responses={200: ObjectivesOutput},
        errors=[404],
    )
    def get(self, request: ApiRequest) -> Response:
        """Return one page."""
        filters = self.query(ObjectivesQuery)
        project = project_of(request, filters.get("project", token_of(request).project.slug))
        rows = Objective.objects.of(project).select_related(*PARTS)
        items, next_cursor = cursor_page(request, rows, order=("id",), maximum=MOST_OBJECTIVES, filters=filters)
        return paged_response(request, _shown(request, items), next_cursor)

    @operation(
        "make_objective",
        summary="Make an objective",
        request=ObjectiveInput,
        responses={201: ObjectiveOutput},
        errors=[404],
        description="A name that an objective of the environment has already is refused.",
    )
    def post(self, request: ApiRequest) -> Response:
        """Make an objective."""
        given = self.body(ObjectiveInput)
        project = project_of(request, given.pop("project"))
        environment = one_of(project.environments.filter(name=given.pop("environment")), "environment")
        guard = given.pop("guard", False)
        with transaction.atomic():
            row = _saved(request, None, environment, _resolved(project, given))
            if guard:
                services.guard_objective(objective=row, now=request.now)
        return _answered(request, row, status=201)


class OneObjective(Endpoint):
    """One objective. Its ETag is of what was promised: what is left of the budget does not change it."""

    scopes = {"GET": READ, "PATCH": WRITE, "DELETE": WRITE}

    @operation("read_objective", summary="Read an objective", responses={200: ObjectiveOutput}, errors=[404])
    def get(self, request: ApiRequest, objective: int) -> Response:
        """Return what was promised, and what is left."""
        return _answered(request, _found(request, objective))

    @operation(
        "change_objective",
        summary="Change an objective",
        request=ObjectiveChange,
        responses={200: ObjectiveOutput},
        errors=[404],
        is_guarded=True,
    )
    def patch(self, request: ApiRequest, objective: int) -> Response:
        """Change what was named."""
        with transaction.atomic():
            row = _found(request, objective, is_locked=True)
            refuse_if_changed(request, objective_etag(row))
            given = self.body(ObjectiveChange, kind=row.kind)
            _saved(request, row, row.environment, _resolved(row.environment.project, given))
        return _answered(request, _found(request, objective))

    @operation(
        "delete_objective",
        summary="Delete an objective",
        request=Nothing,
        responses={204: None},
        errors=[404],
        is_guarded=True,
        description="The rules that guard its budget go with it.",
    )
    def delete(self, request: ApiRequest, objective: int) -> Response:
        """Delete it."""
        self.body(Nothing)
        with transaction.atomic():
            row = _found(request, objective, is_locked=True)
            refuse_if_changed(request, objective_etag(row))
            services.delete_objective(objective=row)
        return Response(status=204)


def _found(request: ApiRequest, pk: int, *, is_locked: bool = False) -> Objective:
    """Return the objective; Refused (404) when there is none that the token may see."""
    rows = Objective.objects.of(token_of(request).project).select_related(*PARTS)
    return row_at(rows, pk, "objective", is_locked=is_locked)


def objective_etag(row: Objective) -> str:
    """Return the ETag of what was promised."""
    counts = [row.kind, row.health_check_id, row.part_id, row.whole_id]
    return etag_of([row.pk, row.name, *counts, row.target_percent, row.window_days])


def _answered(request: ApiRequest, row: Objective, *, status: int = 200) -> Response:
    return Response(_shown(request, [row])[0], status=status, headers={"ETag": objective_etag(row)})


def _shown(request: ApiRequest, items: list[Objective]) -> list[dict[str, Any]]:
    rows = objective_rows(Objective.objects.filter(pk__in=[item.pk for item in items]), now=request.now)
    by_pk = {row.objective.pk: row for row in rows}
    return list(ObjectiveOutput(items, many=True, context={"rows": by_pk}).data)


def _resolved(project: Project, given: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of an objective: names and numbers become rows; what is not there is named."""
    fields = dict(given)
    if "check" in given:
        checks = HealthCheck.objects.of(project)
        fields["health_check"] = one_of(checks.filter(pk=fields.pop("check")), "check")
    for name in ("part", "whole"):
        if name in given:
            fields[name] = one_of(Metric.objects.of(project).filter(key=given[name]), name)
    return fields


def _saved(request: ApiRequest, row: Objective | None, environment: Environment, fields: dict[str, Any]) -> Objective:
    try:
        return services.save_objective(environment=environment, now=request.now, objective=row, **fields)
    except ValidationError as error:
        raise field_faults(error, {"health_check": "check"}) from None
