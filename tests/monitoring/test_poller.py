"""Polling: what is due is read once, whoever reads it, and what came of it is kept in one piece."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from monitoring import poller, store
from monitoring.models import Failure, HealthCheck, MonitoringPeriod, Outage, Series
from monitoring.probes import Reading
from tests.factories import (
    DeploymentFactory,
    EnvironmentFactory,
    FindingFactory,
    HealthCheckFactory,
    MonitoringPeriodFactory,
    OutageFactory,
    VerdictFactory,
)
from tests.targets import Answer, Target

NOW = datetime(2026, 11, 19, 12, 0, tzinfo=UTC)
pytestmark = pytest.mark.django_db


def at(seconds):
    return NOW + timedelta(seconds=seconds)


@pytest.fixture(autouse=True)
def may_probe_loopback(settings):
    settings.PROBE_NETWORKS = ("127.0.0.0/8",)


@pytest.fixture(scope="module")
def target():
    with Target() as running:
        yield running


@pytest.fixture
def up(target):
    target.set(status=200)
    target.clear()
    return target


def check_of(target, **fields):
    return HealthCheckFactory(**{"url": target.url + "/", "next_poll_at": NOW} | fields)


def readings(check, aspect="up"):
    series = Series.objects.get(health_check=check, aspect=aspect).pk
    found = store.read([series], at(-86_400), at(86_400))[series]
    return dict(zip(found.times.tolist(), found.values.tolist(), strict=True))


def again(check):
    return HealthCheck.objects.get(pk=check.pk)


def test_a_due_check_is_read_and_known_to_be_up(up):
    check = check_of(up)
    assert poller.poll_due(now=NOW) == 1
    check = again(check)
    assert (check.state, check.state_since, check.latest_reading_at) == ("UP", NOW, NOW)
    assert check.latest_detail.startswith("HTTP 200 in")
    assert readings(check) == {NOW.timestamp(): 1.0}
    assert readings(check, "response_time")[NOW.timestamp()] > 0


def test_twice_in_a_row_reads_once(up):
    check_of(up)
    assert poller.poll_due(now=NOW) == 1
    assert poller.poll_due(now=NOW) == 0
    assert len(up.requests) == 1


def test_what_is_not_due_or_paused_is_left_alone(up):
    check_of(up, next_poll_at=at(1))
    check_of(up, paused_at=NOW)
    assert poller.poll_due(now=NOW) == 0


def test_the_next_reading_is_due_one_interval_later_and_the_lease_is_given_back(up):
    check = check_of(up, interval_seconds=60)
    poller.poll_due(now=at(7))
    check = again(check)
    assert check.next_poll_at == at(60)
    assert (check.lease_until, check.lease_key) == (None, None)


def test_slots_that_nobody_took_are_skipped(up):
    check = check_of(up, interval_seconds=60)
    poller.poll_due(now=at(3 * 3600 + 5))
    assert list(readings(check)) == [at(3 * 3600).timestamp()]
    assert again(check).next_poll_at == at(3 * 3600 + 60)


def test_a_watched_environment_is_read_at_its_periods_pace(up):
    check = check_of(up, interval_seconds=60)
    MonitoringPeriodFactory(
        deployment=DeploymentFactory(environment=check.environment, finished_at=at(-60)), interval_seconds=15
    )
    poller.poll_due(now=NOW)
    assert again(check).next_poll_at == at(15)


def test_a_check_that_is_quicker_than_the_period_keeps_its_own_pace(up):
    check = check_of(up, interval_seconds=5)
    MonitoringPeriodFactory(
        deployment=DeploymentFactory(environment=check.environment, finished_at=at(-60)), interval_seconds=15
    )
    poller.poll_due(now=NOW)
    assert again(check).next_poll_at == at(5)


def test_a_period_that_is_over_asks_for_nothing(up):
    check = check_of(up, interval_seconds=60)
    MonitoringPeriodFactory(
        deployment=DeploymentFactory(environment=check.environment, finished_at=at(-7200)), interval_seconds=15
    )
    poller.poll_due(now=NOW)
    assert again(check).next_poll_at == at(60)


def poll_failing(check, target, times, step=60):
    target.set(status=503, body="<h1>down</h1>")
    for n in range(times):
        poller.poll_due(now=at(n * step))
    return again(check)


def test_failures_below_the_threshold_are_kept_with_their_reason(up):
    check = poll_failing(check_of(up, failure_threshold=3), up, 2)
    assert (check.state, check.failures_in_a_row, check.failing_since) == ("UNKNOWN", 2, NOW)
    failure = Failure.objects.order_by("scheduled_at").first()
    assert (failure.kind, failure.status_code, failure.excerpt) == ("STATUS", 503, "<h1>down</h1>")
    assert failure.detail == "HTTP 503, expected 200–299"
    assert Outage.objects.count() == 0


def test_at_the_threshold_an_outage_begins_that_dates_from_the_first_failure(up):
    check = poll_failing(check_of(up, failure_threshold=3), up, 5)
    outage = Outage.objects.get()
    assert (check.state, outage.began_at, outage.confirmed_at) == ("DOWN", at(0), at(120))
    assert outage.cause == "HTTP 503, expected 200–299"


def test_the_first_good_reading_ends_the_outage(up):
    check = poll_failing(check_of(up, failure_threshold=2), up, 2)
    up.set(status=200)
    poller.poll_due(now=at(120))
    assert Outage.objects.get().ended_at == at(120)
    assert again(check).state == "UP"


def test_a_failed_reading_says_nothing_of_the_response_time(up):
    check = poll_failing(check_of(up), up, 2)
    assert readings(check) == {at(0).timestamp(): 0.0, at(60).timestamp(): 0.0}
    assert readings(check, "response_time") == {}


def test_a_slow_answer_fails_and_shows_in_the_response_time(up):
    up.set(delay=0.02)
    check = check_of(up, max_response_ms=10)
    poller.poll_due(now=NOW)
    assert readings(check) == {NOW.timestamp(): 0.0}
    assert readings(check, "response_time")[NOW.timestamp()] >= 20


def test_an_outage_lets_the_deployment_be_judged_at_once(up):
    check = check_of(up, failure_threshold=1)
    period = MonitoringPeriodFactory(
        deployment=DeploymentFactory(environment=check.environment, finished_at=at(-60)), next_look_at=at(3000)
    )
    poll_failing(check, up, 1)
    assert MonitoringPeriod.objects.get(pk=period.pk).next_look_at == NOW


def test_bells_ring_when_an_outage_begins_and_ends(up, django_capture_on_commit_callbacks):
    heard = []
    began, ended = (lambda sender, n=n, **ids: heard.append((n, ids["check_id"])) for n in ("began", "ended"))
    poller.outage_began.connect(began)
    poller.outage_ended.connect(ended)
    check = check_of(up, failure_threshold=1)
    with django_capture_on_commit_callbacks(execute=True):
        poll_failing(check, up, 2)
        up.set(status=200)
        poller.poll_due(now=at(120))
    assert heard == [("began", check.pk), ("ended", check.pk)]


def test_a_blocked_address_is_no_reading_and_says_why(up, settings):
    settings.PROBE_NETWORKS = ()
    check = check_of(up, state="UP", state_since=at(-600))
    poller.poll_due(now=NOW)
    check = again(check)
    assert (check.state, check.latest_reading_at) == ("UNKNOWN", None)
    assert check.latest_detail == "loopback address 127.0.0.1 is not allowed here"
    assert readings(check) == {}
    assert Outage.objects.count() == 0


def test_a_check_that_cannot_be_evaluated_is_parked_and_stops_no_other(up):
    bad, good = check_of(up, sealed_headers="nonsense"), check_of(up)
    assert poller.poll_due(now=NOW) == 2
    assert again(good).state == "UP"
    bad = again(bad)
    assert bad.state == "UNKNOWN"
    assert bad.latest_detail.startswith("could not be read: this secret was stored under another SECRET_KEY")
    assert bad.next_poll_at >= NOW + poller.PARKED


def test_when_a_batch_fails_as_a_whole_each_check_is_read_alone(up, monkeypatch):
    bad, good = check_of(up, url=up.url + "/bad"), check_of(up)
    real = poller.probe_many

    def fail_on_bad(checks, *rest):
        if any(check.url.endswith("/bad") for check in checks):
            raise RuntimeError("a fault of ours")
        return real(checks, *rest)

    monkeypatch.setattr(poller, "probe_many", fail_on_bad)
    poller.poll_due(now=NOW)
    assert again(good).state == "UP"
    assert again(bad).latest_detail == "could not be read: a fault of ours"


def test_headers_are_sent_and_stored_only_encrypted(up):
    check = check_of(up, headers={"Authorization": "Bearer s3cret"})
    poller.poll_due(now=NOW)
    assert up.requests[0].headers["authorization"] == "Bearer s3cret"
    assert "s3cret" not in str(HealthCheck.objects.filter(pk=check.pk).values())


# --- two workers ------------------------------------------------------------------------------------------------------


def test_a_worker_that_lost_its_lease_keeps_nothing(up, monkeypatch):
    """The first worker hangs in its probe; its lease runs out and another reads the same slot."""
    check = check_of(up)
    real = poller.probe_many
    stolen = []

    def steal_then_probe(*arguments):
        if not stolen:
            stolen.append(True)
            HealthCheck.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
            assert poller.poll_due(now=NOW) == 1
            up.set(status=503)
        return real(*arguments)

    monkeypatch.setattr(poller, "probe_many", steal_then_probe)
    assert poller.poll_due(now=NOW) == 0
    assert readings(check) == {NOW.timestamp(): 1.0}
    assert again(check).failures_in_a_row == 0


def test_what_a_killed_worker_held_is_read_by_another_when_the_lease_has_run_out(up, monkeypatch):
    check = check_of(up)

    class Killed(BaseException):
        pass

    def die(*arguments):
        raise Killed

    real = poller.probe_many
    monkeypatch.setattr(poller, "probe_many", die)
    with pytest.raises(Killed):
        poller.poll_due(now=NOW)
    monkeypatch.setattr(poller, "probe_many", real)
    assert poller.poll_due(now=at(5)) == 0  # still leased
    HealthCheck.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert poller.poll_due(now=at(20)) == 1
    assert readings(check) == {NOW.timestamp(): 1.0}


@pytest.mark.django_db(transaction=True)
def test_many_ticks_at_once_share_the_work_without_a_doubled_reading(up):
    environment = EnvironmentFactory()
    for _ in range(40):
        check_of(up, environment=environment)
    counts = []
    barrier = threading.Barrier(4)

    def tick():
        barrier.wait(5)
        counts.append(poller.poll_due(now=NOW))
        connection.close()

    workers = [threading.Thread(target=tick) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(20)
    assert sum(counts) == 40
    assert len(up.requests) == 40


def test_a_task_takes_a_limited_batch_and_the_next_one_the_rest(up, monkeypatch):
    monkeypatch.setattr(poller, "BATCHES", (poller.Batch(0, 60_000, limit=3, lease=timedelta(seconds=20)),))
    environment = EnvironmentFactory()
    for n in range(5):
        check_of(up, environment=environment, next_poll_at=at(-n))
    assert poller.poll_due(now=NOW) == 3
    assert HealthCheck.objects.filter(latest_reading_at=None).count() == 2
    assert poller.poll_due(now=NOW) == 2


def test_a_slow_target_does_not_hold_up_quick_ones(up):
    assert {batch.to_ms for batch in poller.BATCHES} == {5_000, 60_000}
    for batch in poller.BATCHES:
        rounds = batch.limit / poller.CONCURRENCY
        assert batch.lease.total_seconds() >= rounds * batch.to_ms / 1000 + 5


def test_a_check_that_is_deleted_while_it_is_read_is_forgotten(up, monkeypatch):
    check = check_of(up)

    def probe(*arguments):
        HealthCheck.objects.filter(pk=check.pk).delete()
        return [Reading(ok=True)]

    monkeypatch.setattr(poller, "probe_many", probe)
    assert poller.poll_due(now=NOW) == 0


def test_an_edit_while_it_is_read_is_not_overwritten(up, monkeypatch):
    check = check_of(up, interval_seconds=60)

    def probe(*arguments):
        HealthCheck.objects.update(interval_seconds=10, name="Renamed")
        return [Reading(ok=True)]

    monkeypatch.setattr(poller, "probe_many", probe)
    poller.poll_due(now=NOW)
    check = again(check)
    assert (check.name, check.next_poll_at) == ("Renamed", at(10))


def test_an_outage_that_is_open_already_is_not_opened_again(up):
    """Nothing that happened to the row in between may break the batch."""
    outage = OutageFactory(health_check=check_of(up, failure_threshold=1, state="UNKNOWN"))
    poll_failing(outage.health_check, up, 1)
    assert Outage.objects.count() == 1


def test_the_number_of_queries_does_not_grow_with_the_checks(up):
    environment = EnvironmentFactory()
    counts = []
    for size in (2, 20):
        HealthCheck.objects.all().delete()
        for _ in range(size):
            check_of(up, environment=environment)
        with CaptureQueriesContext(connection) as queries:
            assert poller.poll_due(now=NOW) == size
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_answers_may_come_in_any_order(up):
    slow, quick = check_of(up, url=up.url + "/slow"), check_of(up, url=up.url + "/quick")
    up.queue(Answer(status=500, delay=0.05), path="/slow")
    poller.poll_due(now=NOW)
    assert (again(slow).failures_in_a_row, again(quick).failures_in_a_row) == (1, 0)


@pytest.mark.django_db(transaction=True)
def test_an_outage_that_begins_while_its_deployment_is_judged_locks_nobody_out(up):
    """Each wants what the other holds: the poller the period, the judge a reference to the check."""
    check = check_of(up, failure_threshold=1)
    period = MonitoringPeriodFactory(deployment=DeploymentFactory(environment=check.environment, finished_at=at(-60)))
    up.set(status=503)
    polled = []

    def poll():
        polled.append(poller.poll_due(now=NOW))
        connection.close()

    with transaction.atomic():
        MonitoringPeriod.objects.select_for_update(no_key=True).get(pk=period.pk)
        worker = threading.Thread(target=poll)
        worker.start()
        up.wait_for(1)
        FindingFactory(verdict=VerdictFactory(period=period), health_check=check)
    worker.join(10)
    assert polled == [1]
    assert again(check).state == "DOWN"
