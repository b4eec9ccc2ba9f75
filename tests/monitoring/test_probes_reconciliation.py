"""Reconciliations: two numbers side by side, from addresses or from metrics."""

from datetime import UTC, datetime, timedelta

import pytest

from monitoring import selectors, services, store
from monitoring.probes import Facts, FailureKind, compile_check, run, try_check
from tests.factories import EnvironmentFactory, MetricFactory, SeriesFactory
from tests.monitoring.probing import LOOPBACK, Row, faults
from tests.targets import Target

NOON = datetime(2026, 11, 19, 12, 0, tzinfo=UTC)


@pytest.fixture
def target():
    with Target() as target:
        target.set("/shop", json={"orders": {"count": 1000}})
        target.set("/bank", json={"payments": "990"})
        yield target


def side(target, path, where, **more):
    return {"url": target.url + path, "path": where, **more}


def both(target):
    left = side(target, "/shop", "orders.count", name="Orders taken")
    return {"left": left, "right": side(target, "/bank", "payments", name="Payments booked")}


def judged(options, conditions="difference <= 1 %", **definition):
    check = compile_check(Row(kind="RECONCILIATION", options=options, conditions=conditions, **definition))
    return run(check, LOOPBACK)


def test_numbers_that_agree_are_well(target):
    reading = judged(both(target))
    assert reading.ok
    assert reading.detail == "Orders taken 1,000, Payments booked 990"
    assert reading.total_ms > 0


def test_numbers_that_differ_too_much_are_told(target):
    reading = judged(both(target), "difference <= 5")
    assert (reading.kind, reading.detail) == (
        FailureKind.DIFFERENCE,
        "1,000 and 990 are 10 apart, expected a difference of at most 5",
    )


def test_without_a_line_on_the_difference_they_have_to_be_equal(target):
    assert judged(both(target), "").kind is FailureKind.DIFFERENCE
    assert judged(both(target), "left > 0").kind is FailureKind.DIFFERENCE


@pytest.mark.parametrize(
    ("answer", "kind", "detail"),
    [
        ({"status": 500}, "STATUS", "Payments booked: HTTP 500, expected 200–299"),
        ({"body": "oops"}, "JSON", "Payments booked: the body is not JSON"),
        ({"json": {"payments": True}}, "JSON", "Payments booked: payments is true, expected a number"),
        ({"json": {}}, "JSON", "Payments booked: payments is not there, expected a number"),
        ({"json": {"payments": "NaN"}}, "JSON", 'Payments booked: payments is "NaN", expected a number'),
        ({"body": '{"payments": 1e999}'}, "JSON", "Payments booked: payments is Infinity, expected a number"),
        ({"mode": "close"}, "RESET", "Payments booked: the connection was closed without an answer"),
        ({"redirect": "http://169.254.169.254/"}, "BLOCKED", None),
    ],
)
def test_a_side_without_a_number_is_named(target, answer, kind, detail):
    target.set("/bank", **answer)
    reading = judged(both(target))
    assert reading.kind is FailureKind(kind)
    assert detail is None or reading.detail == detail


def test_trying_shows_both_numbers(target):
    check = compile_check(Row(kind="RECONCILIATION", options=both(target), conditions="difference <= 1 %"))
    trial = try_check(check, LOOPBACK)
    assert [(step.name, step.words) for step in trial.steps] == [("Orders taken", "1,000"), ("Payments booked", "990")]
    assert [(result.words, result.ok) for result in trial.results] == [("difference is at most 1\u00a0%", True)]


@pytest.mark.parametrize(
    ("options", "field", "part"),
    [
        ({}, "options.left", "Say where this number comes from"),
        ({"left": {"url": "https://a.example/", "metric": "x"}}, "options.left", "not both"),
        ({"left": {"url": "http://10.0.0.1/"}}, "options.left.url", "Private address"),
        ({"left": {"url": "https://a.example/", "path": "a..b"}}, "options.left.path", "cannot be read"),
        ({"left": {"metric": "orders", "read": "mean"}}, "options.left.read", "is one of latest, sum, increase"),
        ({"left": {"metric": "orders", "over_seconds": 0}}, "options.left.over_seconds", "between 1 second"),
        ({"left": {"metric": "orders", "oops": 0}}, "options.left", "oops is not known here"),
        ({"left": "orders"}, "options.left", "must be an object"),
    ],
)
def test_a_bad_side_is_refused(options, field, part):
    right = {"metric": "payments"}
    assert part in faults("", kind="RECONCILIATION", options={"right": right, **options})[field]


# --- of metrics -------------------------------------------------------------------------------------------------------


def measured(environment, key, values, every=timedelta(minutes=10), labels=None):
    metric = environment.project.metrics.filter(key=key).first() or MetricFactory(project=environment.project, key=key)
    series = SeriesFactory(environment=environment, metric=metric, labels=labels or {}, labels_digest=str(labels or ""))
    times = [store.microseconds(NOON - every * (len(values) - 1 - n)) for n in range(len(values))]
    store.append([series.pk] * len(values), times, values)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("read", "over_seconds", "number"),
    [
        ("latest", 3600, 130.0),
        ("sum", 3600, 100 + 105 + 110 + 5 + 20 + 25 + 30),
        ("sum", 1200, 20 + 25 + 30),
        ("increase", 3600, 5 + 5 + 5 + 15 + 5 + 5),
    ],
)
def test_a_metric_is_read_as_asked(read, over_seconds, number):
    environment = EnvironmentFactory()
    values = [100, 105, 110, 5, 20, 25, 130] if read == "latest" else [100, 105, 110, 5, 20, 25, 30]
    measured(environment, "orders", values)
    found = numbers_of(environment, {"metric": "orders", "read": read, "over_seconds": over_seconds})
    assert found["left"] == number


def numbers_of(environment, left):
    check = compile_check(Row(kind="RECONCILIATION", options={"left": left, "right": {"metric": "payments"}}))
    return selectors.facts_of({5: check}, now=NOON, environments={5: environment.pk})[5].numbers


@pytest.mark.django_db
def test_the_series_of_a_metric_are_added_up_and_old_ones_left_out():
    environment = EnvironmentFactory()
    measured(environment, "orders", [10, 20], labels={"shop": "a"})
    measured(environment, "orders", [1, 2], labels={"shop": "b"})
    measured(environment, "orders", [1000], every=timedelta(0), labels={"shop": "c"})
    found = numbers_of(environment, {"metric": "orders"})
    assert found == {"left": 1022.0, "right": None}


@pytest.mark.django_db
def test_a_metric_without_samples_is_named_and_one_with_them_compared():
    environment = EnvironmentFactory()
    measured(environment, "orders", [10])
    row = services.save_check(
        environment=environment,
        now=NOON,
        name="Orders and payments",
        kind="RECONCILIATION",
        options={"left": {"metric": "orders"}, "right": {"metric": "payments", "name": "Payments"}},
    )
    check = compile_check(row)
    facts = selectors.facts_of({row.pk: check}, now=NOON)[row.pk]
    missing = run(check, (), facts=facts)
    assert (missing.kind, missing.detail) == (FailureKind.NUMBER, "Payments: the metric payments has no sample")
    assert run(check, (), facts=Facts(numbers={"left": 10.0, "right": 10.0})).ok
