"""Addresses of the ways in that follow other people's standards, below /api/v1/."""

from django.urls import path, register_converter
from django.urls.converters import PathConverter

from monitoring.ingest.otlp import otlp
from monitoring.ingest.push import push
from monitoring.ingest.remote_write import remote_write


class Grouping(PathConverter):
    """The rest of an address with any character in it; Django's own ends at a line break."""

    regex = r"(?s:.+)"


register_converter(Grouping, "grouping")

urlpatterns = [
    path("push/metrics/<grouping:grouping>", push, name="api_push"),
    path("push/<str:environment>/metrics/<grouping:grouping>", push, name="api_push_environment"),
    path("prometheus/write", remote_write, name="api_remote_write"),
    path("otlp/v1/metrics", otlp, name="api_otlp"),
]
