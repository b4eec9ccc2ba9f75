"""App configuration."""

from django.apps import AppConfig


class ReportsConfig(AppConfig):
    """The floor `reports`."""

    name = "reports"
