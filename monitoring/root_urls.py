"""Addresses of this floor that stand above any project: where jobs ping us, and how the installation does."""

from django.urls import path

from monitoring.views import operations
from monitoring.views.pings import ping

urlpatterns = [
    path("ping/<uuid:key>", ping, name="ping"),
    path("ping/<uuid:key>/<str:word>", ping, name="ping_word"),
    path("operations/", operations.operations, name="operations"),
    path("metrics", operations.metrics, name="metrics"),
]
