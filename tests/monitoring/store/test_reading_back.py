"""The store: what was appended is read back exactly, a repeat changes nothing."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from monitoring import store
from tests.factories import SeriesFactory
from tests.samples import store_samples

T0 = datetime(2026, 11, 19, 12, 0, tzinfo=UTC)


def times(count, step=60):
    return [T0 + timedelta(seconds=n * step) for n in range(count)]


@pytest.fixture
def series(db):
    return SeriesFactory().pk


def test_what_was_appended_is_read_back_exactly(series):
    values = [0.1, 1e-300, -1.7976931348623157e308, 123456.789]
    assert store_samples([series] * 4, times(4), values)
    found = store.read([series], T0, T0 + timedelta(hours=1))[series]
    assert found.values.tolist() == values
    assert found.times.tolist() == [at.timestamp() for at in times(4)]


def test_microseconds_survive(series):
    at = datetime(2026, 11, 19, 12, 0, 0, 123457, tzinfo=UTC)
    store_samples([series], [at], [1.0])
    assert store.latest([series])[series].at == at


def test_a_repeat_is_not_stored_again_and_the_first_value_stays(series):
    store_samples([series] * 2, times(2), [1.0, 2.0])
    store_samples([series] * 3, times(3), [9.0, 9.0, 3.0])
    assert store.read([series], T0, T0 + timedelta(hours=1))[series].values.tolist() == [1.0, 2.0, 3.0]


def test_a_repeat_within_one_call_is_stored_once(series):
    store_samples([series] * 2, [T0, T0], [1.0, 2.0])
    assert store.read([series], T0, T0 + timedelta(hours=1))[series].values.tolist() == [1.0]


def test_nothing_appended_is_nothing_new(db):
    assert store.append([], [], [])


def test_the_end_of_a_window_is_not_part_of_it(series):
    store_samples([series] * 3, times(3), [1.0, 2.0, 3.0])
    assert store.read([series], T0, T0 + timedelta(seconds=120))[series].values.tolist() == [1.0, 2.0]


def test_samples_come_in_the_order_of_time_however_they_arrived(series):
    store_samples([series] * 3, list(reversed(times(3))), [3.0, 2.0, 1.0])
    assert store.read([series], T0, T0 + timedelta(hours=1))[series].values.tolist() == [1.0, 2.0, 3.0]


def test_many_series_are_read_at_once_and_kept_apart(db):
    first, second, empty = (SeriesFactory(environment__project__slug=f"p{n}").pk for n in range(3))
    store_samples([second, first, second], [T0, T0, T0 + timedelta(seconds=1)], [2.0, 1.0, 2.5])
    found = store.read([first, second, empty], T0, T0 + timedelta(hours=1))
    assert [found[key].values.tolist() for key in (first, second, empty)] == [[1.0], [2.0, 2.5], []]


def test_the_tail_is_the_latest_readings_oldest_first(series):
    store_samples([series] * 10, times(10), [float(n) for n in range(10)])
    assert store.tail([series], 3)[series].values.tolist() == [7.0, 8.0, 9.0]


def test_a_series_without_samples_has_no_latest(series):
    assert store.latest([series]) == {}


def test_asking_for_no_series_asks_the_database_nothing(db):
    with CaptureQueriesContext(connection) as queries:
        assert store.read([], T0, T0) == {}
    assert len(queries) == 0


def test_a_short_line_is_not_thinned():
    line = np.arange(10.0)
    assert store.thin(line, line, 400).values.tolist() == line.tolist()


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=3000), st.integers(10, 400))
def test_thinning_keeps_the_extremes_and_the_order(values, points):
    line = store.thin(np.arange(len(values), dtype=float), np.array(values), points)
    assert len(line.values) <= points + 1
    assert line.values.min() == min(values)
    assert line.values.max() == max(values)
    assert (np.diff(line.times) > 0).all()
