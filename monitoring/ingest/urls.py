"""Addresses of the ways in that follow other people's standards, below /api/v1/."""

from django.urls import path

from monitoring.ingest.otlp import otlp
from monitoring.ingest.push import push
from monitoring.ingest.remote_write import remote_write

urlpatterns = [
    path("push/metrics/<path:grouping>", push, name="api_push"),
    path("push/<str:environment>/metrics/<path:grouping>", push, name="api_push_environment"),
    path("prometheus/write", remote_write, name="api_remote_write"),
    path("otlp/v1/metrics", otlp, name="api_otlp"),
]
