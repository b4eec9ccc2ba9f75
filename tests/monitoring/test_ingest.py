"""Samples of metrics come in; what is unknown is made, a repeat changes nothing."""

from datetime import UTC, datetime, timedelta

import pytest

from monitoring import services, store
from monitoring.formats.samples import Point
from monitoring.models import Metric, Series
from monitoring.services import metrics as metrics_module
from tests.factories import EnvironmentFactory, MetricFactory

NOW = datetime(2026, 11, 19, 12, 0, tzinfo=UTC)
pytestmark = pytest.mark.django_db


@pytest.fixture
def environment():
    return EnvironmentFactory()


def send(environment, *points):
    return services.ingest(environment=environment, points=points, now=NOW)


def at(minutes):
    return NOW + timedelta(minutes=minutes)


def values(series):
    return store.read([series.pk], at(-600), at(600))[series.pk].values.tolist()


def test_an_unknown_metric_is_made_with_a_guess_at_what_it_is(environment):
    assert send(environment, Point("orders", NOW, 12.0)).accepted == 1
    metric = Metric.objects.get()
    assert (metric.project, metric.key, metric.name) == (environment.project, "orders", "Orders")
    assert (metric.kind, metric.bad_direction) == ("BUSINESS_COUNT", "DOWN")
    assert values(Series.objects.get()) == [12.0]


def test_a_known_metric_keeps_what_a_person_said_of_it(environment):
    MetricFactory(project=environment.project, key="orders", bad_direction="UP", unit="pieces")
    send(environment, Point("orders", NOW, 12.0, unit="EUR"))
    metric = Metric.objects.get()
    assert (metric.bad_direction, metric.unit) == ("UP", "pieces")


def test_the_same_batch_again_changes_nothing(environment):
    batch = [Point("orders", at(n), float(n)) for n in range(5)]
    assert send(environment, *batch) == services.Ingested(5, 0)
    assert send(environment, *batch, Point("orders", at(9), 9.0)) == services.Ingested(1, 5)


def test_labels_make_series_of_their_own_in_any_order(environment):
    send(environment, Point("orders", NOW, 1.0, {"shop": "eu", "app": "web"}))
    send(environment, Point("orders", at(1), 2.0, {"app": "web", "shop": "eu"}), Point("orders", NOW, 3.0))
    assert sorted(values(series) for series in Series.objects.all()) == [[1.0, 2.0], [3.0]]


def test_environments_have_series_of_their_own(environment):
    send(environment, Point("orders", NOW, 1.0))
    send(EnvironmentFactory(project=environment.project, name="staging"), Point("orders", NOW, 1.0))
    assert (Metric.objects.count(), Series.objects.count()) == (1, 2)


def test_too_many_series_are_refused_as_a_whole(environment, monkeypatch):
    monkeypatch.setattr(metrics_module, "MAX_SERIES_OF_PROJECT", 3)
    send(environment, Point("orders", NOW, 1.0))
    too_many = [Point("orders", NOW, 1.0, {"user": str(n)}) for n in range(3)]
    with pytest.raises(services.TooManySeries, match="3 new series; the project has 1 and may have 3"):
        send(environment, *too_many)
    assert Series.objects.count() == 1


def test_another_worker_that_made_the_same_metric_first_does_no_harm(environment, monkeypatch):
    real = metrics_module._known_metrics
    calls = []

    def made_in_between(project, keys):
        found = real(project, keys)
        if not calls:
            MetricFactory(project=project, key="orders")
        calls.append(1)
        return found

    monkeypatch.setattr(metrics_module, "_known_metrics", made_in_between)
    assert send(environment, Point("orders", NOW, 1.0)).accepted == 1
    assert Metric.objects.count() == 1


def test_the_number_of_queries_does_not_grow_with_the_samples(environment, django_assert_num_queries):
    send(environment, Point("orders", NOW, 1.0))
    with django_assert_num_queries(6):  # savepoint, metrics, series, samples, release
        send(environment, *(Point("orders", at(n), 1.0) for n in range(1, 500)))
