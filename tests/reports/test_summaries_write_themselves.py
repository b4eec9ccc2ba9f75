"""The sweep of the summaries: one version when a deployment ends, the next when something has changed, never twice."""

import threading
from datetime import timedelta

import pytest
import time_machine
from django.db import IntegrityError, connection, connections, transaction

from deployments.models import Deployment, DeploymentEvent, Role
from issues.models import IssueEvent
from issues.services import Actor, comment, edit_issue
from monitoring.models import MonitoringPeriod
from monitoring.services import rule, withdraw
from reports import services
from reports.exports.record import from_plain
from reports.models import DeploymentSummary, SummaryCursor
from reports.selectors import OVERLAP, changed_deployments
from reports.signals import summary_ready
from tests.factories import DeploymentFactory, EnvironmentFactory, OutageFactory, VerdictFactory
from tests.reports.world import MINUTE, NOW, deploy, rollback_world, watch

pytestmark = pytest.mark.django_db
LATER = NOW + 10 * MINUTE


@pytest.fixture
def clock():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def sweep(now=NOW):
    return services.summarise_deployments(now=now)


def versions(deployment):
    return list(deployment.summaries.order_by("version").values_list("version", flat=True))


@pytest.fixture
def world(clock):
    world = rollback_world()
    sweep()
    clock.move_to(LATER)
    sweep(LATER)
    return world


def test_every_deployment_that_ended_gets_a_first_version(clock):
    world = rollback_world()
    running = DeploymentFactory(environment=world.staging, status="RUNNING", finished_at=None)
    assert sweep() == 4
    assert [versions(row) for row in (world.old, world.bad, world.good, world.candidate)] == [[1]] * 4
    assert versions(running) == []


def test_a_second_sweep_writes_nothing(clock):
    world = rollback_world()
    sweep()
    assert sweep() == 0
    assert sweep(LATER) == 0
    assert versions(world.bad) == [1]


def test_the_content_is_the_record(world):
    summary = world.bad.summaries.get()
    record = from_plain(summary.content)
    assert record.version == "v1.42.0"
    assert record.content_hash == summary.content_hash
    assert summary.built_at == NOW


def test_a_summary_is_complete_when_the_watch_has_ended(world):
    assert world.old.summaries.get().is_complete
    assert world.bad.summaries.get().is_complete
    assert not world.good.summaries.get().is_complete


def test_a_ruling_makes_a_new_version_and_its_withdrawal_another(world, clock):
    later = LATER + MINUTE
    clock.move_to(later)
    rule(deployment=world.bad, kind="US", reason="No index.", token_name="ci", now=later)
    sweep(later)
    assert [row.ruling for row in from_plain(world.bad.summaries.order_by("-version")[0].content).verdict.rulings] == [
        "This was us"
    ]
    later += MINUTE
    clock.move_to(later)
    withdraw(deployment=world.bad, now=later)
    sweep(later)
    assert from_plain(world.bad.summaries.order_by("-version")[0].content).verdict.rulings == ()
    assert versions(world.bad) == [1, 2, 3]


@pytest.mark.parametrize("status", ["FAILED", "CANCELLED"])
def test_what_never_went_live_is_complete_at_once(clock, status):
    deployment = DeploymentFactory(status=status, finished_at=NOW)
    sweep()
    assert deployment.summaries.get().is_complete


def add_comment(world):
    comment(issue_id=world.critical.pk, text="The cache is in.", actor=Actor.person(world.aylin, Role.OWNER), now=LATER)


def decide(world):
    period = MonitoringPeriod.objects.get(deployment=world.bad, stage="EXTENDED")
    period.result, period.decided_at = "DEGRADED", LATER
    period.save()
    VerdictFactory(period=period, looked_at=LATER, result="DEGRADED", is_final=True, sentence="It stayed bad.")


def report_event(world):
    DeploymentEvent.objects.create(deployment=world.bad, status="FAILED", occurred_at=LATER, is_applied=False)


def learn(world):
    services.write_lesson(deployment=world.bad, category="TOOL_GAPS", text="No cache.", author=world.aylin, now=LATER)


def escalate(world):
    current = world.mails.assignments.get()
    current.ended_at = LATER
    current.save()
    world.mails.assignments.create(tier=world.tiers[1], reason="HIERARCHICAL_ESCALATION", started_at=LATER)


def describe_change(world):
    world.bad.system_changes.create(component="mailer")


@pytest.mark.parametrize("change", [add_comment, decide, report_event, learn, escalate, describe_change])
def test_a_change_makes_the_next_version_and_leaves_the_old_one_alone(world, clock, change):
    before = world.bad.summaries.values().get()
    change(world)
    clock.shift(timedelta(seconds=2))
    assert sweep(LATER + timedelta(seconds=2)) == 1
    assert versions(world.bad) == [1, 2]
    assert world.bad.summaries.values().get(version=1) == before
    assert sweep(LATER + MINUTE) == 0


def test_an_outage_is_written_into_the_watch_it_lies_in(world, clock):
    OutageFactory(health_check=world.checkout, began_at=LATER, confirmed_at=LATER)
    assert sweep(LATER + MINUTE) == 1
    assert versions(world.good) == [1, 2]


def test_a_rollback_shows_in_the_summary_of_what_it_rolled_back(world, clock):
    deploy(world.production, "v1.42.2", LATER, kind="ROLLBACK", rolls_back=world.old)
    Deployment.objects.filter(version="v1.42.2").update(updated_at=LATER)
    sweep(LATER)
    newest = from_plain(world.old.summaries.first().content)
    assert newest.implementation.status == "Failure"
    assert newest.verdict.outcome.endswith("rolled back by v1.42.2.")


def test_an_issue_that_belongs_elsewhere_leaves_both_summaries_right(world, clock):
    edit_issue(
        issue_id=world.mails.pk,
        changes={"deployment": world.good},
        revision=None,
        actor=Actor.person(world.aylin, Role.OWNER),
        now=LATER,
    )
    assert sweep(LATER) == 2
    assert from_plain(world.bad.summaries.first().content).implementation.issues == 1
    assert from_plain(world.good.summaries.first().content).implementation.issues == 1


def test_a_late_report_ends_an_older_watch_also_in_its_summary(clock):
    environment = EnvironmentFactory()
    older = deploy(environment, "v1", NOW - 30 * MINUTE)
    watch(older, initial=None, extended=None)
    sweep()
    clock.move_to(NOW + 60 * MINUTE)
    newer = deploy(environment, "v2", NOW - 20 * MINUTE)
    watch(newer, initial=None, extended=None)
    MonitoringPeriod.objects.filter(deployment=newer).update(created_at=NOW + 60 * MINUTE)
    MonitoringPeriod.objects.filter(deployment=older).update(
        status="SUPERSEDED", superseded_by=newer, ended_at=newer.finished_at, next_look_at=None
    )
    sweep(NOW + 61 * MINUTE)
    assert versions(older) == [1, 2]


def test_what_was_committed_late_is_still_seen(world, clock):
    """A row is stamped when its transaction begins: the sweep may run in between."""
    clock.move_to(LATER + MINUTE)
    sweep(LATER + MINUTE)
    stamp = LATER + MINUTE - OVERLAP / 2
    IssueEvent.objects.create(issue=world.critical, kind="COMMENTED", occurred_at=stamp, text="late")
    assert sweep(LATER + MINUTE + timedelta(seconds=5)) == 1


def test_one_that_cannot_be_written_stops_no_other_and_is_tried_again(clock, monkeypatch, caplog):
    world = rollback_world()
    build = services.summary_record

    def break_for_bad(story):
        if story.deployment == world.bad:
            raise ZeroDivisionError
        return build(story)

    monkeypatch.setattr(services, "summary_record", break_for_bad)
    assert sweep() == 3
    assert "summarise_deployments" in caplog.text
    clock.move_to(LATER)
    assert sweep(LATER) == 0
    monkeypatch.setattr(services, "summary_record", build)
    assert sweep(LATER + MINUTE) == 1
    assert versions(world.bad) == [1]


def test_a_backlog_is_worked_off_in_batches(clock, monkeypatch):
    monkeypatch.setattr(services, "BATCH", 3)
    environment = EnvironmentFactory()
    for n in range(8):
        deploy(environment, f"v{n}", NOW - (20 - n) * MINUTE)
    assert [sweep(), sweep(), sweep(), sweep()] == [3, 3, 2, 0]


def test_a_quiet_sweep_looks_at_nothing(world, clock, django_assert_max_num_queries):
    clock.move_to(LATER + 5 * MINUTE)
    sweep(LATER + 5 * MINUTE)
    with django_assert_max_num_queries(8):
        assert sweep(LATER + 6 * MINUTE) == 0
    assert changed_deployments(since=LATER + 5 * MINUTE) == []


def test_the_bell_rings_for_a_new_version_only(clock, django_capture_on_commit_callbacks):
    rung = []
    summary_ready.connect(lambda signal, **ids: rung.append(ids["deployment_id"]), weak=False, dispatch_uid="test")
    deployment = DeploymentFactory(finished_at=NOW, status="FAILED")
    try:
        for _ in range(2):
            with django_capture_on_commit_callbacks(execute=True):
                sweep()
    finally:
        summary_ready.disconnect(dispatch_uid="test")
    assert rung == [deployment.pk]


def test_two_versions_with_one_number_cannot_be(world):
    summary = world.bad.summaries.get()
    with pytest.raises(IntegrityError), transaction.atomic():
        DeploymentSummary.objects.create(
            deployment=world.bad, version=1, content={}, content_hash="", built_at=NOW, checked_at=summary.checked_at
        )


@pytest.mark.django_db(transaction=True)
def test_a_deployment_under_another_hand_is_left_and_found_again():
    with time_machine.travel(NOW, tick=False):
        deployment = DeploymentFactory(status="FAILED", finished_at=NOW)
        held, done = threading.Event(), threading.Event()

        def hold():
            with transaction.atomic():
                Deployment.objects.select_for_update().get(pk=deployment.pk)
                held.set()
                done.wait(20)
            connections.close_all()

        other = threading.Thread(target=hold)
        other.start()
        try:
            assert held.wait(20)
            assert sweep(NOW + MINUTE) == 0
            assert SummaryCursor.objects.get().read_until <= NOW
        finally:
            done.set()
            other.join(20)
        assert sweep(NOW + 2 * MINUTE) == 1
        assert connection.is_usable()
