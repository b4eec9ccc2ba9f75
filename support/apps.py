"""App configuration."""

from django.apps import AppConfig


class SupportConfig(AppConfig):
    """The floor `support`."""

    name = "support"
