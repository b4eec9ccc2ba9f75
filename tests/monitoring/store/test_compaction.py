"""Folding changes how samples are kept and never what is read: in any order, by two at once, however late they come."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitoring import store
from monitoring.models import DayChunk, HourChunk, HourRollup, SampleBatch, SampleRun
from monitoring.store import compaction, postgres
from monitoring.store.shapes import DAY_US, HOUR_US, SECOND_US
from tests.at_once import at_once
from tests.factories import SeriesFactory
from tests.monitoring.store.clock import NOW, NOW_US, TODAY, every, fold, put, stand_still

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    stand_still(monkeypatch)


@pytest.fixture
def series():
    return SeriesFactory().pk


def everything(*series):
    found = store.read(series, NOW - timedelta(days=400), NOW + timedelta(days=400))
    return {one: (samples.times.tolist(), samples.values.tolist()) for one, samples in found.items()}


def test_the_samples_are_the_same_before_and_after_each_step(series):
    other = SeriesFactory().pk
    put(series, every(10, TODAY - 2 * DAY_US, NOW_US))
    put(other, every(60, TODAY - DAY_US, NOW_US))
    before = everything(series, other)
    assert len(before[series][0]) == 2 * 8640 + 4500
    compaction.fold_log(at_once=True)
    assert not SampleBatch.objects.exists()
    assert everything(series, other) == before
    while compaction.fold_hours():
        assert everything(series, other) == before
    assert HourChunk.objects.filter(series_id=series).count() == 12
    while compaction.seal_day():
        assert everything(series, other) == before
    assert DayChunk.objects.filter(series_id=series).count() == 2
    assert SampleRun.objects.exists()  # the hour that lasts


def test_hours_wait_for_their_end_and_days_too(series, monkeypatch):
    put(series, every(60, TODAY, NOW_US))
    fold()
    assert HourChunk.objects.count() == 12
    monkeypatch.setattr(compaction, "now_us", lambda: TODAY + DAY_US + 16 * 60 * SECOND_US)
    fold()
    assert (HourChunk.objects.count(), SampleRun.objects.count(), DayChunk.objects.count()) == (0, 0, 1)


def test_a_short_young_log_is_left_alone(series):
    put(series, [NOW_US])
    assert store.compact() == 0
    assert SampleBatch.objects.count() == 1


def test_many_rows_are_folded_and_samples_counted_by_source(series):
    for n in range(compaction.MANY_BATCHES):
        put(series, [NOW_US + n], source_id=7 + n % 2)
    put(series, [NOW_US - 1])
    counted = []
    assert store.compact(folded=counted.append) == compaction.MANY_BATCHES + 1
    assert counted == [{7: compaction.MANY_BATCHES / 2, 8: compaction.MANY_BATCHES / 2}]
    assert len(everything(series)[series][0]) == compaction.MANY_BATCHES + 1


def test_an_old_row_is_folded_however_few_there_are(series):
    put(series, [NOW_US])
    SampleBatch.objects.update(created_at=datetime.now(UTC) - timedelta(minutes=11))
    assert store.compact() == 1


def test_many_samples_are_folded(series, monkeypatch):
    monkeypatch.setattr(compaction, "MANY_SAMPLES", 100)
    put(series, every(1, NOW_US - 100 * SECOND_US, NOW_US))
    assert store.compact() == 100


def test_the_first_value_of_a_time_stays_whatever_has_been_folded_by_then(series):
    times = [TODAY - DAY_US + HOUR_US, TODAY + HOUR_US, NOW_US]
    for value in (1.0, 2.0, 3.0):
        put(series, times, [value] * 3)
        fold()
    put(series, times, [4.0] * 3)
    assert everything(series)[series][1] == [1.0] * 3


def test_late_samples_are_added_to_hours_and_days_and_their_rollups(series):
    yesterday = TODAY - DAY_US
    put(series, every(120, yesterday, NOW_US), None)
    fold()
    put(series, every(120, yesterday + 60 * SECOND_US, NOW_US), None)
    fold()
    assert len(everything(series)[series][0]) == 24 * 60 + 12 * 60 + 30
    hours = store.rollups([series], NOW - timedelta(hours=36, minutes=30), NOW, step=timedelta(hours=1))[series]
    assert hours.count.tolist() == [60] * 36 + [30]
    assert DayChunk.objects.count() == HourRollup.objects.count() == 1


def test_backfill_of_weeks_is_folded_into_days(series):
    first = TODAY - 30 * DAY_US
    put(series, every(300, first, TODAY))
    before = everything(series)
    fold()
    assert DayChunk.objects.filter(series_id=series).count() == 30
    assert everything(series) == before


def test_late_samples_are_waited_for_until_they_cease_and_can_be_read_meanwhile(series, monkeypatch):
    monkeypatch.setattr(compaction, "QUIET_SECONDS", 60)
    put(series, every(300, TODAY - DAY_US, TODAY))
    fold()
    assert (SampleRun.objects.count(), DayChunk.objects.count()) == (1, 0)
    assert len(everything(series)[series][0]) == 288
    SampleRun.objects.update(created_at=datetime.now(UTC) - timedelta(seconds=61))
    fold()
    assert (SampleRun.objects.count(), DayChunk.objects.count()) == (0, 1)


def test_late_samples_that_never_cease_are_not_waited_for_for_ever(series, monkeypatch):
    monkeypatch.setattr(compaction, "QUIET_SECONDS", 60)
    put(series, [TODAY - DAY_US])
    fold()
    SampleRun.objects.update(created_at=datetime.now(UTC) - timedelta(seconds=601))
    put(series, [TODAY - 1])
    fold()
    assert DayChunk.objects.get().count == 2


def test_a_day_of_many_samples_is_kept_in_several_rows(series, monkeypatch):
    monkeypatch.setattr(compaction, "LONGEST_CHUNK", 1000)
    put(series, every(60, TODAY - DAY_US, TODAY))
    before = everything(series)
    fold()
    assert [row.count for row in DayChunk.objects.order_by("first_us")] == [1000, 440]
    assert everything(series) == before
    put(series, [TODAY - DAY_US + 1])
    fold()
    assert sum(row.count for row in DayChunk.objects.all()) == 1441


def test_the_future_can_be_read_and_waits(series):
    put(series, [NOW_US + 3 * DAY_US])
    fold()
    assert SampleRun.objects.count() == 1
    assert len(everything(series)[series][0]) == 1


def test_samples_of_a_deleted_series_go(series):
    put(series, every(60, TODAY - DAY_US, TODAY))
    put(10**9, every(60, TODAY - DAY_US, TODAY))
    fold()
    assert set(DayChunk.objects.values_list("series_id", flat=True)) == {series}


def test_a_step_that_fails_has_done_nothing(series, monkeypatch):
    put(series, every(60, TODAY - DAY_US, NOW_US))
    before = everything(series)

    def broken(ids):
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(compaction, "_delete_runs", broken)
        with pytest.raises(RuntimeError):
            fold()
    assert everything(series) == before
    fold()
    assert everything(series) == before


SAMPLES = st.lists(
    st.tuples(st.integers(0, 3), st.integers(-3 * 86_400, 45_000), st.floats(-100, 100)), min_size=1, max_size=40
)
ACTIONS = st.lists(st.one_of(SAMPLES, st.sampled_from(["log", "hours", "days"])), max_size=12)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ACTIONS)
def test_whatever_the_order_of_appending_and_folding_the_first_value_of_each_time_is_read(actions):
    numbers = [SeriesFactory().pk for _ in range(4)]
    wanted = {}
    for action in actions:
        if isinstance(action, list):
            for place, second, value in action:
                wanted.setdefault((numbers[place], second), value)
            columns = zip(*action, strict=True)
            places, seconds, values = (np.array(column) for column in columns)
            store.append(np.array(numbers)[places], TODAY + seconds * SECOND_US, values)
        elif action == "log":
            compaction.fold_log(at_once=True)
        else:
            step = compaction.fold_hours if action == "hours" else compaction.seal_day
            while step():
                pass
        found = store.read(numbers, NOW - timedelta(days=9), NOW + timedelta(days=9))
        read = {
            (series, round(at) - TODAY // SECOND_US): value
            for series, samples in found.items()
            for at, value in zip(*samples, strict=True)
        }
        assert read == wanted
        newest = store.tail(numbers, 3)
        assert {s: t.values.tolist() for s, t in newest.items()} == {
            s: f.values[-3:].tolist() for s, f in found.items()
        }


# --- the log ----------------------------------------------------------------------------------------------------------


def test_the_same_key_of_a_source_is_stored_once(series):
    assert put(series, [NOW_US], [1.0], source_id=1, key="a")
    assert not put(series, [NOW_US + 1], [2.0], source_id=1, key="a")
    assert put(series, [NOW_US + 2], [3.0], source_id=2, key="a")
    assert put(series, [NOW_US + 3], [4.0], key="a")
    assert everything(series)[series][1] == [1.0, 3.0, 4.0]


def test_a_key_is_known_after_its_batch_was_folded(series):
    put(series, [NOW_US], [1.0], source_id=1, key="a")
    fold()
    assert not put(series, [NOW_US], [1.0], source_id=1, key="a")


def test_a_key_may_be_long(series):
    assert put(series, [NOW_US], source_id=1, key="k" * 1000)
    assert not put(series, [NOW_US], source_id=1, key="k" * 1000)
    assert put(series, [NOW_US], source_id=1, key="k" * 1001)


@pytest.mark.parametrize("bad", [([1], [1, 2], [1.0]), ([1], [1], [float("nan")]), ([1], [1], [float("inf")])])
def test_columns_of_other_lengths_and_values_that_are_none_are_refused(bad):
    with pytest.raises(ValueError, match=r"one length|finite"):
        store.append(*bad)


@pytest.mark.django_db(transaction=True)
def test_of_a_key_sent_many_times_at_once_one_batch_is_stored():
    series = SeriesFactory().pk

    def send():
        with transaction.atomic():
            return put(series, [NOW_US], source_id=1, key="a")

    assert sorted(at_once(send, 4)) == [False, False, False, True]
    assert SampleBatch.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_compactors_at_once_lose_and_double_nothing():
    series = SeriesFactory().pk
    put(series, every(60, TODAY - DAY_US, NOW_US))
    for n in range(50):
        put(series, [NOW_US + n])
    before = everything(series)
    at_once(fold, 3)
    assert everything(series) == before
    fold()
    assert everything(series) == before
    assert sum(DayChunk.objects.values_list("count", flat=True)) == 24 * 60


def test_reading_is_one_statement_and_so_of_one_moment(series, monkeypatch):
    put(series, [NOW_US])
    asked = []
    real = postgres.rows
    monkeypatch.setattr(postgres, "rows", lambda *some: asked.append(some) or real(*some))
    assert len(everything(series)[series][0]) == 1
    assert len(asked) == 1
