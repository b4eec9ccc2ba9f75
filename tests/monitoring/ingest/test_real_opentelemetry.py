"""The OpenTelemetry SDK exports to us, in protobuf, plain and compressed: what it was told is what we hold."""

import os

import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.metrics import Observation
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider, UpDownCounter
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource

from monitoring.models import Metric, MetricLimits, Refusal
from tests.factories import ApiTokenFactory
from tests.monitoring.ingest.stored import keys, series_of, values_of

pytestmark = pytest.mark.django_db(transaction=True)

RESOURCE = Resource({"service.name": "web", "service.version": "1.2", "deployment.environment.name": "production"})
DELTA = dict.fromkeys((Counter, Histogram, UpDownCounter), AggregationTemporality.DELTA)


@pytest.fixture
def token():
    return ApiTokenFactory(scopes=["metrics:write"])


@pytest.fixture
def provider(live_server, token, monkeypatch):
    """Makes a provider whose `force_flush` sends; `flushed` tells whether the exporter took it for a success."""
    # For good it would start a thread in every child of this process, and one with threads can enter no namespace.
    monkeypatch.setattr(os, "register_at_fork", lambda **_: None)
    made = []

    def make(compression=Compression.Gzip, views=(), temporality=None):
        exporter = OTLPMetricExporter(
            endpoint=f"{live_server.url}/api/v1/otlp/v1/metrics",
            headers={"Authorization": f"Bearer {token.text}"},
            compression=compression,
            preferred_temporality=temporality,
            timeout=10,
        )
        reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
        made.append(MeterProvider(resource=RESOURCE, metric_readers=[reader], views=views))
        return made[-1]

    yield make
    for each in made:
        each.shutdown()


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_numbers_that_arrive_are_those_that_were_sent(provider, compression):
    telling = provider(compression)
    meter = telling.get_meter("shop")
    orders = meter.create_counter("orders.shipped", unit="{order}", description="Orders that left the house")
    carts = meter.create_up_down_counter("carts.open")
    meter.create_observable_gauge("oven.temperature", [lambda _: [Observation(-0.1, {"oven": "2"})]], unit="Cel")
    orders.add(3, {"country": "de"})
    orders.add(2**53 - 4, {"country": "de"})
    carts.add(5)
    carts.add(-2)
    assert telling.force_flush()
    orders.add(1, {"country": "de"})
    assert telling.force_flush()

    assert values_of("orders.shipped", country="de", service__name="web") == [2**53 - 1, 2**53]
    assert values_of("carts.open") == [3.0, 3.0]
    assert values_of("oven.temperature", oven="2") == [-0.1, -0.1]
    metric = Metric.objects.get(key="orders.shipped")
    assert (metric.is_counter, metric.unit, metric.description) == (True, "", "Orders that left the house")
    assert not Metric.objects.get(key="carts.open").is_counter
    (series,) = series_of("orders.shipped")
    assert series.environment.name == "production"
    assert "service.version" not in series.labels


def test_a_histogram_is_its_count_its_sum_and_its_buckets(provider):
    telling = provider()
    duration = telling.get_meter("shop").create_histogram("pick.duration", unit="s")
    for seconds in (0.5, 7.0, 7.5, 99999.0):
        duration.record(seconds)
    assert telling.force_flush()
    assert values_of("pick.duration_count") == [4.0]
    assert values_of("pick.duration_sum") == [100014.0]
    buckets = {series.labels["le"]: values_of("pick.duration_bucket", le=series.labels["le"])[0]
               for series in series_of("pick.duration_bucket")}  # fmt: skip
    assert (buckets["0"], buckets["5"], buckets["10"], buckets["10000"], buckets["+Inf"]) == (0, 1, 3, 3, 4)
    assert Metric.objects.get(key="pick.duration_count").is_counter


def test_an_exponential_histogram_is_counted_in_buckets_that_do_not_depend_on_its_scale(provider):
    views = [View(instrument_name="*", aggregation=ExponentialBucketHistogramAggregation())]
    telling = provider(views=views)
    duration = telling.get_meter("shop").create_histogram("pick.duration")
    for value in (1.0, 1.9, 3.9, 3.9, 1000.0):
        duration.record(value)
    assert telling.force_flush()
    assert values_of("pick.duration_count") == [5.0]
    assert values_of("pick.duration_sum") == [1010.7]
    counts = {float(series.labels["le"]): values_of("pick.duration_bucket", le=series.labels["le"])[0]
              for series in series_of("pick.duration_bucket")}  # fmt: skip
    assert {bound: counts[bound] for bound in (1.0, 2.0, 4.0, 1024.0)} == {1.0: 1, 2.0: 2, 4.0: 4, 1024.0: 5}


def test_the_servers_own_histogram_becomes_the_response_time(provider):
    telling = provider()
    telling.get_meter("http").create_histogram("http.server.request.duration", unit="s").record(0.25)
    assert telling.force_flush()
    metric = Metric.objects.get(key="response_time")
    assert (metric.numerator.key, metric.scale) == ("http.server.request.duration_sum", 1000.0)


def test_deltas_are_stored_as_they_are(provider):
    telling = provider(temporality=DELTA)
    orders = telling.get_meter("shop").create_counter("orders.shipped")
    for count in (3, 4):
        orders.add(count)
        assert telling.force_flush()
    assert values_of("orders.shipped") == [3.0, 4.0]
    assert not Metric.objects.get(key="orders.shipped").is_counter


def test_what_is_too_much_is_a_partial_success_and_is_shown(provider, token, caplog):
    MetricLimits.objects.create(project=token.project, max_series=2)
    telling = provider()
    orders = telling.get_meter("shop").create_counter("orders.shipped")
    for user in range(5):
        orders.add(1, {"user": str(user)})
    assert telling.force_flush()
    assert len(series_of("orders.shipped")) == 2
    refusal = Refusal.objects.get()
    assert (refusal.reason, refusal.count) == ("TOO_MANY_SERIES", 3)
    assert keys() == {"orders.shipped"}
