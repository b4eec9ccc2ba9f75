"""Ten million samples are forgotten while others come in: nobody waits, and a killed process loses nothing."""

import os
import signal
import threading
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.db import connection, connections

from monitoring import store
from monitoring.models import DayChunk, MinuteRollup
from monitoring.store import partitions, postgres, tiers
from monitoring.store.codec import pack_chunk
from monitoring.store.rollcodec import pack_rolled, rolled
from monitoring.store.shapes import DAY_US, SECOND_US
from tests.factories import SeriesFactory
from tests.waiting import until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

NOW = datetime(2026, 11, 19, 12, 30, tzinfo=UTC)
TODAY = store.microseconds(NOW) // DAY_US
SERIES, DAYS, PER_DAY = 60, 21, 8640
OLDEST = TODAY - 60
DAY_ROW = [("series_id", "int8"), ("day", "int4"), ("first_us", "int8"), ("last_us", "int8"), ("count", "int4")]
#: Nobody may be kept waiting so long by the locks of others, in seconds.
LONGEST_WAIT = 1.0


def fill(series):
    """Days of samples as compaction leaves them, and their roll-ups by the hour."""
    values = np.round(np.random.default_rng(7).lognormal(4, 0.3, PER_DAY), 3)
    for day in range(OLDEST, OLDEST + DAYS):
        partitions.ensure(day)
        times = day * DAY_US + np.arange(PER_DAY) * 10 * SECOND_US
        body, hours = pack_chunk(times, values), pack_rolled(rolled(times, values, 3600))
        row = day, int(times[0]), int(times[-1]), PER_DAY, body
        postgres.put("monitoring_daychunk", DAY_ROW, [(one, *row) for one in series])
        postgres.put(tiers.HOURS, DAY_ROW[:2], [(one, day, hours) for one in series])


class Sender(threading.Thread):
    """Appends batches of 1000 samples and reads until told to stop; keeps how long each took."""

    def __init__(self, series):
        super().__init__()
        self.series, self.is_over, self.taken, self.sent = series, threading.Event(), [], 0

    def run(self):
        while not self.is_over.is_set():
            times = store.microseconds(NOW) + self.sent * SECOND_US + np.arange(1000)
            began = time.monotonic()
            store.append(np.resize(self.series, 1000), times, np.ones(1000))
            store.read([self.series[0]], NOW - timedelta(days=58), NOW - timedelta(days=57))
            self.taken.append(time.monotonic() - began)
            self.sent += 1
        connection.close()


class Watcher(threading.Thread):
    """Notes for how long any session waits for a lock."""

    def __init__(self):
        super().__init__()
        self.is_over, self.longest = threading.Event(), 0.0

    def run(self):
        with connection.cursor() as cursor:
            while not self.is_over.wait(0.05):
                cursor.execute(
                    "SELECT coalesce(max(extract(epoch FROM clock_timestamp() - waitstart)), 0) FROM pg_locks"
                    " WHERE NOT granted AND waitstart IS NOT NULL"
                )
                self.longest = max(self.longest, float(cursor.fetchone()[0]))
        connection.close()


def forgetting():
    """A process that forgets; returns its id."""
    connections.close_all()
    if pid := os.fork():
        return pid
    try:
        store.drop_expired(now=NOW)
    except BaseException:
        os._exit(3)
    os._exit(0)


def test_forgetting_ten_million_samples_keeps_nobody_waiting_and_survives_a_kill():
    series = [SeriesFactory().pk for _ in range(SERIES)]
    fill(series)
    assert SERIES * DAYS * PER_DAY > 10_000_000
    first = forgetting()
    until(MinuteRollup.objects.count, what="the first roll-ups by the minute")
    os.kill(first, signal.SIGKILL)
    os.waitpid(first, 0)
    rolled_up = MinuteRollup.objects.count()
    assert 0 < rolled_up < SERIES * DAYS
    assert DayChunk.objects.count() == SERIES * DAYS

    second = forgetting()
    sender, watcher = Sender(series), Watcher()
    for thread in (sender, watcher):
        thread.start()
    _, status = os.waitpid(second, 0)
    for thread in (sender, watcher):
        thread.is_over.set()
        thread.join()
    assert os.WEXITSTATUS(status) == 0
    assert not DayChunk.objects.exists()
    assert MinuteRollup.objects.count() == SERIES * DAYS
    assert watcher.longest < LONGEST_WAIT
    assert max(sender.taken) < LONGEST_WAIT
    assert sorted(sender.taken)[int(len(sender.taken) * 0.99)] < LONGEST_WAIT / 4

    found = store.rollups(series, NOW - timedelta(days=61), NOW - timedelta(days=30), step=timedelta(days=1))
    assert {tuple(one.count.tolist()) for one in found.values()} == {(PER_DAY,) * DAYS}
    kept = store.read(series, NOW, NOW + timedelta(days=1))
    assert sum(len(samples.times) for samples in kept.values()) == sender.sent * 1000
