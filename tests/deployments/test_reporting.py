from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from deployments.models import MASK, Deployment, DeploymentEvent, DeploymentStatus, Environment
from deployments.services import (
    AlreadyEnded,
    Claim,
    ConfigurationChangeFacts,
    Disagrees,
    NoEarlierVersion,
    Report,
    SystemChangeFacts,
    add_changes,
    cancel_deployment,
    record_status,
    report_deployment,
    roll_back,
)
from deployments.signals import deployment_finished, deployment_reported
from tests.at_once import at_once
from tests.factories import EnvironmentFactory, ProjectFactory

NOW = datetime(2026, 11, 19, 12, 0, tzinfo=UTC)


def at(minute):
    return NOW + timedelta(minutes=minute)


@pytest.fixture
def project(db):
    return ProjectFactory()


@pytest.fixture
def bells(django_capture_on_commit_callbacks):
    heard = []

    def listener(bell):
        def hear(**ids):
            heard.append((bell, ids["deployment_id"]))

        return hear

    named = {"reported": deployment_reported, "finished": deployment_finished}
    listeners = {name: listener(name) for name in named}
    for name, bell in named.items():
        bell.connect(listeners[name])
    yield heard
    for name, bell in named.items():
        bell.disconnect(listeners[name])


def report(project, now=NOW, **said):
    facts = Report(**{"environment": "production", "version": "1.0", "external_id": "7", **said})
    return report_deployment(project=project, report=facts, now=now)


def status(deployment, word, minute=None, now=NOW):
    claims = [Claim(DeploymentStatus(word), None if minute is None else at(minute))]
    return record_status(deployment=deployment, claims=claims, now=now)


def notes(deployment):
    return [(event.status, event.is_applied, event.note) for event in deployment.events.all()]


def test_a_report_needs_only_environment_and_version(project):
    reported = report_deployment(project=project, report=Report("production", "1.0"), now=NOW)
    deployment = Deployment.objects.get()
    assert reported.is_first
    assert (deployment.status, deployment.occurred_at, deployment.kind) == ("PENDING", NOW, "DEPLOY")
    assert deployment.source == "api"


def test_a_report_with_a_start_is_of_a_running_deployment(project):
    deployment = report(project, started_at=at(-5)).deployment
    assert (deployment.status, deployment.started_at, deployment.occurred_at) == ("RUNNING", at(-5), at(-5))


def test_a_finished_deployment_is_reported_in_one_call(project, bells, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        deployment = report(project, status=DeploymentStatus.SUCCEEDED, started_at=at(-5)).deployment
    assert (deployment.status, deployment.started_at, deployment.finished_at) == ("SUCCEEDED", at(-5), NOW)
    assert bells == [("finished", deployment.pk), ("reported", deployment.pk)]


def test_the_finish_is_rung_once(project, bells, django_capture_on_commit_callbacks):
    deployment = report(project).deployment
    with django_capture_on_commit_callbacks(execute=True):
        status(deployment, "SUCCEEDED", 1)
        status(deployment, "SUCCEEDED", 1)
        status(deployment, "SUCCEEDED")
        status(deployment, "RUNNING", 0)
    assert bells == [("finished", deployment.pk)]


def test_a_finish_without_a_start_leaves_the_start_unknown(project):
    deployment = status(report(project).deployment, "FAILED", 1)
    assert (deployment.status, deployment.started_at, deployment.finished_at) == ("FAILED", None, at(1))


def test_late_reports_count_by_the_times_they_carry(project):
    week_ago = -7 * 24 * 60
    deployment = report(
        project, status=DeploymentStatus.SUCCEEDED, started_at=at(week_ago), finished_at=at(week_ago + 5)
    ).deployment
    assert deployment.finished_at == deployment.occurred_at == at(week_ago + 5)
    assert deployment.reported_at == NOW


def test_a_clock_that_runs_far_ahead_is_put_right_and_the_event_says_so(project):
    deployment = report(project, status=DeploymentStatus.SUCCEEDED, finished_at=at(180)).deployment
    assert deployment.finished_at == NOW
    assert notes(deployment)[0][2] == "Reported 3\u00a0h ahead of our clock; counted as its arrival."
    again = report(project, status=DeploymentStatus.SUCCEEDED, finished_at=at(180), now=at(60))
    assert not again.is_first
    assert again.deployment.finished_at == NOW


def test_a_clock_that_runs_a_little_ahead_is_believed(project):
    deployment = report(project, status=DeploymentStatus.SUCCEEDED, finished_at=at(9)).deployment
    assert deployment.finished_at == at(9)


def test_an_unknown_environment_is_created_with_a_guessed_tier_and_is_new(project):
    report(project, environment="staging-eu")
    environment = Environment.objects.get()
    assert (environment.name, environment.tier, environment.is_new) == ("staging-eu", "STAGING", True)


def test_capitals_do_not_make_another_environment(project):
    known = EnvironmentFactory(project=project, name="production", confirmed_at=NOW)
    assert report(project, environment="Production").deployment.environment == known
    assert not report(project, environment="PRODUCTION").is_first


def test_the_same_environment_name_in_another_project_is_another_environment(project):
    other = EnvironmentFactory(name="production")
    assert report(project).deployment.environment != other


def test_a_repeat_is_the_same_deployment(project):
    said = {"revision": "abc", "started_at": at(-1), "system_changes": (SystemChangeFacts("checkout"),)}
    first, again = report(project, **said), report(project, now=at(5), **said)
    assert (first.is_first, again.is_first) == (True, False)
    assert first.deployment == again.deployment
    assert again.deployment.system_changes.count() == 1
    assert again.deployment.events.count() == 1


def test_without_an_external_id_every_report_is_a_deployment(project):
    first, second = report(project, external_id=None), report(project, external_id=None)
    assert first.deployment != second.deployment


@pytest.mark.parametrize("other", [{"source": "gitlab"}, {"external_id": "8"}])
def test_another_key_is_another_deployment(project, other):
    assert report(project).deployment != report(project, **other).deployment


def test_the_same_key_in_another_project_is_another_deployment(project):
    assert report(project).deployment != report(ProjectFactory()).deployment


@pytest.mark.parametrize(
    ("first", "repeat", "fields"),
    [
        ({}, {"version": "2.0"}, {"version"}),
        ({}, {"environment": "staging"}, {"environment"}),
        ({"revision": "a"}, {"revision": "b", "version": "2.0"}, {"revision", "version"}),
        ({"started_at": at(0)}, {"started_at": at(1)}, {"started_at"}),
        ({"kind": "DEPLOY"}, {"kind": "ROLLBACK"}, {"kind"}),
        ({"status": DeploymentStatus.SUCCEEDED}, {"status": DeploymentStatus.FAILED}, {"status"}),
        (
            {"status": DeploymentStatus.SUCCEEDED, "finished_at": at(1)},
            {"status": DeploymentStatus.SUCCEEDED, "finished_at": at(2)},
            {"finished_at"},
        ),
        (
            {"system_changes": (SystemChangeFacts("a"),)},
            {"system_changes": (SystemChangeFacts("b"),)},
            {"system_changes"},
        ),
    ],
)
def test_it_keeps_the_first_report_when_a_repeat_disagrees(project, first, repeat, fields):
    deployment = report(project, **first).deployment
    with pytest.raises(Disagrees) as disagreement:
        report(project, **repeat)
    assert set(disagreement.value.fields) == fields
    unchanged = Deployment.objects.get()
    assert (unchanged.version, unchanged.status) == (deployment.version, deployment.status)
    assert Environment.objects.count() == 1


def test_a_repeat_with_a_later_status_is_a_transition(project):
    report(project, status=DeploymentStatus.PENDING)
    report(project, status=DeploymentStatus.RUNNING, now=at(1))
    deployment = report(project, status=DeploymentStatus.SUCCEEDED, now=at(5)).deployment
    assert (deployment.status, deployment.queued_at, deployment.started_at, deployment.finished_at) == (
        "SUCCEEDED",
        NOW,
        at(1),
        at(5),
    )


def test_a_repeat_adds_what_was_not_said_before(project):
    report(project)
    deployment = report(project, revision="abc", system_changes=(SystemChangeFacts("checkout"),)).deployment
    assert deployment.revision == "abc"
    assert deployment.system_changes.get().component == "checkout"
    with pytest.raises(Disagrees):
        report(project, revision="abd")


def test_an_earlier_status_after_the_end_is_kept_and_changes_nothing(project):
    deployment = report(project, status=DeploymentStatus.SUCCEEDED).deployment
    for _ in range(2):
        deployment = report(project, status=DeploymentStatus.RUNNING, now=at(5)).deployment
    assert deployment.status == "SUCCEEDED"
    assert notes(deployment) == [
        ("SUCCEEDED", True, ""),
        ("RUNNING", False, "Lies after the end, so it changes nothing."),
    ]


@pytest.mark.parametrize(
    "events",
    [
        [("PENDING", 0), ("RUNNING", 1), ("SUCCEEDED", 2), ("FAILED", 3)],
        [("PENDING", 3), ("RUNNING", 2), ("SUCCEEDED", 1), ("CANCELLED", 1)],
        [("RUNNING", 1), ("RUNNING", 4), ("SUCCEEDED", 3), ("SUCCEEDED", 5)],
    ],
)
def test_all_orders_of_arrival_give_the_same_deployment(project, events):
    outcomes = set()
    for order in permutations(events):
        deployment = report(project, external_id=None).deployment
        DeploymentEvent.objects.all().delete()
        for word, minute in order:
            deployment = status(deployment, word, minute, now=at(60))
        history = tuple((word, is_applied, note) for word, is_applied, note in notes(deployment))
        outcomes.add((deployment.status, deployment.queued_at, deployment.started_at, deployment.finished_at, history))
        assert deployment.events.count() == len(events)
    assert len({outcome[:4] for outcome in outcomes}) == 1
    assert len({frozenset(outcome[4]) for outcome in outcomes}) == 1


def test_cancelling_twice_changes_nothing(project):
    deployment = report(project).deployment
    cancel_deployment(deployment=deployment, at=None, now=at(1))
    again = cancel_deployment(deployment=deployment, at=None, now=at(2))
    assert (again.status, again.finished_at) == ("CANCELLED", at(1))


def test_what_has_ended_cannot_be_cancelled(project):
    deployment = report(project, status=DeploymentStatus.SUCCEEDED).deployment
    with pytest.raises(AlreadyEnded):
        cancel_deployment(deployment=deployment, at=None, now=at(1))


def test_a_secret_is_masked_before_it_is_stored(project):
    changes = (
        ConfigurationChangeFacts("LICENCE", old_value="", value="hunter2", is_secret=True),
        ConfigurationChangeFacts("DB_PASSWORD", old_value="hunter1", value="hunter3"),
        ConfigurationChangeFacts("TOKEN_BUCKET", value="5", is_secret=False),
    )
    deployment = report(project, configuration_changes=changes).deployment
    add_changes(deployment=deployment, system_changes=(), configuration_changes=changes)
    stored = [(c.setting, c.old_value, c.value, c.is_secret) for c in deployment.configuration_changes.all()]
    assert stored == 2 * [
        ("LICENCE", "", MASK, True),
        ("DB_PASSWORD", MASK, MASK, True),
        ("TOKEN_BUCKET", "", "5", False),
    ]
    assert "hunter" not in str(Deployment.objects.get().report)


def succeed(project, version, minute, **said):
    return report(
        project, version=version, status=DeploymentStatus.SUCCEEDED, finished_at=at(minute), external_id=None, **said
    ).deployment


def test_a_roll_back_brings_the_version_before_back(project):
    succeed(project, "1.0", -30, revision="aaa")
    bad = succeed(project, "2.0", -10)
    rolled = roll_back(deployment=bad, report=Report("", "", status=DeploymentStatus.SUCCEEDED), now=NOW).deployment
    assert (rolled.version, rolled.revision, rolled.kind, rolled.rolls_back) == ("1.0", "aaa", "ROLLBACK", bad)
    assert rolled.environment == bad.environment


def test_a_roll_back_of_a_failed_deployment_skips_what_never_went_live(project):
    succeed(project, "1.0", -30)
    report(project, version="1.5", status=DeploymentStatus.FAILED, finished_at=at(-20), external_id=None)
    bad = report(project, version="2.0", status=DeploymentStatus.FAILED, finished_at=at(-10)).deployment
    assert roll_back(deployment=bad, report=Report("", ""), now=NOW).deployment.version == "1.0"


def test_a_roll_back_may_name_a_version_never_seen(project):
    bad = succeed(project, "2.0", -10)
    rolled = roll_back(deployment=bad, report=Report("", "0.9"), now=NOW).deployment
    assert (rolled.version, rolled.kind, rolled.rolls_back) == ("0.9", "ROLLBACK", bad)


def test_a_roll_back_without_an_earlier_version_must_name_one(project):
    bad = succeed(project, "2.0", -10)
    with pytest.raises(NoEarlierVersion):
        roll_back(deployment=bad, report=Report("", ""), now=NOW)


def test_a_repeated_roll_back_is_the_same(project):
    succeed(project, "1.0", -30)
    bad = succeed(project, "2.0", -10)
    first = roll_back(deployment=bad, report=Report("", "", external_id="r1"), now=NOW)
    again = roll_back(deployment=bad, report=Report("", "", external_id="r1"), now=at(1))
    assert (first.is_first, again.is_first) == (True, False)
    assert first.deployment == again.deployment


def test_a_report_that_brings_the_version_before_back_is_a_roll_back(project):
    succeed(project, "1.0", -30)
    bad = succeed(project, "2.0", -10)
    back = succeed(project, "1.0", -1)
    assert (back.kind, back.rolls_back) == ("ROLLBACK", bad)
    assert succeed(project, "1.0", 0).kind == "DEPLOY"


def test_a_stated_kind_is_believed(project):
    succeed(project, "1.0", -30)
    bad = succeed(project, "2.0", -10)
    assert succeed(project, "1.0", -5, kind="DEPLOY").kind == "DEPLOY"
    stated = succeed(project, "0.8", -1, kind="ROLLBACK")
    assert (stated.kind, stated.rolls_back.version) == ("ROLLBACK", "1.0")
    assert bad.kind == "DEPLOY"


@pytest.mark.django_db(transaction=True)
def test_ten_reports_at_once_make_one_deployment():
    project = ProjectFactory()
    changes = (SystemChangeFacts("checkout"),)
    results = at_once(
        lambda: report(project, status=DeploymentStatus.SUCCEEDED, finished_at=NOW, system_changes=changes), 10
    )
    assert sorted(result.is_first for result in results) == [False] * 9 + [True]
    deployment = Deployment.objects.get()
    assert deployment.events.count() == deployment.system_changes.count() == 1
    assert Environment.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_status_and_contradiction_at_once_lose_nothing():
    project = ProjectFactory()
    deployment = report(project).deployment
    results = at_once(lambda: status(deployment, "RUNNING", 1), 3) + at_once(
        lambda: status(deployment, "SUCCEEDED", 2), 3
    )
    assert not [result for result in results if isinstance(result, Exception)]
    deployment.refresh_from_db()
    assert (deployment.status, deployment.started_at, deployment.finished_at) == ("SUCCEEDED", at(1), at(2))
    assert deployment.events.count() == 3
