"""API routes of this floor, below /api/v1/."""

from django.urls import path

from monitoring import api, api_alerts, api_checks, api_metrics

urlpatterns = [
    path("deployments/<uuid:deployment>/verdict", api.Gate.as_view(), name="api_verdict"),
    path("metrics", api_metrics.Metrics.as_view(), name="api_metrics"),
    path("checks", api_checks.Checks.as_view(), name="api_checks"),
    path("checks/<int:check>", api_checks.Check.as_view(), name="api_check"),
    path("checks/<int:check>/pause", api_checks.Pause.as_view(), name="api_check_pause"),
    path("checks/<int:check>/resume", api_checks.Resume.as_view(), name="api_check_resume"),
    path("rules", api_alerts.Rules.as_view(), name="api_rules"),
    path("alerts", api_alerts.Alerts.as_view(), name="api_alerts"),
]
