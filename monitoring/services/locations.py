"""Named locations: their workers are woken, and where there is none its checks say so."""

from datetime import datetime

from django.db import transaction

from monitoring.models import CheckState, HealthCheck
from monitoring.selectors.locations import Location, locations
from postdeploy import queues, wiring
from postdeploy.lib.locations import queue_of

POLL = "monitoring.tasks.poll_due"


def mind_locations(*, now: datetime) -> int:
    """Wake the workers of every location that has checks; return how many checks were found that nobody reads.

    These become unknown, and are read at once when a worker is there again.
    """
    found = locations()
    if found:
        queues.wake(POLL, [queue_of(location.name, wiring.ROUTES[POLL]) for location in found])
    return sum(_say_that_nobody_reads(location, now) for location in found if location.is_silent)


def _say_that_nobody_reads(location: Location, now: datetime) -> int:
    """As when nobody could look: what was up is not known any more, an outage goes on.

    `extra_at` makes whoever reads a check next write down what it finds, also a worker that was only cut off from us
    and believes that nothing has changed.
    """
    told = location.silence
    untold = HealthCheck.objects.active().filter(location=location.name).exclude(latest_detail=told)
    with transaction.atomic():
        rows = list(untold.select_for_update(no_key=True, skip_locked=True).order_by("pk").values_list("pk", flat=True))
        ours = HealthCheck.objects.filter(pk__in=rows)
        unknown = {"state": CheckState.UNKNOWN, "state_since": now, "failures_in_a_row": 0, "failing_since": None}
        ours.filter(state=CheckState.UP).update(**unknown)
        return ours.update(latest_detail=told, extra_at=now)
