"""Administration: summaries and lessons to look at; a summary once written is not edited."""

from django.contrib import admin
from django.http import HttpRequest

from reports.models import DeploymentSummary, Lesson


@admin.register(DeploymentSummary)
class DeploymentSummaryAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Versions of the record."""

    list_display = ("deployment", "version", "is_complete", "built_at", "content_hash")
    list_filter = ("is_complete",)
    list_select_related = ("deployment__environment",)
    readonly_fields = ("deployment", "version", "content", "content_hash", "is_complete", "built_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Summaries write themselves."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: DeploymentSummary | None = None) -> bool:
        """A version stays as it was written."""
        return False


@admin.register(Lesson)
class LessonAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Lessons learned."""

    list_display = ("text", "category", "deployment", "author", "created_at")
    list_filter = ("category",)
    list_select_related = ("deployment__environment", "author")
    raw_id_fields = ("deployment", "author")
