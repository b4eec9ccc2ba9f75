"""Samples as people mean them."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from monitoring.selectors.lines import lines_of, read_lines, response_times, unit_of
from monitoring.selectors.subjects import Subject, read_subject, series_of, subject_of
from tests.factories import HealthCheckFactory, MetricFactory, SeriesFactory
from tests.samples import store_samples

pytestmark = pytest.mark.django_db
T0 = datetime(2026, 11, 19, 12, tzinfo=UTC)
END = T0 + timedelta(hours=1)


def series(environment, values, *, step=60, labels=None, **metric):
    given = metric.pop("of", None) or MetricFactory(project=environment.project, **metric)
    digest = "-".join((labels or {}).values())
    row = SeriesFactory(environment=environment, metric=given, labels=labels or {}, labels_digest=digest)
    store_samples([row.pk] * len(values), [T0 + timedelta(seconds=step * n) for n in range(len(values))], values)
    return row


def test_a_counter_is_read_as_its_rate_and_begins_again_at_nought(environment):
    row = series(environment, [60.0, 180.0, 30.0], unit="requests", is_counter=True)
    assert read_lines([row], T0, END)[row.pk].values.tolist() == [2.0, 0.5]
    assert unit_of(row) == "requests/s"


def test_a_gauge_is_read_as_it_was_sent(environment):
    row = series(environment, [60.0, 180.0, 30.0], unit="%")
    assert read_lines([row], T0, END)[row.pk].values.tolist() == [60.0, 180.0, 30.0]
    assert unit_of(row) == "%"


def test_series_that_are_gone_have_no_samples(environment):
    row = series(environment, [1.0])
    assert lines_of([row.pk, 0], T0, END)[0].times.tolist() == []
    assert lines_of([row.pk], T0, END)[row.pk].values.tolist() == [1.0]


def test_response_times_are_found_by_check(environment):
    read, unread = HealthCheckFactory(environment=environment), HealthCheckFactory(environment=environment)
    row = SeriesFactory(environment=environment, metric=None, health_check=read, aspect="response_time")
    store_samples([row.pk], [T0], [84.0])
    found = response_times([read.pk, unread.pk], T0, END)
    assert (found[read.pk].values.tolist(), found[unread.pk].values.tolist()) == ([84.0], [])


def test_many_series_take_as_many_queries_as_one(environment):
    rows = [series(environment, [1.0, 2.0], is_counter=True) for _ in range(2)]
    read_lines(rows, T0, END)
    with CaptureQueriesContext(
        connection,
    ) as few:
        read_lines(rows[:1], T0, END)
    with CaptureQueriesContext(connection) as many:
        read_lines(rows, T0, END)
    assert len(few) == len(many)


# --- ratios -----------------------------------------------------------------------------------------------------------


def ratio(environment, **fields):
    failed = MetricFactory(project=environment.project, is_counter=True)
    total = MetricFactory(project=environment.project, is_counter=True)
    metric = MetricFactory(
        project=environment.project, unit="%", numerator=failed, denominator=total, scale=100.0, **fields
    )
    return metric, failed, total


def lines(metric, environment):
    subject = subject_of(metric)
    rows = list(series_of(subject, [environment]))
    return read_subject(subject, rows, {environment.pk: environment}, T0, END)


def test_a_ratio_of_counters_is_the_share_of_what_grew(environment):
    metric, failed, total = ratio(environment)
    series(environment, [0.0, 1.0, 3.0], of=failed)
    series(environment, [0.0, 100.0, 200.0], of=total)
    (line,) = lines(metric, environment)
    assert line.samples.values.tolist() == pytest.approx([1.0, 2.0])


def test_a_ratio_goes_series_by_series_with_the_same_labels(environment):
    metric, failed, total = ratio(environment)
    for handler, bad in (("pay", 10.0), ("cart", 1.0)):
        series(environment, [0.0, bad], of=failed, labels={"handler": handler})
        series(environment, [0.0, 100.0], of=total, labels={"handler": handler})
    found = {line.labels["handler"]: line.samples.values.tolist() for line in lines(metric, environment)}
    assert found == {"pay": [10.0], "cart": [1.0]}


def test_a_ratio_of_gauges_leaves_out_what_has_no_shares(environment):
    part, whole = MetricFactory(project=environment.project), MetricFactory(project=environment.project)
    metric = MetricFactory(project=environment.project, numerator=part, denominator=whole, scale=1.0)
    series(environment, [1.0, 2.0, 3.0], of=part)
    series(environment, [4.0, 0.0, 4.0], of=whole)
    (line,) = lines(metric, environment)
    assert line.samples.values.tolist() == [0.25, 0.75]


def test_a_ratio_without_its_whole_has_no_samples(environment):
    metric, failed, _ = ratio(environment)
    series(environment, [1.0, 2.0], of=failed)
    assert lines(metric, environment)[0].samples.times.tolist() == []


def test_availability_is_in_per_cent(environment):
    check = HealthCheckFactory(environment=environment, name="Pay")
    row = SeriesFactory(environment=environment, metric=None, health_check=check, aspect="up")
    store_samples([row.pk] * 2, [T0, T0 + timedelta(minutes=1)], [1.0, 0.0])
    subject = Subject("check.up", "Availability", "%", aspect="up")
    (line,) = read_subject(subject, [row], {environment.pk: environment}, T0, END)
    assert np.array_equal(line.samples.values, [100.0, 0.0])
    assert line.labels == {"check": "Pay"}
