"""The average of a histogram is read as one line, from its sum and its count."""

from datetime import UTC, datetime, timedelta

import pytest

from monitoring import services
from monitoring.formats.batch import Facts
from monitoring.formats.bulk import batch_of
from monitoring.formats.samples import Point
from monitoring.models import Metric, Series
from monitoring.selectors import read_lines, unit_of
from monitoring.services import Sender
from tests.factories import EnvironmentFactory

NOW = datetime(2026, 11, 19, 12, 0, tzinfo=UTC)
FAMILY = "http.server.request.duration"
pytestmark = pytest.mark.django_db


def send(points, *, is_counter):
    environment = EnvironmentFactory()
    batch = batch_of([Point(f"{FAMILY}_{part}", NOW + timedelta(minutes=at), value) for part, at, value in points])
    batch.facts.update({f"{FAMILY}_{part}": Facts(is_counter=is_counter) for part in ("sum", "count")})
    sender = Sender(environment.project_id, None, "OTLP", environment=environment.name)
    services.ingest(sender=sender, batch=batch, is_partial=True, now=NOW)
    row = Series.objects.select_related("metric").get(metric__key="response_time")
    return row, read_lines([row], NOW - timedelta(hours=1), NOW + timedelta(hours=1))[row.pk]


def test_counters_are_divided_by_what_they_grew():
    points = [("count", n - 5, 10.0 * n) for n in range(4)] + [("sum", n - 5, 2.0 * n) for n in range(4)]
    row, line = send(points, is_counter=True)
    assert line.values.tolist() == [200.0, 200.0, 200.0]  # 2 s for 10 requests, in milliseconds
    assert unit_of(row) == "ms"


def test_deltas_are_divided_as_they_are_and_nothing_has_no_average():
    points = [("count", -3, 4.0), ("sum", -3, 1.0), ("count", -2, 0.0), ("sum", -2, 0.0), ("count", -1, 1.0)]
    _, line = send(points, is_counter=False)
    assert line.values.tolist() == [250.0]


def test_busy_time_is_shown_in_per_cent():
    environment = EnvironmentFactory()
    batch = batch_of([Point("process_cpu_seconds_total", NOW - timedelta(seconds=10 * n), 9.0 - n) for n in range(3)])
    batch.facts["process_cpu_seconds_total"] = Facts(is_counter=True)
    sender = Sender(environment.project_id, None, "REMOTE_WRITE", environment=environment.name)
    services.ingest(sender=sender, batch=batch, is_partial=True, now=NOW)
    row = Series.objects.select_related("metric").get()
    assert (Metric.objects.get().key, unit_of(row)) == ("cpu_usage", "%")
    assert read_lines([row], NOW - timedelta(hours=1), NOW + timedelta(hours=1))[row.pk].values == pytest.approx(
        [10, 10]
    )
