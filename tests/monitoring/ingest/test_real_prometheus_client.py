"""prometheus-client pushes to us as to a Pushgateway."""

import pytest
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Summary,
    delete_from_gateway,
    push_to_gateway,
    pushadd_to_gateway,
)
from prometheus_client.exposition import basic_auth_handler

from monitoring.models import Metric, Series
from tests.factories import ApiTokenFactory
from tests.monitoring.ingest.stored import series_of, values_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def token():
    return ApiTokenFactory(scopes=["metrics:write"])


@pytest.fixture
def handler(token):
    def sign_in(url, method, timeout, headers, data):
        return basic_auth_handler(url, method, timeout, headers, data, "token", token.text)

    return sign_in


@pytest.fixture
def registry():
    made = CollectorRegistry()
    Gauge("rows_imported", "Rows", registry=made).set(1234.5)
    Counter("rows_refused", "Refused rows", ["why"], registry=made).labels(why='a "quote" and \\').inc(7)
    Histogram("import_seconds", "Time", buckets=(1, 5), registry=made).observe(3)
    Summary("row_bytes", "Size", registry=made).observe(100)
    Gauge("nothing_yet", "NaN", registry=made).set(float("nan"))
    return made


@pytest.mark.parametrize("push", [push_to_gateway, pushadd_to_gateway])
def test_numbers_that_arrive_are_those_that_were_pushed(live_server, handler, registry, push):
    address = f"{live_server.url}/api/v1/push/production"
    push(address, job="ci/nightly", registry=registry, grouping_key={"shop": "a/b"}, handler=handler)

    group = {"job": "ci/nightly", "shop": "a/b"}
    assert values_of("rows_imported", **group) == [1234.5]
    assert values_of("rows_refused_total", why='a "quote" and \\', **group) == [7.0]
    assert [values_of("import_seconds_bucket", le=le) for le in ("1.0", "5.0", "+Inf")] == [[0.0], [1.0], [1.0]]
    assert (values_of("import_seconds_sum"), values_of("import_seconds_count")) == ([3.0], [1.0])
    assert (values_of("row_bytes_sum"), values_of("row_bytes_count")) == ([100.0], [1.0])
    assert not series_of("nothing_yet")
    assert set(Series.objects.values_list("environment__name", flat=True)) == {"production"}
    metric = Metric.objects.get(key="rows_refused_total")
    assert (metric.is_counter, metric.description) == (True, "Refused rows")


def test_the_environment_may_be_a_label_of_the_group(live_server, handler, registry):
    group = {"environment": "staging"}
    push_to_gateway(
        f"{live_server.url}/api/v1/push", job="nightly", registry=registry, grouping_key=group, handler=handler
    )
    (series,) = series_of("rows_imported")
    assert (series.environment.name, series.labels) == ("staging", {"job": "nightly"})


def test_what_a_job_sent_stays_when_it_takes_its_group_away(live_server, handler, registry):
    address = f"{live_server.url}/api/v1/push/production"
    push_to_gateway(address, job="nightly", registry=registry, handler=handler)
    delete_from_gateway(address, job="nightly", handler=handler)
    assert values_of("rows_imported") == [1234.5]
