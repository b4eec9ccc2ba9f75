"""Bells of this floor; who hears them stands in `postdeploy/wiring.py`."""

from django.dispatch import Signal

assignment_made = Signal()
notification_queued = Signal()
