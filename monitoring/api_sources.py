"""The REST API of sources: who sends samples or is asked for them, what is stored of it and what was refused."""

from typing import Any

from rest_framework import serializers
from rest_framework.response import Response

from deployments.selectors import project_of, token_of
from monitoring.models import RefusalReason, Source, SourceKind
from monitoring.selectors.sources import rows_of
from postdeploy.api import ApiRequest, Endpoint, Line, Moment, PageQuery, Word, cursor_page, paged_response
from postdeploy.openapi import operation

READ = "deployments:read"


class SourcesQuery(PageQuery):
    """Which sources to list."""

    project = Line(required=False, max_length=60)
    kind = Word(SourceKind, required=False)


class RefusalOutput(serializers.Serializer[Any]):
    """What of a source was refused for one reason."""

    reason = Word(RefusalReason)
    sentence = serializers.CharField()
    example = serializers.CharField(allow_blank=True)
    count = serializers.IntegerField()
    first_at = Moment()
    latest_at = Moment()


class SourceOutput(serializers.Serializer[Any]):
    """One source of samples and how it stands; what it needs to sign in, and where it is, is not answered."""

    id = serializers.IntegerField(source="source.pk")
    name = serializers.CharField(source="source.name")
    kind = Word(SourceKind, source="source.kind")
    environment = serializers.CharField(
        source="source.environment.name", default=None, allow_null=True, help_text="For samples that name none."
    )
    state = serializers.CharField(help_text="`up`, `degraded`, `unknown` (silent) or `paused`.")
    word = serializers.CharField(help_text="The same in words, such as `Some is refused`.")
    detail = serializers.CharField(source="source.latest_detail", allow_blank=True, help_text="Of the latest fetch.")
    accepted = serializers.IntegerField(help_text="Samples stored in all.")
    refused = serializers.IntegerField(help_text="Samples and requests refused in all, as far as not forgotten.")
    latest_at = Moment(allow_null=True)
    refusals = RefusalOutput(many=True)


class SourcesOutput(serializers.Serializer[Any]):
    """One page of sources, in the order they were made."""

    items = SourceOutput(many=True)
    next = serializers.CharField(allow_null=True, help_text="The `cursor` of the next page.")


class Sources(Endpoint):
    """The sources of the token's project."""

    scopes = {"GET": READ}

    @operation(
        "list_sources",
        summary="List the sources of samples",
        query=SourcesQuery,
        responses={200: SourcesOutput},
        errors=[404],
    )
    def get(self, request: ApiRequest) -> Response:
        """Return one page."""
        filters = self.query(SourcesQuery)
        project = project_of(request, filters.get("project", token_of(request).project.slug))
        rows = Source.objects.of(project).select_related("token", "environment").prefetch_related("refusals")
        rows = rows.filter(kind=filters["kind"]) if "kind" in filters else rows
        items, next_cursor = cursor_page(request, rows, order=("id",), filters=filters)
        return paged_response(request, list(SourceOutput(rows_of(items, now=request.now), many=True).data), next_cursor)
