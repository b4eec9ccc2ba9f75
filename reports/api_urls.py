"""API routes of this floor, below /api/v1/."""

from django.urls import path

from reports import api

urlpatterns = [
    path("deployments/<uuid:deployment>/summary.md", api.SummaryMarkdown.as_view(), name="api_summary_md"),
    path("deployments/<uuid:deployment>/summary.html", api.SummaryHtml.as_view(), name="api_summary_html"),
    path("deployments/<uuid:deployment>/summary.json", api.SummaryJson.as_view(), name="api_summary_json"),
]
