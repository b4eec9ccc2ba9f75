"""Pages of this floor that stand above any project."""

from django.urls import path

from deployments.views import projects

urlpatterns = [path("projects/new/", projects.project_add, name="project_add")]
