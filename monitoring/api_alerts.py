"""The REST API of alerts: what is pending, fires, or has fired."""

from typing import Any

from rest_framework import serializers
from rest_framework.response import Response

from deployments.selectors import project_of, token_of
from monitoring.models import Alert, AlertEnd, AlertSeverity, AlertState, Usefulness
from postdeploy.api import ApiRequest, Endpoint, Line, Moment, PageQuery, Word, cursor_page, paged_response
from postdeploy.openapi import operation

READ = "deployments:read"


class AlertsQuery(PageQuery):
    """Which alerts to list."""

    project = Line(required=False, max_length=60)
    state = Word(AlertState, required=False)
    rule = serializers.IntegerField(required=False, min_value=1, max_value=2**62)


class AlertOutput(serializers.ModelSerializer[Alert]):
    """One time a rule found something wrong."""

    rule = serializers.IntegerField(source="rule_id")
    rule_name = serializers.CharField(source="rule.name")
    environment = serializers.CharField(source="environment.name")
    state = Word(AlertState)
    severity = Word(AlertSeverity)
    began_at = Moment()
    fired_at = Moment(allow_null=True)
    resolved_at = Moment(allow_null=True)
    ended_by = Word(AlertEnd, allow_blank=True, help_text="Only `measured` proves that it is well again.")
    answer = Word(Usefulness, allow_blank=True, help_text="Was it useful?")

    class Meta:
        model = Alert
        fields = [
            "id", "rule", "rule_name", "environment", "subject", "state", "severity", "is_muted", "began_at",
            "fired_at", "resolved_at", "value", "worst", "latest", "detail", "ended_by", "answer", "answer_word",
        ]  # fmt: skip


class AlertsOutput(serializers.Serializer[Any]):
    """One page of alerts, the latest first."""

    items = AlertOutput(many=True)
    next = serializers.CharField(allow_null=True, help_text="The `cursor` of the next page.")


class Alerts(Endpoint):
    """What is pending, fires, or has fired in the token's project."""

    scopes = {"GET": READ}

    @operation("list_alerts", summary="List alerts", query=AlertsQuery, responses={200: AlertsOutput}, errors=[404])
    def get(self, request: ApiRequest) -> Response:
        """Return one page."""
        filters = self.query(AlertsQuery)
        project = project_of(request, filters.get("project", token_of(request).project.slug))
        rows = Alert.objects.of(project).select_related("rule", "environment")
        if "state" in filters:
            rows = rows.filter(state=filters["state"])
        if "rule" in filters:
            rows = rows.filter(rule=filters["rule"])
        items, next_cursor = cursor_page(request, rows, order=("-id",), filters=filters)
        return paged_response(request, list(AlertOutput(items, many=True).data), next_cursor)
