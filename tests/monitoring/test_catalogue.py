"""What a metric is when only its name is known."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.catalogue import CATALOGUE, factor, guess
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


#: The process's own words for what is to be measured.
NAMED = {
    "Service status", "Performance metrics", "Error rates", "Resource usage", "Process flow", "User activity",
    "Data accuracy", "Transaction volume", "Response times", "System load", "Resource utilization", "Bottlenecks",
    "Process efficiency", "User adoption", "Error frequency", "Support volume", "Response time", "CPU usage",
    "Memory usage", "Network traffic", "Transaction rate", "Error rate", "Cache hits", "Queue length",
    "Completion time", "Success rate", "Volume handled", "Adoption rate", "Satisfaction", "Productivity",
    "Support needs", "Process tracking", "User feedback",
}  # fmt: skip


def test_every_metric_that_the_process_names_is_in_the_catalogue():
    covered = {word for known in CATALOGUE for word in known.covers}
    assert covered >= NAMED


@pytest.mark.parametrize("known", CATALOGUE, ids=lambda known: known.key)
def test_each_says_how_it_is_measured_what_matters_and_under_which_names_it_arrives(known):
    assert known.how.endswith(".")
    assert known.least_change > 0
    assert known.aliases


def test_no_name_lands_in_two_metrics():
    names = [(alias.name, alias.only) for known in CATALOGUE for alias in known.aliases]
    assert len(names) == len(set(names))


def test_the_document_lists_the_catalogue_as_it_is():
    text = (Path(__file__).resolve().parents[2] / "docs" / "metrics.md").read_text()
    for known in CATALOGUE:
        assert f"| {known.name} | `{known.key}` | {known.unit or '–'} | {known.category.lower()} |" in text
        assert known.how in text
        for alias in known.aliases:
            assert f"`{alias.name}`" in text


@pytest.mark.parametrize(
    ("unit", "wanted", "times"),
    [
        ("s", "ms", 1000), ("ms", "ms", 1), ("ms", "s", 0.001), ("1", "%", 100), ("%", "1", 0.01),
        ("KiB", "bytes", 1024),
        ("s", "bytes", None), ("", "%", None), ("EUR", "USD", None), ("us", "ms", 0.001), ("h", "s", 3600),
    ],
)  # fmt: skip
def test_units_are_converted_exactly_or_not_at_all(unit, wanted, times):
    assert factor(unit, wanted) == (times if times is None else pytest.approx(times, rel=1e-15))
