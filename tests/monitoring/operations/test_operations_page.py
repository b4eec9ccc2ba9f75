"""The operations page: what is wrong comes first, in words, with what to do; only staff read it."""

from datetime import timedelta

import pytest
import redis
from django.conf import settings
from django.test import Client
from django.utils import timezone

from monitoring.models import Prober, ProberOutage, Refusal
from monitoring.selectors.advice import advice, headline
from monitoring.selectors.operations import operations
from monitoring.store import StoreFigures
from postdeploy import celery_app
from postdeploy.health import record_tick
from postdeploy.models import Heartbeat
from tests.factories import HealthCheckFactory, ProjectFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff():
    client = Client()
    client.force_login(UserFactory(is_staff=True))
    return client


def prober(name="web-1:41", *, silent=0, **figures):
    row = Prober.objects.create(name=name, key=f"{name}:x", **figures)
    Prober.objects.filter(pk=row.pk).update(seen_at=timezone.now() - timedelta(seconds=silent))
    return row


def told(**changes):
    """The lines of the page by their key."""
    figures = operations(now=timezone.now())
    return {line.key: line for line in advice(figures)}


def test_it_is_for_staff_only(staff):
    person = Client()
    person.force_login(UserFactory())
    assert Client().get("/operations/").status_code == 302
    assert person.get("/operations/").status_code == 403
    assert staff.get("/operations/").status_code == 200


def test_all_well_is_one_sentence(staff):
    record_tick()
    HealthCheckFactory()
    prober(checks=1, shards=32, probes_per_second=12.5, lateness_p50_ms=1.2, lateness_p99_ms=8.4)
    page = staff.get("/operations/").content.decode()
    assert "Everything here does its work." in page
    assert "web-1:41" in page
    assert "99 % within 8.4" in page.replace("\u00a0", " ")
    assert "PostgreSQL" in page
    assert "Valkey" in page


def test_without_a_tick_it_says_what_to_look_at_and_says_it_first():
    lines = advice(operations(now=timezone.now()))
    assert lines[0].key == "tick"
    assert "beat, broker and a worker" in lines[0].todo
    assert headline(lines) == "1 part of 7 needs you."


def test_an_old_tick_stands_still():
    record_tick()
    Heartbeat.objects.update(beat_at=timezone.now() - timedelta(minutes=5, seconds=30))
    assert told()["tick"].word == "Stands still"
    assert told()["tick"].sentence.startswith("The latest tick was 5\u00a0min")


def test_checks_that_nobody_reads_are_said():
    HealthCheckFactory()
    assert told()["polls"].word == "Nobody polls"


def test_a_worker_that_went_without_a_word_does_not_count(staff):
    HealthCheckFactory()
    prober(silent=60, probes_per_second=99)
    assert told()["polls"].word == "Nobody polls"
    page = staff.get("/operations/").content.decode()
    assert "Silent" in page
    assert "others read its checks" in page


def test_late_probes_are_said():
    HealthCheckFactory()
    prober(lateness_p50_ms=4, lateness_p99_ms=2500)
    assert told()["polls"].word == "Late"


def test_a_worker_that_cannot_see_is_named(staff):
    HealthCheckFactory()
    prober()
    ProberOutage.objects.create(prober_name="web-1:41", began_at=timezone.now(), reason="No canary answers.")
    assert told()["view"].sentence == "web-1:41: No canary answers."
    assert "No canary answers." in staff.get("/operations/").content.decode()


def test_old_outages_of_ours_are_left_out():
    then = timezone.now() - timedelta(days=9)
    ProberOutage.objects.create(prober_name="web-1:41", began_at=then, ended_at=then, reason="No canary answers.")
    assert operations(now=timezone.now()).outages == ()


def test_samples_that_nobody_folds_are_said(monkeypatch):
    waiting = StoreFigures(130, 52_000, 3600.0, {"log": 4096})
    monkeypatch.setattr("monitoring.store.figures", lambda: waiting)
    assert told()["samples"].word == "Not folded"
    assert operations(now=timezone.now()).sampling.per_second == pytest.approx(52_000 / 3600)


def test_a_rate_is_not_known_while_the_log_stands_open_for_a_moment_only(monkeypatch):
    monkeypatch.setattr("monitoring.store.figures", lambda: StoreFigures(1, 500, 0.2, {}))
    assert operations(now=timezone.now()).sampling.per_second is None


def test_sources_that_cannot_be_fetched_are_counted():
    project = ProjectFactory()
    project.sources.create(kind="SCRAPE", name="node", failing_since=timezone.now())
    project.sources.create(kind="PROMQL", name="old", paused_at=timezone.now(), failing_since=timezone.now())
    assert told()["pulls"].sentence == "1 source cannot be fetched."


def test_a_source_that_nobody_fetches_is_said():
    ProjectFactory().sources.create(kind="SCRAPE", name="node", next_pull_at=timezone.now() - timedelta(minutes=10))
    assert told()["pulls"].word == "Behind"


def test_refused_samples_are_summed_by_reason(staff):
    for name, count in (("a", 3), ("b", 4)):
        source = ProjectFactory().sources.create(kind="JSON", name=name)
        now = timezone.now()
        Refusal.objects.create(
            source=source, reason="TOO_OLD", count=count, first_at=now, latest_at=now, example="secret"
        )
    (refused,) = operations(now=timezone.now()).sampling.refused
    assert (refused.count, refused.sources, refused.label) == (7, 2, "Too old")
    assert "secret" not in staff.get("/operations/").content.decode()


def test_messages_that_wait_too_long_are_said():
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.lpush("polls", '{"headers": {"sent_at": 1.0}}', '{"headers": {"sent_at": 2.0}}')
    (queue,) = (queue for queue in operations(now=timezone.now()).broker.queues if queue.name == "polls")
    assert queue.length == 2
    assert queue.oldest_seconds > 1_000_000_000
    assert told()["queues"].word == "Late"


@pytest.mark.parametrize("message", ["", "{}", "[]", '{"headers": null}', '{"headers": {"sent_at": "x"}}', "\xff"])
def test_a_message_that_does_not_say_when_it_was_sent_is_no_fault(message):
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.lpush("flow", message)
    (queue,) = (queue for queue in operations(now=timezone.now()).broker.queues if queue.name == "flow")
    assert (queue.length, queue.oldest_seconds) == (1, None)


def test_a_broker_that_is_away_is_said_and_the_page_still_answers(staff, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert told()["queues"].word == "No broker"
    assert "the broker does not answer" in staff.get("/operations/").content.decode()


def test_the_live_part_answers_304_while_nothing_changes(staff, monkeypatch):
    found = operations(now=timezone.now())
    monkeypatch.setattr("monitoring.views.operations.read_operations", lambda now: found)
    poll = {"HX-Request": "true", "HX-Target": "operations"}
    first = staff.get("/operations/", headers=poll)
    again = staff.get("/operations/", headers=poll | {"If-None-Match": first["ETag"]})
    assert (first.status_code, again.status_code) == (200, 304)


def test_a_message_that_was_really_sent_says_how_long_it_waits():
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.delete("flow")
        celery_app.send_task("monitoring.tasks.judge_periods", ignore_result=True)
        (queue,) = (queue for queue in operations(now=timezone.now()).broker.queues if queue.name == "flow")
        client.delete("flow")
    assert queue.length == 1
    assert 0 <= queue.oldest_seconds < 60
