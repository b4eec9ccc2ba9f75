"""The Deployment Summary as it is written from the rows of all floors."""

import dataclasses

import pytest

from deployments.models import Deployment
from reports.exports import html, json, markdown
from reports.exports.record import Configuration, Escalation, OutstandingIssue, ResolvedIssue, SystemChange
from reports.selectors import deployment_story, summary_record
from tests.factories import DeploymentFactory, RulingFactory, UserFactory
from tests.reports.world import DAY, NOW, at, rollback_world

pytestmark = pytest.mark.django_db


def record_of(deployment, now=NOW):
    fresh = Deployment.objects.select_related("project", "environment").get(pk=deployment.pk)
    return summary_record(deployment_story(fresh, now))


def test_the_process_fields_are_filled():
    world = rollback_world()
    record = record_of(world.bad)
    assert (record.project, record.version, str(record.date)) == ("shop", "v1.42.0", "2026-11-19")
    assert dataclasses.astuple(record.implementation) == (at(8, 58, 12), at(9, 2, 40), "Failure", 2)
    assert record.changes.system_changes == (SystemChange("checkout-api", "Address lookup (#1187)", "Rolled back"),)
    assert record.changes.configuration == (Configuration("ADDRESS_LOOKUP", "on (was off)", "Fewer wrong addresses"),)
    assert record.issues.resolved == (
        ResolvedIssue("SHOP-142 Checkout answered 502 (critical)", "Rolled back by v1.42.1"),
    )
    assert record.issues.outstanding == (
        OutstandingIssue("SHOP-145 Order confirmation mails arrive late (major)", "Two more workers"),
    )


def test_the_verdict_comes_with_its_stages_and_findings():
    verdict = record_of(rollback_world().bad).verdict
    assert (verdict.state, verdict.word) == ("failed", "Failed")
    assert verdict.outcome == "Rolled out without an error, then failed its watch, rolled back by v1.42.1."
    assert [(stage.name, stage.result) for stage in verdict.stages] == [
        ("Initial", "Failed"),
        ("Extended", "Ended early"),
    ]
    assert verdict.stages[1].sentence == "Ended by v1.42.1 after 28\u00a0min 40\u00a0s of 72\u00a0h."
    assert [(row.name, row.before, row.after, row.result) for row in verdict.findings] == [
        ("Checkout error rate", "0.12\u00a0%", "0.94\u00a0%", "Regressed"),
        ("Catalog p95", "142\u00a0ms", "131\u00a0ms", "Unchanged"),
    ]
    assert verdict.findings[0].change == "+0.82\u00a0points"
    assert [row.name for row in verdict.not_watched] == ["Warehouse sync lag", "Warehouse sync"]


def blamed_on(world, *others):
    """Let the verdict that stands be shared with other deployments, in hundredths."""
    rows = [(world.bad, 100 - sum(share for _, share in others)), *others]
    reasons = [
        {"code": "AFTER", "seconds": 180.0, "what": ""},
        {"code": "PART", "seconds": None, "what": "checkout-db"},
    ]
    world.verdict.blame = [
        {"deployment": str(row.pk), "share": share / 100, "because": reasons, "apart": 60.0} for row, share in rows
    ]
    world.verdict.save()


def test_who_else_may_have_caused_it_is_recorded_without_the_names_of_other_projects():
    world = rollback_world()
    foreign = DeploymentFactory(version="v9-secret")
    blamed_on(world, (world.old, 30), (foreign, 10))
    record = record_of(world.bad)
    assert [(row.deployment, row.share) for row in record.verdict.blame] == [
        ("v1.42.0 (this one)", "60\u00a0%"),
        ("v1.41.2", "30\u00a0%"),
        ("Another deployment", "10\u00a0%"),
    ]
    assert record.verdict.blame[1].because == (
        "it began 3\u00a0min after v1.41.2 went live; checkout-db is what it changed"
    )
    for form in (markdown, html, json):
        text = form.export(record)
        assert "Another deployment" in text
        assert "secret" not in text


def test_what_people_ruled_is_recorded_in_words_on_the_deployment_first():
    world = rollback_world()
    person = UserFactory(first_name="Mira", last_name="Kowalski")
    RulingFactory(deployment=world.bad, key="metric:gone", kind="EXPECTED", reason="It was wanted.", by=person)
    RulingFactory(deployment=world.bad, key=world.errors.key, kind="NOT_US", reason="A holiday.", by=person)
    RulingFactory(deployment=world.bad, kind="US", reason="No index.", by=None, token_name="ci", at=at(11))
    RulingFactory(deployment=world.bad, kind="NOT_US", reason="At first.", at=at(10), replaced_at=at(11))
    record = record_of(world.bad)
    assert [(row.about, row.ruling, row.reason, row.by) for row in record.verdict.rulings] == [
        ("The deployment", "This was us", "No index.", "ci (API)"),
        ("Checkout error rate", "Not us", "A holiday.", "Mira Kowalski"),
        ("metric:gone", "Expected", "It was wanted.", "Mira Kowalski"),
    ]
    assert record.verdict.rulings[0].at == at(11)
    for form in (markdown, html, json):
        text = form.export(record)
        assert "This was us" in text
        assert "At first" not in text


def test_the_blame_of_a_watch_under_way_is_not_recorded_yet():
    world = rollback_world()
    assert record_of(world.good).verdict.blame == ()
    assert record_of(world.bad).verdict.blame == ()


def test_how_long_it_was_live_ends_where_the_next_one_was_live_and_not_where_its_watch_ended():
    world = rollback_world()
    world.extended.ended_at = world.good.started_at
    world.extended.save()
    fresh = Deployment.objects.select_related("project", "environment").get(pk=world.bad.pk)
    story = deployment_story(fresh, NOW)
    assert story.live_for == world.good.finished_at - world.bad.finished_at
    told = [row.text for row in record_of(world.bad).timeline]
    assert "v1.42.1 began to roll this deployment back" in told


def test_the_timeline_tells_all_floors_in_the_order_of_time():
    timeline = record_of(rollback_world().bad).timeline
    assert [row.at for row in timeline] == sorted(row.at for row in timeline)
    told = [row.text for row in timeline]
    for line in (
        "Mira Kowalski started deploying v1.42.0",
        "The deployment finished",
        "The initial watch opened for 60\u00a0min",
        "Initial watch, so far: degraded",
        "Checkout API is down",
        "Checkout API answers again after 4\u00a0min 30\u00a0s",
        "SHOP-142 was opened: Checkout answered 502",
        "SHOP-142 went from L1 to L2: the 15 min clock ran out",
        "Aylin Demir commented on SHOP-142",
        "Initial watch: Failed",
        "v1.42.1 rolled this deployment back",
        "SHOP-142 was resolved by Aylin Demir",
        "Jonas Weber wrote down a lesson: what worked",
    ):
        assert line in told, told
    assert told.count("Initial watch, so far: degraded") == 1


def test_deliveries_are_not_part_of_the_record():
    assert not [row for row in record_of(rollback_world().bad).timeline if "Slack" in row.text]


def test_escalations_name_both_tiers_and_the_reason():
    assert record_of(rollback_world().bad).escalations == (
        Escalation(at(9, 29), "SHOP-142", "L1", "L2", "the 15 min clock ran out"),
    )


def test_lessons_stand_in_the_categories_of_the_process():
    learned = record_of(rollback_world().bad).lessons_learned
    assert [lesson.author for lesson in learned.success_factors.what_worked] == ["Jonas Weber"]
    assert [lesson.text for lesson in learned.improvement_areas.bottlenecks] == ["The rollback was decided late."]


def test_a_watch_under_way_is_told_without_what_every_look_changes():
    world = rollback_world()
    early, late = record_of(world.good), record_of(world.good, NOW + DAY)
    assert early == late
    assert early.verdict.sentence == ("Not decided yet: the initial watch ends at 19 November 2026, 11:31:20 (UTC).")
    assert (early.implementation.status, early.verdict.word) == ("Success", "Watching")
    assert early.verdict.findings == ()


def test_a_passed_watch_is_a_success():
    record = record_of(rollback_world().old)
    assert record.implementation.status == "Success"
    assert record.verdict.outcome == "Rolled out without an error, then passed its watch."
    assert record.verdict.decided_at is not None


def test_the_record_of_a_dry_run_says_so():
    world = rollback_world()
    for period in world.old.periods.all():
        period.policy = {**period.policy, "is_dry_run": True}
        period.save()
    assert record_of(world.old).verdict.outcome == (
        "Rolled out without an error, then passed its watch. A dry run: the verdict is recorded as it is, no pipeline "
        "was stopped and no issue opened."
    )


@pytest.mark.parametrize(
    ("status", "outcome"), [("FAILED", "The pipeline failed."), ("CANCELLED", "The pipeline was cancelled.")]
)
def test_a_pipeline_that_did_not_get_there_is_a_failure(status, outcome):
    record = record_of(DeploymentFactory(status=status, finished_at=NOW))
    assert (record.implementation.status, record.verdict.outcome) == ("Failure", outcome)


def test_what_was_never_written_down_says_so():
    world = rollback_world()
    world.mails.plan = ""
    world.mails.save()
    assert record_of(world.bad).issues.outstanding[0].plan == "No plan was written down yet."


def test_the_record_can_be_exported():
    text = markdown.export(record_of(rollback_world().bad))
    assert "| ADDRESS\\_LOOKUP | on (was off) | Fewer wrong addresses |" in text


def test_an_escalation_without_a_note_names_the_clock_that_ran_out():
    world = rollback_world()
    world.critical.assignments.update(note="")
    assert record_of(world.bad).escalations[0].reason == "the 15\u00a0min clock ran out"


def test_what_was_not_watched_is_named_once():
    world = rollback_world()
    world.verdict.findings.filter(result="NO_DATA").update(sentence="Warehouse sync lag: no values since then.")
    assert record_of(world.bad).verdict.not_watched[0].reason == "no values since then."
