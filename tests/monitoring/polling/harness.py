"""An engine whose time the test decides, and what came of a round."""

from datetime import UTC, datetime, timedelta

from monitoring import store
from monitoring.models import HealthCheck, Series
from monitoring.polling import Engine, grid
from monitoring.polling.clock import Clock
from tests.factories import HealthCheckFactory
from tests.waiting import until

NOW = datetime(2026, 11, 19, 12, 0, tzinfo=UTC)


def at(seconds):
    return NOW + timedelta(seconds=seconds)


def microseconds(moment):
    return round(moment.timestamp() * 1_000_000)


class FixedClock(Clock):
    """Stands still until it is told the time."""

    def __init__(self, now=NOW):
        super().__init__()
        self.now = now

    def set(self, database_us, *, asked_at, answered_at):
        """The database's time is of no interest here."""

    def now_us(self):
        return microseconds(self.now)


class Poller(Engine):
    """An engine that goes round when the test says so."""

    def __init__(self, now=NOW, **rest):
        super().__init__(clock=FixedClock(now), **rest)

    def round(self, now):
        """Read what is due at `now`, keep it, and return how many readings were taken."""
        self.clock.now = now
        before = self.counts.readings
        self.refresh()
        while self.start_due(self.clock.now_us()):
            pass
        until(self.is_idle, 10, "all probes to end")
        self.flush()
        return self.counts.readings - before

    def is_idle(self):
        self._gather(0.05)
        return not self._running


def check_of(target, **fields):
    """A check whose first reading is due at NOW, and then each minute on its grid."""
    return HealthCheckFactory(**{"url": target.url + "/", "extra_at": NOW} | fields)


def readings(check, aspect="up", around=NOW):
    """The samples of a check by their times."""
    series = Series.objects.get(health_check=check, aspect=aspect).pk
    found = store.read([series], around - timedelta(days=1), around + timedelta(days=1))[series]
    return dict(zip(found.times.tolist(), found.values.tolist(), strict=True))


def again(check):
    return HealthCheck.objects.get(pk=check.pk)


def slot_of(check, after, interval=60):
    """The check's next slot after a moment, in seconds since NOW."""
    due_us = grid.next_slot(grid.phase_of(check.pk), interval * grid.SECOND, microseconds(after))
    return (due_us - microseconds(NOW)) / grid.SECOND
