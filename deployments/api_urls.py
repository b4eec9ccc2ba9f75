"""API routes of this floor, below /api/v1/."""

from django.urls import path

from deployments import api

urlpatterns = [
    path("deployments", api.Deployments.as_view(), name="api_deployments"),
    path("deployments/<uuid:deployment>", api.OneDeployment.as_view(), name="api_deployment"),
    path("deployments/<uuid:deployment>/start", api.Start.as_view(), name="api_deployment_start"),
    path("deployments/<uuid:deployment>/finish", api.Finish.as_view(), name="api_deployment_finish"),
    path("deployments/<uuid:deployment>/cancel", api.Cancel.as_view(), name="api_deployment_cancel"),
    path("deployments/<uuid:deployment>/rollback", api.Rollback.as_view(), name="api_deployment_rollback"),
    path("deployments/<uuid:deployment>/changes", api.Changes.as_view(), name="api_deployment_changes"),
]
