"""Roll-ups and percentiles: the same numbers from the log, from chunks and from the tiers."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from monitoring import store
from monitoring.models import DayChunk, HourRollup, MinuteRollup
from monitoring.store import tiers
from monitoring.store.rollcodec import NOT_ROLLED, pack_rolled, rolled, unpack_rolled, with_late
from monitoring.store.shapes import DAY_US, HOUR_US, SECOND_US
from tests.factories import SeriesFactory
from tests.monitoring.store.clock import NOW, NOW_US, TODAY, every, fold, put, stand_still

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MIDNIGHT = datetime(2026, 11, 19, tzinfo=UTC)
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    stand_still(monkeypatch)


@pytest.fixture
def series():
    return SeriesFactory().pk


def noise(count):
    return np.round(np.random.default_rng(7).lognormal(4, 0.5, count), 3)


def same(one, other):
    assert one.starts.tolist() == other.starts.tolist()
    assert one.count.tolist() == other.count.tolist()
    for name in ("total", "least", "greatest", "first", "last"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-12)


def test_a_bucket_says_how_many_how_much_least_greatest_first_and_last(series):
    put(series, [NOW_US, NOW_US + 1, NOW_US + 59 * SECOND_US, NOW_US + 61 * SECOND_US], [3.0, 1.0, 5.0, 7.0])
    found = store.rollups([series], NOW, NOW + HOUR, step=MINUTE)[series]
    assert found.starts.tolist() == [NOW.timestamp(), NOW.timestamp() + 60]
    assert found.count.tolist() == [3, 1]
    assert (found.total[0], found.least[0], found.greatest[0], found.first[0], found.last[0]) == (9, 1, 5, 3, 5)


def test_buckets_are_aligned_to_the_epoch_and_cut_by_the_window(series):
    put(series, every(60, TODAY, NOW_US))
    found = store.rollups([series], NOW - timedelta(minutes=50), NOW, step=HOUR)[series]
    assert found.count.tolist() == [20, 30]
    assert found.starts.tolist() == [NOW.timestamp() - 5400, NOW.timestamp() - 1800]


def test_a_step_below_a_minute_is_refused(series):
    with pytest.raises(ValueError, match="minute"):
        store.rollups([series], NOW, NOW + HOUR, step=timedelta(seconds=59))


def test_nothing_and_no_time_have_no_buckets(series):
    assert store.rollups([], NOW, NOW + DAY, step=HOUR) == {}
    assert store.rollups([series], NOW, NOW + DAY, step=HOUR)[series].count.tolist() == []
    assert store.rollups([series], NOW, NOW, step=HOUR)[series].count.tolist() == []


@pytest.mark.parametrize("step", [MINUTE, HOUR, DAY, timedelta(days=7), timedelta(minutes=90)])
def test_roll_ups_are_the_same_before_and_after_folding(series, step):
    times = every(60, TODAY - 9 * DAY_US, NOW_US)
    put(series, times, noise(len(times)))
    window = NOW - timedelta(days=8, hours=5), NOW
    before = store.rollups([series], *window, step=step)[series]
    fold()
    same(store.rollups([series], *window, step=step)[series], before)


def test_days_that_are_over_are_not_unpacked_for_hours(series):
    put(series, every(60, TODAY - 3 * DAY_US, TODAY))
    fold()
    DayChunk.objects.all().delete()
    found = store.rollups([series], MIDNIGHT - 3 * DAY, MIDNIGHT, step=HOUR)[series]
    assert found.count.tolist() == [60] * 72


def test_late_samples_that_wait_are_in_the_roll_ups_of_hours(series):
    put(series, every(60, TODAY - 2 * DAY_US, TODAY))
    fold()
    put(series, [TODAY - DAY_US + 1])
    found = store.rollups([series], MIDNIGHT - 2 * DAY, MIDNIGHT, step=HOUR)[series]
    assert found.count.tolist() == [60] * 24 + [61] + [60] * 23


def test_where_samples_are_gone_minutes_are_left_and_then_hours(series):
    times = every(10, TODAY - DAY_US, TODAY)
    put(series, times, noise(len(times)))
    fold()
    window = MIDNIGHT - DAY, MIDNIGHT
    minutes, hours = (store.rollups([series], *window, step=step)[series] for step in (MINUTE, HOUR))
    line = {series: store.reading.read_lines([series], TODAY - DAY_US, TODAY)[series]}
    tiers.replace(tiers.MINUTES, TODAY // DAY_US - 1, {series: rolled(*line[series], 60)})
    DayChunk.objects.all().delete()
    same(store.rollups([series], *window, step=MINUTE)[series], minutes)
    same(store.rollups([series], *window, step=HOUR)[series], hours)
    part = store.rollups([series], MIDNIGHT - DAY, MIDNIGHT - DAY / 2, step=MINUTE)[series]
    assert part.count.tolist() == [6] * 720
    MinuteRollup.objects.all().delete()
    same(store.rollups([series], *window, step=HOUR)[series], hours)
    same(store.rollups([series], *window, step=MINUTE)[series], hours)


def test_sums_that_no_float_can_hold_are_the_greatest_and_never_no_number(series):
    extremes = [1e308, 1e308, -1e308, -1e308, -1e308]
    put(series, NOW_US + np.arange(5) * SECOND_US, extremes)
    put(series, NOW_US + np.arange(60, 65) * SECOND_US, [-value for value in extremes])
    for step in (MINUTE, HOUR):
        found = store.rollups([series], NOW, NOW + HOUR, step=step)[series]
        assert np.isfinite(found.total).all()
    assert np.isfinite(store.percentiles([series], NOW, NOW + HOUR, [0.25, 0.5, 0.75])[series]).all()
    fold()


# --- percentiles ------------------------------------------------------------------------------------------------------

QUANTILES = [0.0, 0.5, 0.95, 0.99, 1.0]


def test_percentiles_of_a_day_are_exact(series):
    times = every(10, TODAY - DAY_US, TODAY)
    values = noise(len(times))
    put(series, times, values)
    for _ in range(2):
        found = store.percentiles([series], MIDNIGHT - DAY, MIDNIGHT, QUANTILES)[series]
        assert found == pytest.approx(np.quantile(values, QUANTILES))
        fold()


def test_percentiles_of_a_long_window_are_within_one_percent(series):
    times = every(60, TODAY - 9 * DAY_US, NOW_US)
    values = noise(len(times))
    put(series, times, values)
    fold()
    since = NOW - timedelta(days=8, hours=5)
    inside = np.sort(values[times >= store.microseconds(since)])
    found = store.percentiles([series], since, NOW, QUANTILES)[series]
    wanted = inside[np.floor(np.array(QUANTILES) * (len(inside) - 1)).astype(int)]
    assert found == pytest.approx(wanted, rel=0.01)


def test_percentiles_of_nothing_are_no_numbers(series):
    assert np.isnan(store.percentiles([series], NOW, NOW + DAY, [0.5])[series]).all()
    assert store.percentiles([], NOW, NOW + DAY, [0.5]) == {}


# --- the bytes --------------------------------------------------------------------------------------------------------


def test_roll_ups_come_back_from_their_bytes():
    values = np.concatenate([noise(500), -noise(100), [0.0, 0.0]])
    before = rolled(TODAY + np.arange(len(values)) * 7 * SECOND_US, values, 60)
    after = unpack_rolled(pack_rolled(before))
    for name in ("starts", "count", "total", "least", "greatest", "first", "last"):
        assert getattr(after.rollups, name).tolist() == getattr(before.rollups, name).tolist()
    assert after.sizes.tolist() == before.sizes.tolist()
    assert after.keys.tolist() == before.keys.tolist()
    assert after.counts.tolist() == before.counts.tolist()
    assert int(after.counts.sum()) == len(values)


def test_no_roll_ups_come_back_too():
    assert len(unpack_rolled(pack_rolled(NOT_ROLLED)).sizes) == 0
    assert len(rolled(np.empty(0, np.int64), np.empty(0), 60).sizes) == 0


def test_what_comes_late_fills_only_what_is_empty():
    known = rolled(np.array([0, 2 * HOUR_US]), np.array([1.0, 3.0]), 3600)
    late = rolled(np.array([1, HOUR_US]), np.array([9.0, 2.0]), 3600)
    both = with_late(known, late)
    assert both.rollups.total.tolist() == [1.0, 2.0, 3.0]
    assert [len(one.buckets) for one in both.sketches()] == [1, 1, 1]


def test_a_day_that_came_late_is_rolled_up_by_the_hour(series):
    put(series, every(3600, TODAY - 40 * DAY_US, TODAY - 39 * DAY_US))
    fold()
    assert HourRollup.objects.count() == 1
