"""Bells of this floor; who hears them stands in `postdeploy/wiring.py`."""

from django.dispatch import Signal

deployment_reported = Signal()
deployment_finished = Signal()
