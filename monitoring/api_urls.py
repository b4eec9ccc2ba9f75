"""API routes of this floor, below /api/v1/."""

from django.urls import path

from monitoring import api, api_alerts, api_metrics

urlpatterns = [
    path("deployments/<uuid:deployment>/verdict", api.Gate.as_view(), name="api_verdict"),
    path("metrics", api_metrics.Metrics.as_view(), name="api_metrics"),
    path("checks", api.Checks.as_view(), name="api_checks"),
    path("rules", api_alerts.Rules.as_view(), name="api_rules"),
    path("alerts", api_alerts.Alerts.as_view(), name="api_alerts"),
]
