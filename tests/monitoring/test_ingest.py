"""Samples of metrics come in; what is unknown is made, a repeat changes nothing, and what is remembered stays true."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from monitoring import services, store
from monitoring.formats.batch import Facts
from monitoring.formats.bulk import batch_of
from monitoring.formats.samples import Point
from monitoring.models import Metric, MetricLimits, Series
from monitoring.services import NamesRefused, Sender
from monitoring.services import learning as learning_module
from tests.at_once import at_once
from tests.factories import EnvironmentFactory, MetricFactory

NOW = datetime(2026, 11, 19, 12, 0, tzinfo=UTC)
pytestmark = pytest.mark.django_db


@pytest.fixture
def environment():
    return EnvironmentFactory()


def send(environment, *points, kind="JSON", is_partial=False, **facts):
    limits = MetricLimits.objects.filter(project=environment.project).first()
    sender = Sender(environment.project_id, limits and limits.generation, kind, environment=environment.name)
    batch = batch_of(points)
    batch.facts.update(facts)
    return services.ingest(sender=sender, batch=batch, is_partial=is_partial, now=NOW)


def at(minutes):
    return NOW + timedelta(minutes=minutes)


def values(series):
    return store.read([series.pk], at(-600), at(600))[series.pk].values.tolist()


def test_an_unknown_metric_is_made_with_a_guess_at_what_it_is(environment):
    assert send(environment, Point("orders", NOW, 12.0)).accepted == 1
    metric = Metric.objects.get()
    assert (metric.project, metric.key, metric.name) == (environment.project, "orders", "Orders")
    assert (metric.kind, metric.bad_direction, metric.is_muted) == ("BUSINESS_COUNT", "DOWN", False)
    assert values(Series.objects.get()) == [12.0]


def test_a_known_metric_keeps_what_a_person_said_of_it(environment):
    MetricFactory(project=environment.project, key="orders", bad_direction="UP", unit="pieces")
    send(environment, Point("orders", NOW, 12.0))
    metric = Metric.objects.get()
    assert (metric.bad_direction, metric.unit) == ("UP", "pieces")


def test_the_same_batch_again_changes_nothing(environment):
    batch = [Point("orders", at(-n), float(n)) for n in range(5)]
    send(environment, *batch)
    send(environment, *batch, Point("orders", at(-9), 9.0), Point("orders", at(-3), 99.0))
    assert values(Series.objects.get()) == [9.0, 4.0, 3.0, 2.0, 1.0, 0.0]


def test_labels_make_series_of_their_own_in_any_order(environment):
    send(environment, Point("orders", at(-1), 1.0, {"shop": "eu", "app": "web"}))
    send(environment, Point("orders", NOW, 2.0, {"app": "web", "shop": "eu"}), Point("orders", NOW, 3.0))
    assert sorted(values(series) for series in Series.objects.all()) == [[1.0, 2.0], [3.0]]


def test_environments_have_series_of_their_own(environment):
    send(environment, Point("orders", NOW, 1.0))
    send(EnvironmentFactory(project=environment.project, name="staging"), Point("orders", NOW, 1.0))
    assert (Metric.objects.count(), Series.objects.count()) == (1, 2)


# --- limits -----------------------------------------------------------------------------------------------------------


def users(count, metric="orders"):
    return [Point(metric, NOW, 1.0, {"user": str(n)}) for n in range(count)]


def test_too_many_series_are_refused_as_a_whole_and_nothing_is_made(environment):
    MetricLimits.objects.create(project=environment.project, max_series=3)
    send(environment, Point("orders", NOW, 1.0))
    with pytest.raises(NamesRefused, match="may have 3 series and has them"):
        send(environment, *users(3, metric="visits"))
    assert (Series.objects.count(), Metric.objects.count()) == (1, 1)


def test_what_fits_is_stored_where_parts_may_be_left_out(environment):
    MetricLimits.objects.create(project=environment.project, max_series=3)
    taken = send(environment, *users(5), is_partial=True)
    assert (taken.accepted, taken.rejected, Series.objects.count()) == (3, 2, 3)
    (left_out,) = taken.left_out
    assert (left_out.reason, left_out.count) == ("TOO_MANY_SERIES", 2)
    assert left_out.example.startswith('orders{user="')
    assert "leave it out" in left_out.sentence


def test_names_beyond_the_limit_make_no_metrics_either(environment):
    MetricLimits.objects.create(project=environment.project, max_series=2)
    send(environment, *(Point(f"m{n}", NOW, 1.0) for n in range(9)), is_partial=True)
    assert Metric.objects.count() == 2


def test_samples_do_not_make_environments_without_end(environment, monkeypatch):
    monkeypatch.setattr(learning_module, "MOST_ENVIRONMENTS", 2)
    taken = [send(EnvironmentFactory.build(project=environment.project, name=name), Point("orders", NOW, 1.0),
                  is_partial=True) for name in ("staging", "blue")]  # fmt: skip
    assert [each.accepted for each in taken] == [1, 0]
    assert taken[1].left_out[0].reason == "TOO_MANY_ENVIRONMENTS"


@pytest.mark.parametrize(("minutes", "reason"), [(11, "IN_FUTURE"), (-60 * 24 * 800, "TOO_OLD")])
def test_times_that_cannot_be_are_left_out_and_the_rest_is_stored(environment, minutes, reason):
    points = [Point("orders", at(minutes), 1.0), Point("orders", NOW, 2.0)]
    taken = send(environment, *points, is_partial=True)
    assert (taken.accepted, taken.left_out[0].reason, taken.left_out[0].count) == (1, reason, 1)
    with pytest.raises(services.Untimely):
        send(environment, *points)


def test_samples_out_of_order_and_late_take_their_place(environment):
    send(environment, Point("orders", NOW, 3.0))
    send(environment, Point("orders", at(-300), 1.0), Point("orders", at(-301), 0.0), Point("orders", at(-60), 2.0))
    assert values(Series.objects.get()) == [0.0, 1.0, 2.0, 3.0]


# --- what each process remembers --------------------------------------------------------------------------------------


def test_a_known_series_costs_one_statement(environment, django_assert_num_queries):
    send(environment, *(Point("orders", at(-n), 1.0) for n in range(3)))
    generation = MetricLimits.objects.get().generation
    sender = Sender(environment.project_id, generation, "JSON", environment=environment.name)
    with django_assert_num_queries(1):
        services.ingest(
            sender=sender,
            batch=batch_of([Point("orders", at(-n), 1.0) for n in range(500)]),
            is_partial=False,
            now=NOW,
        )


def test_a_series_that_was_deleted_is_made_again(environment):
    send(environment, Point("orders", NOW, 1.0))
    send(environment, Point("orders", at(-1), 1.0))
    Metric.objects.all().delete()
    send(environment, Point("orders", NOW, 2.0))
    assert values(Series.objects.get()) == [2.0]


def test_rows_deleted_by_sql_alone_are_noticed_too(environment):
    send(environment, Point("orders", NOW, 1.0))
    send(environment, Point("orders", at(-1), 1.0))
    before = Series.objects.get().pk
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM monitoring_series")
    send(environment, Point("orders", NOW, 2.0))
    assert Series.objects.get().pk != before


def test_an_environment_that_got_another_name_is_not_written_to_by_its_old_one(environment):
    send(environment, Point("orders", NOW, 1.0))
    send(environment, Point("orders", at(-1), 1.0))
    old = environment.name
    environment.name = "renamed"
    environment.save()
    again = EnvironmentFactory.build(project=environment.project, name=old)
    send(again, Point("orders", at(-2), 2.0))
    assert set(Series.objects.values_list("environment__name", flat=True)) == {"renamed", old}


@pytest.mark.django_db(transaction=True)
def test_two_who_make_the_same_series_at_once_make_it_once():
    environment = EnvironmentFactory()
    taken = at_once(lambda: send(environment, *users(20), Point("orders", NOW, 1.0)).accepted, times=4)
    assert taken == [21] * 4
    assert (Metric.objects.count(), Series.objects.count()) == (1, 21)


# --- names that the catalogue knows -----------------------------------------------------------------------------------


def test_a_name_of_the_catalogue_lands_in_its_metric_in_its_unit(environment):
    send(environment, Point("probe_duration_seconds", NOW, 0.25), kind="REMOTE_WRITE")
    metric = Metric.objects.get()
    assert (metric.key, metric.unit, metric.is_muted) == ("response_time", "ms", False)
    assert values(Series.objects.get()) == [250.0]


def test_the_unit_that_is_sent_wins_over_the_documented_one(environment):
    send(environment, Point("system.cpu.utilization", NOW, 55.0), kind="OTLP", **{"system.cpu.utilization": Facts("%")})
    assert values(Series.objects.get()) == [55.0]


def test_idle_time_is_not_use_of_the_processor(environment):
    points = [Point("node_cpu_seconds_total", NOW, 1.0, {"cpu": "0", "mode": mode}) for mode in ("idle", "user")]
    send(environment, *points, kind="REMOTE_WRITE", node_cpu_seconds_total=Facts(is_counter=True))
    assert set(Metric.objects.values_list("key", "is_counter")) == {
        ("cpu_usage", True),
        ("node_cpu_seconds_total", True),
    }


def test_a_metric_that_the_project_has_under_the_name_itself_stays(environment):
    MetricFactory(project=environment.project, key="node_load1")
    send(environment, Point("node_load1", NOW, 1.0), kind="REMOTE_WRITE")
    assert Metric.objects.get().key == "node_load1"


def test_the_average_of_a_known_histogram_becomes_the_metric(environment):
    family = "http_request_duration_seconds"
    facts = {f"{family}_sum": Facts(is_counter=True), f"{family}_count": Facts(is_counter=True)}
    labels = {"handler": "/pay"}
    points = [Point(f"{family}_sum", NOW, 3.0, labels), Point(f"{family}_count", NOW, 4.0, labels)]
    send(environment, *points, kind="REMOTE_WRITE", **facts)
    average = Metric.objects.get(key="response_time")
    assert (average.numerator.key, average.denominator.key) == (f"{family}_sum", f"{family}_count")
    assert (average.scale, average.unit, average.is_muted) == (1000.0, "ms", False)
    assert average.series.get().labels == labels


def test_what_a_sender_of_everything_has_beside_does_not_judge(environment):
    send(environment, Point("go_goroutines", NOW, 9.0), kind="REMOTE_WRITE")
    metric = Metric.objects.get()
    assert (metric.is_muted, metric.must_have_data) == (True, False)
