"""Django's administration: people above all, and a plain look at what was reported."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.http import HttpRequest

from deployments.models import (
    ApiToken,
    ConfigurationChange,
    Deployment,
    DeploymentEvent,
    Environment,
    Membership,
    Project,
    SystemChange,
    User,
)

if TYPE_CHECKING:  # generic for the type checker only
    Admin = admin.ModelAdmin[Any]
    Inline = admin.TabularInline[Any, Any]
else:
    Admin = admin.ModelAdmin
    Inline = admin.TabularInline

admin.site.register(User, UserAdmin)


class ReadOnly:
    """Nothing is added, changed or removed here."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nothing is added."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nothing is changed."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nothing is removed."""
        return False


class MembershipInline(Inline):
    """The members of a project."""

    model = Membership
    autocomplete_fields = ["user"]
    extra = 0


@admin.register(Project)
class ProjectAdmin(Admin):
    """Projects with their members."""

    list_display = ["name", "slug", "issue_prefix", "created_at"]
    search_fields = ["name", "slug"]
    inlines = [MembershipInline]


@admin.register(Environment)
class EnvironmentAdmin(Admin):
    """Environments."""

    list_display = ["name", "project", "tier", "confirmed_at"]
    list_filter = ["tier", "project"]
    search_fields = ["name"]


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnly, Admin):
    """Tokens; they are made and revoked on the project's own page."""

    list_display = ["name", "project", "prefix", "latest_use_at", "expires_at", "revoked_at"]
    list_filter = ["project"]
    exclude = ["digest"]


class EventInline(ReadOnly, Inline):
    """What was reported of a deployment."""

    model = DeploymentEvent


class SystemChangeInline(ReadOnly, Inline):
    """Components that it changed."""

    model = SystemChange


class ConfigurationChangeInline(ReadOnly, Inline):
    """Settings that it changed."""

    model = ConfigurationChange


@admin.register(Deployment)
class DeploymentAdmin(ReadOnly, Admin):
    """Deployments, as they were reported."""

    list_display = ["version", "project", "environment", "status", "kind", "occurred_at"]
    list_filter = ["status", "kind", "project"]
    search_fields = ["version", "revision", "external_id"]
    exclude = ["report"]
    inlines = [EventInline, SystemChangeInline, ConfigurationChangeInline]
