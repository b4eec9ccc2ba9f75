"""What a metric is when only its name is known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.catalogue import CATALOGUE, guess
from monitoring.models import BadDirection, MetricCategory, MetricKind


@pytest.mark.parametrize(
    ("key", "kind", "direction", "unit"),
    [
        ("orders", "BUSINESS_COUNT", "DOWN", ""),
        ("checkout.p95_ms", "LATENCY", "UP", "ms"),
        ("http_request_duration_seconds", "LATENCY", "UP", "s"),
        ("cpu_usage", "CPU", "UP", "%"),
        ("checkoutErrorRate", "ERROR_RATE", "UP", ""),
        ("payment_success_rate", "RATIO", "DOWN", ""),
        ("http_5xx", "ERROR_COUNT", "UP", ""),
        ("cache-hits", "RATIO", "DOWN", ""),
        ("requests_per_second", "THROUGHPUT", "DOWN", ""),
        ("mail_queue", "OTHER", "UP", ""),
        ("support_tickets", "BUSINESS_COUNT", "UP", ""),
        ("memory_bytes", "OTHER", "UP", "bytes"),
        ("flux", "OTHER", "BOTH", ""),
    ],
)
def test_a_name_tells_what_it_is(key, kind, direction, unit):
    found = guess(key)
    assert (found.kind, found.bad_direction, found.unit) == (kind, direction, unit)


def test_a_given_unit_wins():
    assert guess("checkout_time", "s").unit == "s"


def test_a_unit_of_time_is_hint_enough():
    assert (guess("checkout", "ms").kind, guess("checkout", "ms").bad_direction) == ("LATENCY", "UP")


@pytest.mark.parametrize(
    ("key", "name"),
    [("mail_queue_length", "Mail queue length"), ("checkout.p95", "Checkout p95"), ("cpuLoad", "CPU load")],
)
def test_the_name_can_be_read(key, name):
    assert guess(key).name == name


@given(st.text(max_size=130), st.text(max_size=20))
def test_any_name_gets_words_that_the_database_knows(key, unit):
    found = guess(key, unit)
    assert found.kind in MetricKind.values
    assert found.category in MetricCategory.values
    assert found.bad_direction in BadDirection.values


def test_the_catalogue_is_as_the_database_knows_it_and_has_every_category():
    assert {known.kind for known in CATALOGUE} <= set(MetricKind.values)
    assert {known.category for known in CATALOGUE} == set(MetricCategory.values)
    assert len({known.key for known in CATALOGUE}) == len(CATALOGUE)
