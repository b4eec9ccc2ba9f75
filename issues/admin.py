"""The issue log for whoever runs Postdeploy: to look, not to touch; changes go through the process."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from issues.models import Issue, IssueEvent, Occurrence


class Kept(admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows that nobody adds, changes or deletes by hand."""

    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False


@admin.register(Issue)
class IssueAdmin(Kept):
    """Issues."""

    list_display = ("reference", "title", "severity", "status", "owner", "opened_at")
    list_filter = ("project", "severity", "status")
    list_select_related = ("project", "owner")
    search_fields = ("title", "description")


@admin.register(Occurrence)
class OccurrenceAdmin(Kept):
    """Sightings."""

    list_display = ("issue", "source", "occurred_at", "detail")
    list_select_related = ("issue__project",)


@admin.register(IssueEvent)
class IssueEventAdmin(Kept):
    """Lines of stories."""

    list_display = ("issue", "kind", "occurred_at", "actor", "text")
    list_select_related = ("issue__project", "actor")
