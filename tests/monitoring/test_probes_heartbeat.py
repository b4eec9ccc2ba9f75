"""Heartbeats: a schedule, a grace, and what the latest pings say; and the door at which jobs ping."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from monitoring import selectors, services
from monitoring.models import HealthCheck, Ping
from monitoring.probes import Facts, FailureKind, compile_check, run
from tests.factories import EnvironmentFactory, HealthCheckFactory
from tests.monitoring.probing import Row, faults

NOON = datetime(2026, 11, 19, 12, 0, tzinfo=UTC)
HOURLY = {"period_seconds": 3600, "grace_seconds": 300}


def minutes(count):
    return NOON + timedelta(minutes=count)


def judged(at, options=HOURLY, conditions="", **facts):
    row = Row(kind="HEARTBEAT", options=options, conditions=conditions)
    return run(compile_check(row), (), now=at, facts=Facts(**facts))


def test_nothing_is_known_before_the_first_ping():
    reading = judged(NOON)
    assert (reading.kind, reading.nobody_looked, reading.detail) == (
        FailureKind.WAITING,
        True,
        "waiting for the first ping",
    )


@pytest.mark.parametrize(("after", "ok"), [(1, True), (60, True), (65, True), (66, False), (600, False)])
def test_a_ping_is_missed_after_its_period_and_its_grace(after, ok):
    assert judged(minutes(after), succeeded_at=NOON).ok is ok


def test_it_says_when_one_was_due_and_when_the_next_is():
    missed = judged(minutes(90), succeeded_at=NOON)
    assert missed.kind is FailureKind.MISSED
    assert missed.detail == (
        "no ping since 2026-11-19 12:00:00 UTC, one was due at 2026-11-19 13:00:00 UTC (every 1\u00a0h)"
    )
    assert judged(minutes(1), succeeded_at=NOON).detail.endswith("the next is due by 2026-11-19 13:05:00 UTC")


NIGHTLY = {"cron": "30 2 * * *", "time_zone": "Europe/Berlin", "grace_seconds": 600}


def berlin(month, day, hour, minute):
    """A moment in UTC: Berlin is two hours ahead in summer, one in winter."""
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("pinged", "now", "ok"),
    [
        (berlin(7, 1, 0, 31), berlin(7, 2, 0, 39), True),  # 02:39 in Berlin, within the grace
        (berlin(7, 1, 0, 31), berlin(7, 2, 0, 41), False),
        (berlin(11, 1, 1, 31), berlin(11, 2, 1, 39), True),
        (berlin(11, 1, 1, 31), berlin(11, 2, 1, 41), False),
        (berlin(10, 24, 0, 31), berlin(10, 25, 0, 39), True),  # the night of two half past twos
        (berlin(3, 28, 1, 31), berlin(3, 29, 1, 5), True),  # the night without one: 01:05 UTC is 03:05
    ],
)
def test_a_cron_expression_is_read_in_its_time_zone(pinged, now, ok):
    assert judged(now, NIGHTLY, succeeded_at=pinged).ok is ok


def test_a_job_that_says_it_failed_has_failed_until_it_runs_well():
    failed = judged(minutes(5), succeeded_at=NOON, failed_at=minutes(3), note="exit code 3")
    assert (failed.kind, failed.detail) == (
        FailureKind.JOB_FAILED,
        "the job said at 2026-11-19 12:03:00 UTC that it failed: exit code 3",
    )
    assert judged(minutes(5), failed_at=minutes(3), succeeded_at=minutes(4)).ok


def test_a_run_may_not_last_longer_than_the_grace():
    running = {"succeeded_at": NOON, "started_at": minutes(50)}
    assert judged(minutes(54), **running).ok
    late = judged(minutes(56), **running)
    assert (late.kind, late.detail) == (
        FailureKind.OVERRUN,
        "the job began at 2026-11-19 12:50:00 UTC and has not ended within 5\u00a0min",
    )


def test_a_condition_on_the_time_is_about_the_run():
    facts = {"succeeded_at": NOON, "ran_for": timedelta(minutes=12)}
    assert judged(minutes(1), conditions="time < 15 min", **facts).ok
    slow = judged(minutes(1), conditions="time < 10 min", **facts)
    assert (slow.kind, slow.detail) == (FailureKind.SLOW, "answered after 720\u00a0s, the limit is 600\u00a0s")
    assert judged(minutes(1), **facts).total_ms == 720_000


@pytest.mark.parametrize(
    ("options", "field", "part"),
    [
        ({}, "options.period_seconds", "Say when the job runs"),
        ({"period_seconds": 60, "cron": "* * * * *"}, "options.period_seconds", "not both"),
        ({"period_seconds": 0}, "options.period_seconds", "Say when"),
        ({"period_seconds": -5}, "options.period_seconds", "between 1 second and 366 days"),
        ({"period_seconds": 60, "grace_seconds": -1}, "options.grace_seconds", "between 0 seconds"),
        ({"cron": "every day"}, "options.cron", "cannot be read"),
        ({"cron": "61 * * * *"}, "options.cron", "cannot be read"),
        ({"cron": "0 0 30 2 *"}, "options.cron", "cannot be read"),
        ({"cron": "* * * * * *"}, "options.cron", "cannot be read"),
        ({"cron": "* * * * *", "time_zone": "Berlin"}, "options.time_zone", "is no time zone"),
        ({"cron": "* * * * *", "zone": "UTC"}, "options.zone", "is not an option"),
    ],
)
def test_a_bad_schedule_is_refused(options, field, part):
    assert part in faults("", kind="HEARTBEAT", options=options)[field]


# --- the door ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def heartbeat(db):
    return services.save_check(
        environment=EnvironmentFactory(), now=NOON, name="Nightly export", kind="HEARTBEAT", options=HOURLY
    )


def pinged(heartbeat, word="", method="get", **sent):
    return getattr(Client(enforce_csrf_checks=True), method)(f"/ping/{heartbeat.ping_key}{word}", **sent)


@pytest.mark.parametrize(
    ("word", "method", "signal"),
    [
        ("", "get", "SUCCESS"), ("", "post", "SUCCESS"), ("", "head", "SUCCESS"), ("/success", "post", "SUCCESS"),
        ("/start", "get", "START"), ("/fail", "post", "FAIL"), ("/0", "get", "SUCCESS"), ("/7", "get", "FAIL"),
    ],
)  # fmt: skip
def test_a_job_pings_without_signing_in(heartbeat, word, method, signal):
    response = pinged(heartbeat, word, method)
    assert response.status_code == 200
    assert Ping.objects.get().signal == signal


def test_what_a_job_sends_along_is_kept_with_a_failure(heartbeat):
    pinged(heartbeat, "/fail", "post", data=b"disk full\x00\n" + b"x" * 20_000, content_type="text/plain")
    note = Ping.objects.get().note
    assert note.startswith("disk full\\x00\n")
    assert len(note) <= 2000
    pinged(heartbeat, "/3")
    assert Ping.objects.first().note == "exit code 3"


def test_an_unknown_key_and_an_unknown_word_are_told(heartbeat):
    assert Client().get(f"/ping/{uuid.uuid4()}").status_code == 404
    for word in ("/stop", "/256", "/-1", "/1000", "/٣"):
        assert pinged(heartbeat, word).status_code == 400
    assert pinged(heartbeat, "", "put").status_code == 405
    assert not Ping.objects.exists()


def test_a_job_that_pings_without_end_is_told_to_wait(heartbeat):
    for number in range(60):
        at = NOON + timedelta(seconds=number / 2)
        services.record_ping(key=heartbeat.ping_key, signal="SUCCESS", note="", now=at)
    with pytest.raises(services.TooManyPings):
        services.record_ping(key=heartbeat.ping_key, signal="SUCCESS", note="", now=NOON + timedelta(seconds=30))
    assert services.record_ping(key=heartbeat.ping_key, signal="SUCCESS", note="", now=minutes(2))


def test_old_pings_go_but_never_the_latest_of_its_kind(heartbeat):
    Ping.objects.create(health_check=heartbeat, at=NOON - timedelta(days=9), signal="FAIL")
    Ping.objects.bulk_create(
        Ping(health_check=heartbeat, at=NOON + timedelta(minutes=n), signal="SUCCESS") for n in range(250)
    )
    services.record_ping(key=heartbeat.ping_key, signal="SUCCESS", note="", now=NOON + timedelta(days=1))
    assert Ping.objects.filter(signal="SUCCESS").count() == 200
    assert Ping.objects.filter(signal="FAIL").count() == 1


def test_a_ping_that_may_change_the_state_is_looked_at_at_once(heartbeat):
    HealthCheck.objects.update(extra_at=None)
    services.record_ping(key=heartbeat.ping_key, signal="SUCCESS", note="", now=NOON)
    assert HealthCheck.objects.get().extra_at == NOON
    HealthCheck.objects.update(extra_at=None, state="UP")
    services.record_ping(key=heartbeat.ping_key, signal="SUCCESS", note="", now=NOON)
    assert HealthCheck.objects.get().extra_at is None
    services.record_ping(key=heartbeat.ping_key, signal="FAIL", note="", now=NOON)
    assert HealthCheck.objects.get().extra_at == NOON


def test_the_facts_of_many_heartbeats_are_read_together(heartbeat, django_assert_num_queries):
    other = HealthCheckFactory(kind="HEARTBEAT", options=HOURLY, environment=heartbeat.environment)
    for at, signal in ((0, "START"), (2, "SUCCESS"), (3, "START"), (4, "FAIL")):
        Ping.objects.create(health_check=heartbeat, at=minutes(at), signal=signal, note="it broke")
    checks = {row.pk: compile_check(row) for row in (heartbeat, other)}
    with django_assert_num_queries(1):
        facts = selectors.facts_of(checks, now=NOON)
    assert facts[heartbeat.pk] == Facts(
        started_at=minutes(3),
        succeeded_at=minutes(2),
        failed_at=minutes(4),
        ran_for=timedelta(minutes=2),
        note="it broke",
    )
    assert facts[other.pk] == Facts()
