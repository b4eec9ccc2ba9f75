"""Bells of this floor; who hears them stands in `postdeploy/wiring.py`."""

from django.dispatch import Signal

period_opened = Signal()
outage_began = Signal()
outage_ended = Signal()
verdict_reached = Signal()
alert_fired = Signal()
alert_resolved = Signal()
source_due = Signal()
replay_requested = Signal()
