"""Samples go in time: partitions as a whole, rows of projects with less time; what a verdict used stays."""

from datetime import timedelta

import pytest
from django.db import OperationalError, connection, connections, transaction

from monitoring import store
from monitoring.models import (
    DayChunk,
    HeldChunk,
    Hold,
    HourRollup,
    MinuteRollup,
    Retention,
    SampleReceipt,
    Series,
    Verdict,
)
from monitoring.store import partitions, postgres, retention
from monitoring.store.shapes import DAY_US, HOUR_US
from tests.factories import SeriesFactory, VerdictFactory
from tests.monitoring.store.clock import NOW, NOW_US, TODAY, every, fold, put, stand_still

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    stand_still(monkeypatch)


@pytest.fixture
def series():
    return SeriesFactory()


def fill(series, days_ago, days=1, seconds=300):
    start = TODAY - days_ago * DAY_US
    put(series.pk, every(seconds, start, start + days * DAY_US))


def days_of(model, series):
    today = TODAY // DAY_US
    return sorted({today - day for day in model.objects.filter(series_id=series.pk).values_list("day", flat=True)})


def sizes(series, days_ago):
    start = NOW - timedelta(days=days_ago)
    return len(store.read([series.pk], start - DAY, start + DAY)[series.pk].times)


def test_samples_are_kept_thirty_days_and_their_minutes_stay(series):
    fill(series, 60, days=60)
    fold()
    found = store.rollups([series.pk], NOW - 60 * DAY, NOW, step=HOUR)[series.pk]
    assert store.drop_expired(now=NOW) > 0
    kept = days_of(DayChunk, series)
    assert kept[:30] == list(range(1, 31))
    assert kept[-1] < 30 + partitions.WIDTHS["monitoring_daychunk"]
    assert days_of(MinuteRollup, series) == list(range(kept[-1] + 1, 61))
    after = store.rollups([series.pk], NOW - 60 * DAY, NOW, step=HOUR)[series.pk]
    assert after.count.tolist() == found.count.tolist()
    assert after.total == pytest.approx(found.total)


def test_forgetting_twice_changes_nothing(series):
    fill(series, 60, days=60)
    fold()
    store.drop_expired(now=NOW)
    before = [days_of(model, series) for model in (DayChunk, MinuteRollup, HourRollup)]
    assert store.drop_expired(now=NOW) == 0
    assert [days_of(model, series) for model in (DayChunk, MinuteRollup, HourRollup)] == before


def test_minutes_go_after_ninety_days_and_hours_after_two_years(series):
    for days_ago in (10, 100, 200, 900):
        fill(series, days_ago)
    fold()
    store.drop_expired(now=NOW)
    store.drop_expired(now=NOW + 60 * DAY)
    assert days_of(DayChunk, series) == []
    assert days_of(MinuteRollup, series) == [10]
    assert days_of(HourRollup, series) == [10, 100, 200]


def test_a_project_with_less_time_loses_its_rows_earlier(series):
    other = SeriesFactory()
    Retention.objects.create(project=series.environment.project, raw_days=3, minute_days=5, hour_days=8)
    for one in (series, other):
        fill(one, 12, days=12)
    fold()
    store.drop_expired(now=NOW)
    assert days_of(DayChunk, series) == [1, 2, 3]
    assert days_of(MinuteRollup, series) == [4, 5]
    assert days_of(HourRollup, series) == list(range(1, 9))
    assert days_of(DayChunk, other) == list(range(1, 13))
    assert days_of(MinuteRollup, other) == []


def test_a_project_with_more_time_keeps_what_others_lose(series):
    other = SeriesFactory()
    Retention.objects.create(project=series.environment.project, raw_days=100)
    for one in (series, other):
        fill(one, 70)
    fold()
    store.drop_expired(now=NOW)
    assert (days_of(DayChunk, series), days_of(DayChunk, other)) == ([70], [])


def test_samples_that_a_verdict_used_are_kept_as_long_as_it(series):
    fill(series, 60, days=2)
    other = SeriesFactory()
    fill(other, 60, days=2)
    fold()
    verdict = VerdictFactory()
    start = NOW - 60 * DAY
    store.hold([series.pk], start, start + 20 * HOUR, verdict_id=verdict.pk)
    before = store.read([series.pk], start, start + 20 * HOUR)[series.pk]
    store.drop_expired(now=NOW)
    after = store.read([series.pk], start, start + 20 * HOUR)[series.pk]
    assert after.times.tolist() == before.times.tolist()
    assert after.values.tolist() == before.values.tolist()
    assert len(store.read([series.pk], NOW - 70 * DAY, NOW)[series.pk].times) == len(before.times)
    assert sizes(other, 60) == 0
    Verdict.objects.all().delete()
    store.drop_expired(now=NOW)
    assert not HeldChunk.objects.exists()
    assert sizes(series, 60) == 0


def test_nothing_is_held_of_nothing(series):
    verdict = VerdictFactory()
    store.hold([], NOW, NOW + HOUR, verdict_id=verdict.pk)
    store.hold([series.pk], NOW, NOW, verdict_id=verdict.pk)
    assert not Hold.objects.exists()


def test_late_samples_of_a_forgotten_day_fill_only_what_is_empty(series):
    start = TODAY - 60 * DAY_US
    put(series.pk, every(60, start, start + 12 * HOUR_US))
    fold()
    store.drop_expired(now=NOW)
    for _ in range(2):  # the same late samples again change nothing
        put(series.pk, every(30, start, start + DAY_US))
        fold()
        store.drop_expired(now=NOW)
    window = NOW - timedelta(days=60, hours=12, minutes=30), NOW - timedelta(days=59, hours=12, minutes=30)
    assert store.rollups([series.pk], *window, step=HOUR)[series.pk].count.tolist() == [60] * 12 + [120] * 12
    assert days_of(DayChunk, series) == []


def test_late_samples_of_a_day_that_waits_to_be_dropped_are_rolled_up_with_it(series):
    fill(series, 60)
    fold()
    (partition,) = retention._expired(retention.DAYS, TODAY // DAY_US - 30)
    assert retention._roll_some(f"SELECT series_id, day FROM {partition.name} WHERE true", [])
    put(series.pk, [TODAY - 60 * DAY_US + 1])
    fold()
    store.drop_expired(now=NOW)
    window = NOW - timedelta(days=60, hours=12, minutes=30), NOW - timedelta(days=59, hours=12, minutes=30)
    assert store.rollups([series.pk], *window, step=timedelta(minutes=1))[series.pk].count.sum() == 289


def test_partitions_are_made_ahead(series):
    store.drop_expired(now=NOW)
    names = {partition.name for partition in partitions.existing("monitoring_daychunk")}
    for days in (0, 7):
        assert partitions.partition_of("monitoring_daychunk", TODAY // DAY_US + days).name in names


def test_samples_of_deleted_series_and_old_receipts_go(series):
    fill(series, 1)
    put(series.pk, [NOW_US], source_id=1, key="old")
    SampleReceipt.objects.update(created_at=NOW - 3 * DAY)
    put(series.pk, [NOW_US], source_id=1, key="new")
    fold()
    Series.objects.filter(pk=series.pk).delete()
    store.drop_expired(now=NOW)
    assert not DayChunk.objects.exists()
    assert list(SampleReceipt.objects.values_list("key", flat=True)) == ["new"]


def test_a_failure_in_between_leaves_what_was_done_and_the_next_run_goes_on(series, monkeypatch):
    fill(series, 60, days=10)
    fold()
    real, calls = postgres.put, []

    def breaks(table, *rest):
        calls.append(table)
        if len(calls) == 3:
            raise OperationalError
        return real(table, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(postgres, "put", breaks)
        with pytest.raises(OperationalError), transaction.atomic():
            store.drop_expired(now=NOW)
    store.drop_expired(now=NOW)
    assert len(days_of(MinuteRollup, series)) == 10


@pytest.mark.django_db(transaction=True)
def test_a_reader_that_takes_long_is_not_waited_for():
    series = SeriesFactory()
    fill(series, 60)
    fold()
    other = connections.create_connection("default")
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM monitoring_daychunk")
            store.drop_expired(now=NOW)
            assert len(days_of(DayChunk, series)) == 1
        other.rollback()
        store.drop_expired(now=NOW)
        assert days_of(DayChunk, series) == []
    finally:
        other.close()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
        assert cursor.fetchone() == (0,)
