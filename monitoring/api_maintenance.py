"""The REST API of planned maintenance: list, plan, and end windows."""

from typing import Any

from django.core.exceptions import ValidationError
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.response import Response

from deployments.models import Scope
from deployments.selectors import project_of, token_of
from monitoring import services
from monitoring.models import HealthCheck, MaintenanceWindow
from monitoring.selectors.maintenance import Planned, planned
from postdeploy.api import (
    ApiRequest,
    Endpoint,
    Flag,
    Line,
    Moment,
    Nothing,
    PageQuery,
    StrictSerializer,
    cursor_page,
    field_faults,
    one_of,
    paged_response,
    row_at,
)
from postdeploy.lib.times import format_time
from postdeploy.openapi import operation

READ, WRITE = Scope.DEPLOYMENTS_READ.value, Scope.CHECKS_WRITE.value
PARTS = ("environment", "health_check__environment")
STATES = ("now", "planned", "over")


class WindowsQuery(PageQuery):
    """Which windows to list."""

    project = Line(required=False, max_length=60)
    is_over = Flag(required=False, help_text="Only what is over, or only what is not.")

    def to_internal_value(self, data: Any) -> Any:
        """Take the words of an address for a flag."""
        words = {"true": True, "false": False}
        values = {name: words.get(value, value) if name == "is_over" else value for name, value in data.items()}
        return super().to_internal_value(values)


class WindowOutput(serializers.ModelSerializer[MaintenanceWindow]):
    """A planned window: of one check, of one environment, or of all of the project."""

    environment = serializers.CharField(source="environment.name", default=None, allow_null=True)
    check = serializers.IntegerField(source="health_check_id", allow_null=True)
    starts_at = Moment(help_text="Of a weekly one: in its first week.")
    ends_at = Moment()
    ended_at = Moment(allow_null=True, help_text="Ended or called off before its time.")
    state = serializers.SerializerMethodField(help_text=f"One of: {', '.join(STATES)}.")
    next_starts_at = serializers.SerializerMethodField(help_text="Its present or next stretch; null when it is over.")
    next_ends_at = serializers.SerializerMethodField()

    class Meta:
        model = MaintenanceWindow
        fields = [
            "id", "reason", "environment", "check", "starts_at", "ends_at", "every_week", "ended_at", "state",
            "next_starts_at", "next_ends_at",
        ]  # fmt: skip

    def _stretch(self, window: MaintenanceWindow) -> Planned | None:
        stretch: Planned | None = self.context["planned"].get(window.pk)
        return stretch

    def get_state(self, window: MaintenanceWindow) -> str:
        """Tell whether it is on, comes, or is over."""
        stretch = self._stretch(window)
        if stretch is None:
            return "over"
        return "now" if stretch.is_now else "planned"

    @extend_schema_field(Moment(allow_null=True))
    def get_next_starts_at(self, window: MaintenanceWindow) -> str | None:
        """Return when its present or next stretch begins."""
        stretch = self._stretch(window)
        return format_time(stretch.starts_at) if stretch else None

    @extend_schema_field(Moment(allow_null=True))
    def get_next_ends_at(self, window: MaintenanceWindow) -> str | None:
        """Return when its present or next stretch ends."""
        stretch = self._stretch(window)
        return format_time(stretch.ends_at) if stretch else None


class WindowsOutput(serializers.Serializer[Any]):
    """One page of windows, the latest planned first."""

    items = WindowOutput(many=True)
    next = serializers.CharField(allow_null=True, help_text="The `cursor` of the next page.")


class WindowInput(StrictSerializer):
    """A window to plan: of `check`, of `environment`, or of all of the project."""

    project = Line(max_length=60)
    reason = Line(max_length=200, help_text="It stands in the charts.")
    starts_at = Moment(required=False, help_text="Now, if left out; not in the past.")
    ends_at = Moment()
    environment = Line(required=False, max_length=100)
    check = serializers.IntegerField(required=False, min_value=1, max_value=2**62)
    every_week = Flag(required=False, help_text="Again at the same time of each week, counted in UTC.")


class Windows(Endpoint):
    """The maintenance of the token's project."""

    scopes = {"GET": READ, "POST": WRITE}

    @operation(
        "list_maintenance",
        summary="List planned maintenance",
        query=WindowsQuery,
        responses={200: WindowsOutput},
        errors=[404],
    )
    def get(self, request: ApiRequest) -> Response:
        """Return one page."""
        filters = self.query(WindowsQuery)
        project = project_of(request, filters.get("project", token_of(request).project.slug))
        rows = MaintenanceWindow.objects.of(project).select_related(*PARTS)
        if "is_over" in filters:
            current = MaintenanceWindow.objects.of(project).current(at=request.now)
            rows = rows.exclude(pk__in=current) if filters["is_over"] else rows.filter(pk__in=current)
        items, next_cursor = cursor_page(request, rows, order=("-id",), filters=filters)
        return paged_response(request, _shown(request, items), next_cursor)

    @operation(
        "plan_maintenance",
        summary="Plan maintenance",
        request=WindowInput,
        responses={201: WindowOutput},
        errors=[404],
        description="While it lasts, what it covers is neither read nor judged, and the time does not count.",
    )
    def post(self, request: ApiRequest) -> Response:
        """Plan a window."""
        given = {"starts_at": request.now, **self.body(WindowInput)}
        project = project_of(request, given.pop("project"))
        if "environment" in given:
            given["environment"] = one_of(project.environments.filter(name=given["environment"]), "environment")
        if "check" in given:
            checks = HealthCheck.objects.of(project).select_related("environment")
            given["check"] = one_of(checks.filter(pk=given["check"]), "check")
        try:
            window = services.plan_maintenance(project=project, by=None, now=request.now, **given)
        except ValidationError as error:
            raise field_faults(error, {}) from None
        return Response(_shown(request, [window])[0], status=201)


class WindowEnd(Endpoint):
    """The end of one window."""

    scopes = {"POST": WRITE}

    @operation(
        "end_maintenance",
        summary="End maintenance, or call it off",
        request=Nothing,
        responses={200: WindowOutput},
        errors=[404],
        description="Checks are read again at once. One that is over stays as it is.",
    )
    def post(self, request: ApiRequest, window: int) -> Response:
        """End it now."""
        self.body(Nothing)
        services.end_maintenance(window=_found(request, window), now=request.now)
        return Response(_shown(request, [_found(request, window)])[0])


def _found(request: ApiRequest, pk: int) -> MaintenanceWindow:
    """Return the window; Refused (404) when there is none that the token may see."""
    rows = MaintenanceWindow.objects.of(token_of(request).project).select_related(*PARTS)
    return row_at(rows, pk, "maintenance")


def _shown(request: ApiRequest, items: list[MaintenanceWindow]) -> list[dict[str, Any]]:
    coming = {one.window.pk: one for one in planned(items, request.now)}
    return list(WindowOutput(items, many=True, context={"planned": coming}).data)
