"""App configuration."""

from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    """The floor `monitoring`."""

    name = "monitoring"
