"""App configuration."""

from django.apps import AppConfig


class IssuesConfig(AppConfig):
    """The floor `issues`."""

    name = "issues"
