"""App configuration."""

from django.apps import AppConfig


class DeploymentsConfig(AppConfig):
    """The floor `deployments`."""

    name = "deployments"
