"""A process that folds or forgets is killed before and after each of its statements: nothing lost, nothing doubled."""

import os
import signal
from datetime import timedelta

import numpy as np
import pytest
from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from monitoring import store
from monitoring.models import DayChunk, HourChunk, MinuteRollup, SampleBatch
from monitoring.store import compaction, postgres
from monitoring.store.shapes import DAY_US
from tests.factories import SeriesFactory
from tests.monitoring.store.clock import NOW, NOW_US, TODAY, every, put, stand_still
from tests.waiting import until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    stand_still(monkeypatch)


def kill_at(place):
    """Have this process killed when so many doors were passed: one before and one behind each statement and commit."""
    doors = [0]

    def door():
        doors[0] += 1
        if doors[0] == place:
            os.kill(os.getpid(), signal.SIGKILL)

    def guarded(work):
        def step(*some, **more):
            door()
            done = work(*some, **more)
            done = list(done) if work.__name__ == "rows" else done
            door()
            return done

        return step

    for name in ("rows", "put", "run", "change"):
        setattr(postgres, name, guarded(getattr(postgres, name)))
    BaseDatabaseWrapper.commit = guarded(BaseDatabaseWrapper.commit)


def in_a_process(work, place):
    """Do `work` in a process that is killed at `place`; True if it came to its end."""
    connections.close_all()
    pid = os.fork()
    if not pid:
        kill_at(place)
        try:
            work()
        except BaseException:
            os._exit(3)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    until(lambda: not locks(), what="the end of the killed process' session")
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return not os.WIFSIGNALED(status)


def locks():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pid FROM pg_locks WHERE locktype = 'advisory'")
        return cursor.fetchall()


def killed_everywhere(work, check):
    """Do `work` again and again, each time killed one door later, until it comes to its end; how often that was."""
    place = 1
    while not in_a_process(work, place):
        check()
        place += 1
    check()
    return place


def everything(*series):
    found = store.read(series, NOW - timedelta(days=400), NOW + timedelta(days=400))
    return {one: (samples.times.tolist(), samples.values.tolist()) for one, samples in found.items()}


def fold_log():
    compaction.fold_log(at_once=True)


def fold_hours():
    while compaction.fold_hours():
        pass


def seal():
    while compaction.seal_day():
        pass


def test_a_killed_compactor_loses_and_doubles_nothing_at_any_step():
    series = [SeriesFactory().pk for _ in range(3)]
    for one in series:
        put(one, every(600, TODAY - DAY_US, NOW_US))
    before = everything(*series)

    def unchanged():
        assert everything(*series) == before

    for step in (fold_log, fold_hours, seal):
        assert killed_everywhere(step, unchanged) > 10
    assert not SampleBatch.objects.exists()
    assert (HourChunk.objects.count(), DayChunk.objects.count()) == (36, 3)


def test_a_compactor_killed_while_it_adds_late_samples_loses_and_doubles_nothing():
    series = SeriesFactory().pk
    put(series, every(600, TODAY - DAY_US, NOW_US))
    for step in (fold_log, fold_hours, seal):
        step()
    put(series, every(900, TODAY - DAY_US, NOW_US), np.full(146, -1.0))
    before = everything(series)

    def unchanged():
        assert everything(series) == before

    for step in (fold_log, fold_hours, seal):
        killed_everywhere(step, unchanged)
    counted = store.rollups([series], NOW - timedelta(hours=36, minutes=30), NOW, step=timedelta(hours=1))[series]
    assert counted.count.sum() == len(before[series][0])


def test_forgetting_that_is_killed_at_any_step_goes_on_and_loses_no_roll_up():
    series = SeriesFactory().pk
    put(series, every(3600, TODAY - 60 * DAY_US, TODAY - 57 * DAY_US))
    fold_log()
    seal()
    window = NOW - timedelta(days=61), NOW

    def summed(step):
        found = store.rollups([series], *window, step=step)[series]
        return found.starts.tolist(), found.count.tolist(), found.total.tolist()

    steps = timedelta(minutes=1), timedelta(hours=1)
    before = [summed(step) for step in steps]

    def unchanged():
        assert [summed(step) for step in steps] == before

    assert killed_everywhere(lambda: store.drop_expired(now=NOW), unchanged) > 10
    assert (DayChunk.objects.count(), MinuteRollup.objects.count()) == (0, 3)
