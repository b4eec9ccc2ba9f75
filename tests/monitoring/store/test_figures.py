"""How the store is doing: what waits, since when, and what each tier takes."""

import pytest
from django.db import connection

from monitoring import store
from monitoring.models import SampleBatch
from monitoring.store.figures import _TABLES
from monitoring.store.shapes import DAY_US
from tests.factories import SeriesFactory
from tests.monitoring.store.clock import NOW, TODAY, every, fold, put, stand_still

pytestmark = pytest.mark.django_db


def test_what_waits_is_counted_and_what_is_folded_takes_room(monkeypatch):
    stand_still(monkeypatch)
    series = SeriesFactory().pk
    for tables in _TABLES.values():  # what other tests have undone still takes room
        connection.cursor().execute(f"TRUNCATE {', '.join(tables)}")
    empty = store.figures()
    assert (empty.rows_waiting, empty.samples_waiting, empty.oldest_waiting_seconds) == (0, 0, 0)
    put(series, every(60, TODAY - DAY_US, TODAY))
    put(series, [TODAY])
    SampleBatch.objects.update(created_at=NOW.replace(year=2020))
    waiting = store.figures()
    assert (waiting.rows_waiting, waiting.samples_waiting) == (2, 1441)
    assert waiting.oldest_waiting_seconds > 365 * 86_400
    fold()
    folded = store.figures()
    assert folded.rows_waiting == 0
    assert folded.bytes_by_tier["days"] > empty.bytes_by_tier["days"]
    assert folded.bytes_by_tier["hour roll-ups"] > empty.bytes_by_tier["hour roll-ups"]
    assert set(folded.bytes_by_tier) == {"log", "hours", "days", "minute roll-ups", "hour roll-ups", "held"}
