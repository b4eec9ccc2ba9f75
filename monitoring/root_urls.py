"""Pages of this floor that stand above any project."""

from django.urls import path

from monitoring.views import operations

urlpatterns = [
    path("operations/", operations.operations, name="operations"),
    path("metrics", operations.metrics, name="metrics"),
]
