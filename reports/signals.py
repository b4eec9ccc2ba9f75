"""Bells of this floor; who hears them stands in `postdeploy/wiring.py`."""

from django.dispatch import Signal

lesson_written = Signal()
summary_ready = Signal()
