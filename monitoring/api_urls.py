"""API routes of this floor, below /api/v1/."""

from django.urls import path

from monitoring import (
    api,
    api_alerts,
    api_checks,
    api_maintenance,
    api_metrics,
    api_objectives,
    api_replays,
    api_rules,
    api_rulings,
    api_sources,
)

urlpatterns = [
    path("deployments/<uuid:deployment>/verdict", api.Gate.as_view(), name="api_verdict"),
    path("deployments/<uuid:deployment>/rulings", api_rulings.Rulings.as_view(), name="api_rulings"),
    path("metrics", api_metrics.Metrics.as_view(), name="api_metrics"),
    path("checks", api_checks.Checks.as_view(), name="api_checks"),
    path("checks/<int:check>", api_checks.Check.as_view(), name="api_check"),
    path("checks/<int:check>/pause", api_checks.Pause.as_view(), name="api_check_pause"),
    path("checks/<int:check>/resume", api_checks.Resume.as_view(), name="api_check_resume"),
    path("rules", api_rules.Rules.as_view(), name="api_rules"),
    path("rules/<int:rule>", api_rules.Rule.as_view(), name="api_rule"),
    path("objectives", api_objectives.Objectives.as_view(), name="api_objectives"),
    path("objectives/<int:objective>", api_objectives.OneObjective.as_view(), name="api_objective"),
    path("maintenance", api_maintenance.Windows.as_view(), name="api_maintenance"),
    path("maintenance/<int:window>/end", api_maintenance.WindowEnd.as_view(), name="api_maintenance_end"),
    path("replays", api_replays.Replays.as_view(), name="api_replays"),
    path("replays/<int:replay>", api_replays.OneReplay.as_view(), name="api_replay"),
    path("replays/<int:replay>/verdicts", api_replays.ReplayedVerdicts.as_view(), name="api_replay_verdicts"),
    path("replays/<int:replay>/stop", api_replays.ReplayStop.as_view(), name="api_replay_stop"),
    path("sources", api_sources.Sources.as_view(), name="api_sources"),
    path("alerts", api_alerts.Alerts.as_view(), name="api_alerts"),
]
