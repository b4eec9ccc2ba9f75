import pytest

from issues import services as issues
from issues.services import Actor
from support import services
from support.models import Notification
from tests.factories import (
    ChannelFactory,
    DeploymentFactory,
    EnvironmentFactory,
    IssueFactory,
    MonitoringPeriodFactory,
    ProjectFactory,
    VerdictFactory,
)
from tests.issues.builders import HOUR, MINUTE, NOON

pytestmark = pytest.mark.django_db
ACTOR = Actor.token("pipeline")
DAY = 24 * HOUR


@pytest.fixture
def project():
    return ProjectFactory(slug="shop", issue_prefix="SHOP")


@pytest.fixture
def channel(project):
    return ChannelFactory(project=project, hears_from_at=NOON - HOUR)


@pytest.fixture
def issue(project):
    production = EnvironmentFactory(project=project)
    deployment = DeploymentFactory(environment=production, version="v1.42.0")
    return IssueFactory(
        project=project,
        environment=production,
        deployment=deployment,
        title="checkout is down",
        impact="33 orders lost",
        severity="CRITICAL",
        opened_at=NOON,
    )


def route(at=NOON):
    services.route_issues(now=at)


def kinds():
    return list(Notification.objects.order_by("pk").values_list("kind", flat=True))


def test_each_channel_hears_once_that_an_issue_went_to_a_tier(channel, project, issue):
    ChannelFactory(project=project, hears_from_at=NOON - HOUR)
    route()
    assert services.announce_issues(now=NOON) == 2
    assert services.announce_issues(now=NOON + MINUTE) == 0
    assert Notification.objects.filter(kind="ISSUE_ASSIGNED", issue=issue).count() == 2


def test_the_first_line_says_what_where_how_bad_and_since_when(channel, issue):
    route()
    services.announce_issues(now=NOON)
    payload = Notification.objects.get().payload
    data = payload["data"]
    assert payload["type"] == "issue.assigned"
    assert data["headline"] == "Critical: checkout is down (production), since 19 November 2026, 12:00:00 (UTC)"
    assert data["subject"] == "[SHOP-1] checkout is down"
    assert data["url"] == "http://127.0.0.1:8000/p/shop/issues/SHOP-1/"
    assert dict(data["lines"]) == {
        "Impact": "33 orders lost",
        "Thought to come from": "v1.42.0",
        "Tier": "L1, Level 1 Support",
        "Owner": "nobody yet",
        "Next": "goes to the next tier at 12:15:00 (UTC) unless it is resolved",
    }
    assert data["escalate_at"] == "2026-11-19T12:15:00.000Z"


def test_an_escalation_is_told_with_its_delay(channel, issue):
    route()
    services.escalate_overdue(now=NOON + 4 * HOUR)
    services.announce_issues(now=NOON + 4 * HOUR)
    assert kinds() == ["ISSUE_ASSIGNED", "ISSUE_ESCALATED"]
    data = Notification.objects.get(kind="ISSUE_ESCALATED").payload["data"]
    assert data["headline"].startswith("Escalated to L2: Critical")
    assert ["Note", "delayed by 3\u00a0h 45\u00a0min"] in data["lines"]


def test_the_all_clear_says_how_long_it_lasted(channel, issue):
    issues.move_issue(issue_id=issue.pk, status="RESOLVED", resolution="Rolled back.", actor=ACTOR, now=NOON + HOUR)
    services.announce_issues(now=NOON + HOUR)
    note = Notification.objects.get()
    assert note.kind == "ISSUE_RESOLVED"
    assert note.payload["data"]["headline"] == "Resolved after 1\u00a0h: checkout is down (production)"
    assert ["Resolution", "Rolled back."] in note.payload["data"]["lines"]


def test_a_second_resolution_after_a_reopening_is_told_again(channel, issue):
    for hours in (1, 3):
        issues.move_issue(
            issue_id=issue.pk, status="RESOLVED", resolution="Done.", actor=ACTOR, now=NOON + hours * HOUR
        )
        issues.move_issue(
            issue_id=issue.pk, status="IDENTIFIED", reason="Back.", actor=ACTOR, now=NOON + (hours + 1) * HOUR
        )
        services.announce_issues(now=NOON + (hours + 1) * HOUR)
    assert kinds() == ["ISSUE_RESOLVED", "ISSUE_RESOLVED"]


def test_a_channel_hears_nothing_from_before_it_was_there(project, issue):
    route()
    ChannelFactory(project=project, hears_from_at=NOON + MINUTE)
    assert services.announce_issues(now=NOON + HOUR) == 0


def test_news_older_than_a_week_is_none(channel, issue):
    channel.hears_from_at = NOON - 30 * DAY
    channel.save()
    route()
    assert services.announce_issues(now=NOON + 8 * DAY) == 0


def test_a_channel_that_is_off_or_of_another_project_hears_nothing(project, issue):
    ChannelFactory(project=project, hears_from_at=NOON - HOUR, is_enabled=False)
    ChannelFactory(hears_from_at=NOON - HOUR)
    route()
    assert services.announce_issues(now=NOON) == 0


def test_what_happened_while_a_channel_was_off_is_never_told(channel, issue):
    services.switch_channel(channel, is_enabled=False, now=NOON - MINUTE)
    route()
    services.switch_channel(channel, is_enabled=True, now=NOON + MINUTE)
    assert services.announce_issues(now=NOON + 2 * MINUTE) == 0


def test_a_channel_of_one_tier_hears_only_what_concerns_it(channel, issue, project):
    channel.tier = services.ensure_tiers(project)[1]
    channel.save()
    route()
    assert services.announce_issues(now=NOON) == 0
    services.escalate_overdue(now=NOON + 20 * MINUTE)
    services.announce_issues(now=NOON + 20 * MINUTE)
    issues.move_issue(issue_id=issue.pk, status="RESOLVED", resolution="Done.", actor=ACTOR, now=NOON + HOUR)
    services.announce_issues(now=NOON + HOUR)
    assert kinds() == ["ISSUE_ESCALATED", "ISSUE_RESOLVED"]


@pytest.fixture
def period(project):
    deployment = DeploymentFactory(
        environment=EnvironmentFactory(project=project, name="staging"), version="v2", finished_at=NOON
    )
    return MonitoringPeriodFactory(deployment=deployment)


def test_a_final_verdict_is_told_once(channel, period):
    VerdictFactory(period=period, looked_at=NOON, sentence="Nothing is worse so far.")
    VerdictFactory(period=period, looked_at=NOON + HOUR, result="FAILED", is_final=True, sentence="checkout is down.")
    assert services.announce_verdicts(now=NOON + HOUR) == 1
    assert services.announce_verdicts(now=NOON + HOUR) == 0
    note = Notification.objects.get()
    assert (note.kind, note.deployment) == ("VERDICT_REACHED", period.deployment)
    data = note.payload["data"]
    assert data["headline"] == "Failed: v2 in staging, 19 November 2026, 13:00:00 (UTC)"
    assert data["verdict"]["result"] == "failed"
    assert data["url"].endswith(f"/p/shop/deployments/{period.deployment.pk}/")


def test_a_channel_of_one_tier_hears_no_verdicts(channel, period, project):
    channel.tier = services.ensure_tiers(project)[0]
    channel.save()
    VerdictFactory(period=period, looked_at=NOON, result="HEALTHY", is_final=True)
    assert services.announce_verdicts(now=NOON) == 0


def test_one_fact_that_cannot_be_told_never_stops_the_others(channel, issue, project, monkeypatch, caplog):
    good = IssueFactory(project=project, opened_at=NOON + MINUTE)
    route()
    real = services.notifications.messages.of_assignment

    def describe(assignment):
        if assignment.issue_id == issue.pk:
            raise ValueError("bad row")
        return real(assignment)

    monkeypatch.setattr(services.notifications.messages, "of_assignment", describe)
    assert services.announce_issues(now=NOON) == 1
    assert Notification.objects.get().issue == good
    assert "bad row" in caplog.text


def test_two_workers_that_announce_at_once_write_one_notification(channel, issue, monkeypatch):
    route()
    real = services.notifications._queue

    def announced_meanwhile(*given):
        monkeypatch.setattr(services.notifications, "_queue", real)
        services.announce_issues(now=NOON)
        return real(*given)

    monkeypatch.setattr(services.notifications, "_queue", announced_meanwhile)
    services.announce_issues(now=NOON)
    assert Notification.objects.count() == 1


def test_a_huge_impact_is_clipped(channel, issue):
    issue.impact = "x" * 50_000
    issue.save()
    route()
    services.announce_issues(now=NOON)
    assert len(str(Notification.objects.get().payload)) < 6000
