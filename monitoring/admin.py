"""Django's administration, for what has no page of its own: metrics above all."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin

from monitoring.models import (
    Failure,
    Finding,
    HealthCheck,
    Metric,
    MonitoringPeriod,
    MonitoringPolicy,
    Outage,
    Retention,
    Series,
    Verdict,
)

if TYPE_CHECKING:
    Admin = admin.ModelAdmin[Any]
else:
    Admin = admin.ModelAdmin


@admin.register(HealthCheck)
class HealthCheckAdmin(Admin):
    """Checks; headers are edited on the check's page, where they are encrypted."""

    list_display = ("name", "kind", "environment", "target", "state", "state_since", "paused_at")
    list_filter = ("kind", "state", "environment__project")
    search_fields = ("name", "target")
    list_select_related = ("environment",)


@admin.register(Metric)
class MetricAdmin(Admin):
    """Metrics: what each is, and what counts."""

    list_display = ("name", "key", "project", "unit", "kind", "bad_direction", "hard_limit", "is_critical", "is_muted")
    list_filter = ("project", "kind", "category", "is_muted")
    search_fields = ("name", "key")


@admin.register(Series)
class SeriesAdmin(Admin):
    """Series."""

    list_display = ("pk", "environment", "metric", "health_check", "aspect", "labels")
    list_select_related = ("environment", "metric", "health_check")


@admin.register(Retention)
class RetentionAdmin(Admin):
    """How long projects keep what they measure; one without a row has the defaults."""

    list_display = ("project", "raw_days", "minute_days", "hour_days")


@admin.register(MonitoringPolicy)
class MonitoringPolicyAdmin(Admin):
    """Policies."""

    list_display = ("environment", "initial_seconds", "extended_seconds")


class Record(Admin):
    """What the machine wrote: to be read, not to be changed."""

    def has_add_permission(self, request: object) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: object, obj: object = None) -> bool:
        """Never."""
        return False


@admin.register(MonitoringPeriod)
class MonitoringPeriodAdmin(Record):
    """Periods."""

    list_display = ("deployment", "stage", "status", "opens_at", "closes_at", "result", "next_look_at")
    list_filter = ("status", "stage", "result")
    list_select_related = ("deployment__environment",)


@admin.register(Verdict)
class VerdictAdmin(Record):
    """Verdicts."""

    list_display = ("period", "looked_at", "result", "is_final", "sentence")
    list_filter = ("is_final", "result")
    list_select_related = ("period__deployment__environment",)


@admin.register(Finding)
class FindingAdmin(Record):
    """Findings."""

    list_display = ("name", "result", "sentence")
    list_filter = ("result",)


@admin.register(Outage)
class OutageAdmin(Record):
    """Outages."""

    list_display = ("health_check", "began_at", "confirmed_at", "ended_at", "cause")
    list_select_related = ("health_check",)


@admin.register(Failure)
class FailureAdmin(Record):
    """Failed readings."""

    list_display = ("health_check", "scheduled_at", "kind", "detail")
    list_select_related = ("health_check",)
