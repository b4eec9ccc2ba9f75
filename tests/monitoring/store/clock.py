"""Time in tests of the store: the clock that compaction reads, and days of samples."""

from datetime import UTC, datetime

import numpy as np

from monitoring import store
from monitoring.store import compaction
from monitoring.store.shapes import DAY_US, SECOND_US

NOW = datetime(2026, 11, 19, 12, 30, tzinfo=UTC)
NOW_US = store.microseconds(NOW)
TODAY = NOW_US // DAY_US * DAY_US


def stand_still(monkeypatch, at_us=NOW_US):
    """Have compaction read this time from the database, and wait for nothing that is late."""
    monkeypatch.setattr(compaction, "now_us", lambda: at_us)
    monkeypatch.setattr(compaction, "QUIET_SECONDS", 0)


def every(seconds, start_us, end_us):
    return np.arange(start_us, end_us, seconds * SECOND_US)


def put(series, times, values=None, **more):
    values = np.arange(len(times), dtype=float) if values is None else values
    return store.append(np.full(len(times), series), times, values, **more)


def fold(folded=None):
    """Fold all that can be folded; return how many samples left the log."""
    done = 0
    while step := compaction.fold_log(folded, at_once=True):
        done += step
    while compaction.fold_hours():
        pass
    while compaction.seal_day():
        pass
    return done
