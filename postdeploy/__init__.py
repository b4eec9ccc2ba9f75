"""The ground: settings, urls, wiring, API conventions and the library every floor stands on. Imports no app."""

from postdeploy.celery import app as celery_app

__all__ = ["celery_app"]
__version__ = "0.1.0"
