"""A firing opens an issue, joins the open one, and is verified by measurement once it is resolved."""

import pytest

from issues.models import Issue, IssueStatus
from issues.services import MACHINE, move_issue, open_issues, verify_issues
from monitoring.models import Alert
from monitoring.services import judge_rules
from tests.at_once import at_once
from tests.factories import AlertFactory, DeploymentFactory, MonitoringPeriodFactory
from tests.monitoring.alerting.worlds import World, at

pytestmark = pytest.mark.django_db


@pytest.fixture
def world():
    """A rule that fires at about minute 3 and is well again at minute 20."""
    world = World(window_seconds=60, severity="CRITICAL")
    world.fill(150, -2, 20)
    world.fill(50, 20, 90)
    return world


def resolve(issue, minute):
    move_issue(issue_id=issue.pk, status=IssueStatus.RESOLVED, resolution="Rolled back.", actor=MACHINE, now=at(minute))


def test_it_opens_an_issue_in_the_rule_s_words_and_severity(world):
    world.sweep(5)
    issue = Issue.objects.get()
    words = issue.title.replace("\u00a0", " ")
    assert words == "Slow checkout: Checkout p95 in production is 150 ms, above 100 ms for 120 s"
    assert (issue.severity, issue.environment) == ("CRITICAL", world.environment)
    assert "The alert rule Slow checkout found it in production since" in issue.impact
    assert issue.occurrences.get().source == "ALERT"


def test_a_pending_alert_opens_nothing(world):
    world.sweep(-1)
    assert world.states() == ["PENDING"]
    assert not Issue.objects.exists()


def test_sweeping_twice_opens_one(world):
    world.sweep(5)
    world.sweep(5)
    assert Issue.objects.get().occurrences.count() == 1


def test_a_second_firing_joins_the_open_issue(world):
    world.sweep(5)
    world.sweep(25)
    world.fill(150, 90, 100)
    world.sweep(95)
    issue = Issue.objects.get()
    assert issue.occurrences.count() == 2
    assert world.states() == ["RESOLVED", "FIRING"]


def test_another_series_is_another_issue(world):
    world.fill(150, -2, 20, series=world.new_series(shop="de"))
    world.sweep(5)
    assert Issue.objects.count() == 2


def test_it_is_told_once_when_it_no_longer_fires(world):
    world.sweep(5)
    world.sweep(25)
    world.sweep(25)
    texts = [event.text for event in Issue.objects.get().events.all() if "well again" in event.text]
    assert len(texts) == 1
    assert texts[0].startswith("Slow checkout no longer fires: Checkout p95 is well again after")


def test_the_deployment_that_was_watched_is_named(world):
    deployment = DeploymentFactory(environment=world.environment, finished_at=at(-5), version="v1.42.0")
    MonitoringPeriodFactory(deployment=deployment, opens_at=at(-5), closes_at=at(55))
    world.sweep(5)
    assert Issue.objects.get().deployment == deployment


def test_a_resolution_is_verified_when_the_measurements_stay_well(world):
    world.sweep(5)
    issue = Issue.objects.get()
    world.sweep(25)
    resolve(issue, 26)
    world.sweep(30)
    issue.refresh_from_db()
    assert issue.status == IssueStatus.RESOLVED
    world.sweep(37)
    issue.refresh_from_db()
    assert issue.status == IssueStatus.VERIFIED


def test_a_resolution_while_it_still_fires_is_not_verified_and_is_reopened(world):
    world.sweep(5)
    issue = Issue.objects.get()
    resolve(issue, 6)
    world.sweep(18)
    issue.refresh_from_db()
    assert issue.status != IssueStatus.VERIFIED
    assert "still fires" in issue.events.order_by("pk").last().text


def test_a_breach_that_does_not_fire_starts_the_proof_again(world):
    world.sweep(5)
    issue = Issue.objects.get()
    world.sweep(25)
    resolve(issue, 26)
    world.fill(lambda minute: 500, 30.1, 30.9, step=0.1)
    world.sweep(37)
    issue.refresh_from_db()
    assert issue.status == IssueStatus.RESOLVED
    world.sweep(43)
    issue.refresh_from_db()
    assert issue.status == IssueStatus.VERIFIED


def test_silence_proves_nothing():
    world = World(window_seconds=60)
    world.fill(150, -2, 20)
    world.fill(50, 20, 25)
    world.sweep(5)
    issue = Issue.objects.get()
    world.sweep(25)
    resolve(issue, 27)
    world.sweep(80)
    issue.refresh_from_db()
    assert issue.status == IssueStatus.RESOLVED


def test_an_alert_that_ended_because_the_rule_changed_proves_nothing_and_tells_nothing(world):
    judge_rules(now=at(5))
    Alert.objects.update(state="RESOLVED", resolved_at=at(6), ended_by="CHANGED")
    open_issues(now=at(6))
    verify_issues(now=at(6))
    assert not Issue.objects.exists()


def test_one_bad_alert_does_not_stop_the_others(world, monkeypatch):
    from issues.services import intake

    bad = AlertFactory(environment=world.environment, began_at=at(0), fired_at=at(1), seen_at=at(1))
    describe = intake.sighting_of_alert

    def sighting_of_alert(alert):
        if alert.pk == bad.pk:
            raise ValueError("bad")
        return describe(alert)

    monkeypatch.setattr(intake, "sighting_of_alert", sighting_of_alert)
    world.sweep(5)
    assert Issue.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_open_one_issue(world):
    judge_rules(now=at(5))
    at_once(lambda: open_issues(now=at(5)), 3)
    assert Issue.objects.get().occurrences.count() == 1


def test_the_page_of_the_issue_asks_whether_it_was_useful(world, client):
    from deployments.models import Role
    from tests.factories import MembershipFactory

    world.sweep(5)
    issue = Issue.objects.get()
    member = MembershipFactory(project=world.environment.project, role=Role.RESPONDER)
    client.force_login(member.user)
    page = f"/p/{world.environment.project.slug}/issues/{issue.reference}/"
    assert "Was this useful?" in client.get(page).content.decode()
    answer = f"/p/{world.environment.project.slug}/alerts/{world.alert().pk}/answer/"
    assert client.post(answer, {"answer": "YES", "next": page})["Location"] == page
    assert world.alert().answer == "YES"
