"""Looks into the database of a polling rig for a test: reads one line of JSON, does it, and answers with one.

A process of its own, because the test's own Django is bound to another database.
"""

import json
import sys
from datetime import UTC, datetime, timedelta

import django

django.setup()

from django.db.models.functions import Now  # noqa: E402

from deployments.models import Environment, Project  # noqa: E402
from monitoring import store  # noqa: E402
from monitoring.models import Failure, HealthCheck, Outage, PollShard, Prober, ProberOutage, Series  # noqa: E402
from monitoring.polling import grid  # noqa: E402
from monitoring.selectors import poll_lag  # noqa: E402
from monitoring.selectors.locations import locations, locations_ready  # noqa: E402


def make(checks):
    """Replace all checks; each of `checks` are the fields of one."""
    HealthCheck.objects.all().delete()
    Prober.objects.all().delete()  # whoever there was has been killed
    PollShard.objects.all().delete()
    ProberOutage.objects.all().delete()
    return add(checks)


def add(checks):
    """Make checks beside those that there are."""
    project, _ = Project.objects.get_or_create(slug="rig", defaults={"name": "Rig", "issue_prefix": "RIG"})
    environment, _ = Environment.objects.get_or_create(project=project, name="production")
    first = HealthCheck.objects.count()
    numbered = enumerate(checks, first)
    rows = [HealthCheck(environment=environment, extra_at=None, name=f"{n}", **one) for n, one in numbered]
    return [row.pk for row in HealthCheck.objects.bulk_create(rows)]


def change(pk, **fields):
    HealthCheck.objects.filter(pk=pk).update(**fields)


def slots():
    """The slots at which each check was read, in seconds, by its id."""
    series = dict(Series.objects.filter(aspect="up").values_list("pk", "health_check_id"))
    ends = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
    found = store.read(list(series), *ends)
    return {str(check): found[pk].times.tolist() for pk, check in series.items()}


def unread():
    """How many checks have neither been read nor parked."""
    return HealthCheck.objects.filter(paused_at=None, parked_until=None, first_reading_at=None).count()


def states():
    rows = HealthCheck.objects.values("pk", "state", "latest_detail", "flapping_since", "parked_until")
    return {str(row.pop("pk")): {name: value and str(value) for name, value in row.items()} for row in rows}


def counts():
    return {
        "outages": Outage.objects.count(),
        "open": Outage.objects.filter(ended_at=None).count(),
        "failures": Failure.objects.count(),
        "prober_outages": ProberOutage.objects.count(),
        "prober_outages_open": ProberOutage.objects.open().count(),
    }


def probers():
    """Those that are there, and how many shards each holds."""
    there = Prober.objects.filter(seen_at__gt=Now() - timedelta(seconds=4))
    return list(there.values_list("name", "shards"))


def ledger(since, until):
    """What is wrong: a slot between the two that was not read once, a shard of a dead process, a shard left behind."""
    wrong = []
    for check in HealthCheck.objects.filter(paused_at=None, parked_until=None):
        interval = check.interval_seconds * grid.SECOND
        read = [round(time * grid.SECOND) for time in slots().get(str(check.pk), ())]
        due = grid.next_slot(grid.phase_of(check.pk), interval, round(since * grid.SECOND))
        while due < until * grid.SECOND:
            if read.count(due) != 1:
                wrong.append(f"check {check.pk}: slot {due / grid.SECOND:.3f} was read {read.count(due)} times")
            due += interval
    alive = set(Prober.objects.values_list("key", flat=True))
    for shard in PollShard.objects.exclude(owner=""):
        if shard.owner not in alive:
            wrong.append(f"{shard} is held by {shard.owner}, who is gone")
    if lag() > 5:
        wrong.append(f"the oldest reading that was not kept was due {lag():.1f} s ago")
    return wrong


def lag():
    """Of home and of every location, where it is worst."""
    return max(poll_lag().value, *(one.lag_seconds for one in locations()), 0.0)


def read_at():
    """How many checks the processes of each location have planned."""
    there = Prober.objects.filter(seen_at__gt=Now() - timedelta(seconds=4))
    return {row.location: row.checks for row in there}


def ready():
    return locations_ready().detail


def now():
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
        return cursor.fetchone()[0]


DO = {
    function.__name__: function
    for function in (make, add, change, slots, unread, states, counts, probers, ledger, lag, read_at, ready, now)
}


def main():
    from django.db import close_old_connections

    for line in sys.stdin:
        asked = json.loads(line)
        close_old_connections()
        try:
            answer = {"is": DO[asked["do"]](*asked["with"], **asked["named"])}
        except Exception as error:
            answer = {"error": repr(error)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
