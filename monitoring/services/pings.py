"""Pings of heartbeats: a job says that it starts, that it ran well or that it failed."""

import uuid
from datetime import datetime, timedelta

from django.db import transaction

from monitoring.models import CheckState, HealthCheck, Ping, PingSignal
from monitoring.services.checks import read_soon

#: So many pings of a check are kept; a job that pings more often in a minute is refused.
KEPT = 200
MOST_IN_A_MINUTE = 60


class TooManyPings(Exception):
    """This job pings without end."""


def record_ping(*, key: uuid.UUID, signal: str, note: str, now: datetime) -> bool:
    """Keep a ping; the check is judged at once when that may change its state. False when no heartbeat has this key."""
    check = HealthCheck.objects.filter(ping_key=key).first()
    if check is None:
        return False
    pings = Ping.objects.filter(health_check=check)
    if pings.filter(at__gt=now - timedelta(minutes=1)).count() >= MOST_IN_A_MINUTE:
        raise TooManyPings
    with transaction.atomic():
        pings.create(health_check=check, at=now, signal=signal, note=note[:2000])
        _forget_old(check)
    if signal == PingSignal.FAIL or check.state != CheckState.UP:
        read_soon(check=check, now=now)
    return True


def _forget_old(check: HealthCheck) -> None:
    """Forget all but the latest pings, and never the latest of its kind: it is what the check is judged by."""
    pings = Ping.objects.filter(health_check=check)
    oldest_kept = pings.order_by("-at").values_list("at", flat=True)[KEPT - 1 : KEPT].first()
    if oldest_kept is None:
        return
    latest = pings.order_by("signal", "-at").distinct("signal").values_list("pk", flat=True)
    pings.filter(at__lt=oldest_kept).exclude(pk__in=list(latest)).delete()
