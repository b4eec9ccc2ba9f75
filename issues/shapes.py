"""What goes in and out of the issue log's API."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse
from rest_framework import serializers

from issues.models import Issue, IssueEvent, IssueStatus, Occurrence, Severity
from postdeploy.api import Choice, Line, Moment, PageQuery, StrictSerializer, Text, Word
from postdeploy.lib import facets

STATUS_FILTERS = ("open", "closed", *(status.lower() for status in IssueStatus.values))


class IssueOutput(serializers.Serializer[Any]):
    """An issue, with what higher floors add (its tier and clock)."""

    id = serializers.CharField(help_text="Opaque; the addresses below take it as well as the reference.")
    reference = serializers.CharField(help_text="The short name, such as SHOP-142.")
    project = serializers.CharField()
    environment = serializers.CharField(allow_null=True)
    deployment = serializers.UUIDField(allow_null=True, help_text="The deployment it is thought to come from.")
    version = serializers.CharField(allow_null=True)
    title = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    impact = serializers.CharField(allow_blank=True)
    severity = Word(Severity)
    status = Word(IssueStatus)
    owner = serializers.CharField(allow_null=True, help_text="User name.")
    resolution = serializers.CharField(allow_blank=True)
    plan = serializers.CharField(allow_blank=True)
    opened_at = Moment()
    resolved_at = Moment(allow_null=True)
    verified_at = Moment(allow_null=True)
    revision = serializers.IntegerField(help_text="Grows with each change; send it to be sure that nothing is undone.")
    url = serializers.URLField(help_text="The page for people.")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Return the fields, those of the facets at the end."""
        fields = super().get_fields()
        for facet in facets.facets("issue"):
            fields |= facet.serializer().get_fields()
        return fields


class OccurrenceOutput(serializers.Serializer[Any]):
    """One sighting."""

    source = serializers.CharField(help_text="finding, outage, person or api.")  # type: ignore[assignment]
    occurred_at = Moment()
    ended_at = Moment(allow_null=True)
    detail = serializers.CharField(allow_blank=True)


class EventOutput(serializers.Serializer[Any]):
    """One line of the story."""

    kind = serializers.CharField()
    occurred_at = Moment()
    actor = serializers.CharField()
    text = serializers.CharField(allow_blank=True)
    changes = serializers.DictField(help_text="Field: [before, after].")


class IssueDetail(IssueOutput):
    """An issue with its sightings and its story, oldest first."""

    occurrences = OccurrenceOutput(many=True)
    events = EventOutput(many=True)


class IssuePage(serializers.Serializer[Any]):
    """One page of the log, newest first."""

    items = IssueOutput(many=True)
    next = serializers.CharField(allow_null=True)


class IssueQuery(PageQuery):
    """What narrows the log."""

    project = Line(required=False, max_length=60, help_text="Slug of the project.")
    environment = Line(required=False, max_length=100)
    severity = Word(Severity, required=False)
    status = Choice(
        STATUS_FILTERS,
        required=False,
        help_text="open is everything that is not verified yet, closed is verified.",
    )
    deployment = serializers.UUIDField(required=False)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Return the fields, those of the facets at the end."""
        fields = super().get_fields()
        for facet in facets.facets("issue"):
            for name, words in facet.filters.items():
                fields[name] = Line(required=False, max_length=100, help_text=words)
        return fields


class IssueInput(StrictSerializer):
    """A problem that somebody saw."""

    project = Line(max_length=60, help_text="Slug of the project.")
    title = Line(max_length=200)
    severity = Word(Severity)
    environment = Line(required=False, max_length=100)
    deployment = serializers.UUIDField(required=False, help_text="The deployment it is thought to come from.")
    description = Text(required=False, allow_blank=True, max_length=20_000)
    impact = Text(required=False, allow_blank=True, max_length=5000)
    plan = Text(required=False, allow_blank=True, max_length=5000)


class CommentInput(StrictSerializer):
    """An update."""

    text = Text(max_length=20_000)


class MoveInput(StrictSerializer):
    """A step of the process, with what the step needs."""

    status = Word(IssueStatus)
    resolution = Text(required=False, allow_blank=True, max_length=5000, help_text="What resolved it.")
    owner = Line(required=False, max_length=254, help_text="User name or e-mail address of a responder.")
    reason = Text(required=False, allow_blank=True, max_length=2000, help_text="Why it is reopened.")
    revision = serializers.IntegerField(required=False, min_value=1, help_text="Refused (409) if it is not the latest.")


def shown(
    issues: Sequence[Issue], serializer: type[IssueOutput], *, now: datetime, **more: Any
) -> list[dict[str, Any]]:
    """Return `issues` as they are answered, with what the facets add and `more` fields."""
    added = facets.describe("issue", issues, now=now)
    return [dict(serializer({**_fields(issue), **added[issue.pk], **more}).data) for issue in issues]


def detail(issue: Issue, *, now: datetime) -> dict[str, Any]:
    """Return one issue with its sightings and its story."""
    occurrences = [_occurrence(occurrence) for occurrence in issue.occurrences.all()]
    events = [event_facts(event) for event in issue.events.select_related("actor")]
    return shown([issue], IssueDetail, now=now, occurrences=occurrences, events=events)[0]


def _fields(issue: Issue) -> dict[str, Any]:
    path = reverse("issue", kwargs={"project": issue.project.slug, "reference": issue.reference})
    own = ("title", "description", "impact", "severity", "status", "resolution", "plan", "revision")
    times = ("opened_at", "resolved_at", "verified_at")
    return {
        "id": str(issue.pk),
        "reference": issue.reference,
        "project": issue.project.slug,
        "environment": issue.environment.name if issue.environment else None,
        "deployment": issue.deployment_id,
        "version": issue.deployment.version if issue.deployment else None,
        "owner": issue.owner.username if issue.owner else None,
        "url": settings.SITE_URL + path,
        **{name: getattr(issue, name) for name in (*own, *times)},
    }


def _occurrence(occurrence: Occurrence) -> dict[str, Any]:
    return {
        "source": occurrence.source.lower(),
        "occurred_at": occurrence.occurred_at,
        "ended_at": occurrence.ended_at,
        "detail": occurrence.detail,
    }


def event_facts(event: IssueEvent) -> dict[str, Any]:
    """Return one line of the story for `EventOutput`."""
    return {
        "kind": event.kind.lower(),
        "occurred_at": event.occurred_at,
        "actor": event.actor.username if event.actor else event.actor_name,
        "text": event.text,
        "changes": event.changes,
    }
