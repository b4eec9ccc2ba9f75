"""The support structure for whoever runs Postdeploy: to look, not to touch; the pages check what they take in."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from support.models import Article, Assignment, Notification, NotificationChannel, SupportTier


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


@admin.register(SupportTier)
class SupportTierAdmin(Kept):
    """Tiers."""

    list_display = ("project", "track", "level", "name", "clock_seconds")
    list_select_related = ("project",)


@admin.register(Assignment)
class AssignmentAdmin(Kept):
    """Who had what."""

    list_display = ("issue", "tier", "reason", "started_at", "escalate_at", "ended_at")
    list_select_related = ("issue__project", "tier")


@admin.register(NotificationChannel)
class NotificationChannelAdmin(Kept):
    """Channels, without their secrets."""

    list_display = ("name", "project", "kind", "address", "is_enabled", "broken_reason")
    list_select_related = ("project",)
    exclude = ("sealed_secret",)


@admin.register(Notification)
class NotificationAdmin(Kept):
    """What was told."""

    list_display = ("channel", "kind", "state", "created_at", "sent_at")
    list_filter = ("state", "kind")
    list_select_related = ("channel",)


@admin.register(Article)
class ArticleAdmin(Kept):
    """Guides."""

    list_display = ("title", "project", "kind", "updated_at")
    list_select_related = ("project",)
