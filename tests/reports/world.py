"""A shop in the middle of a bad morning: v1.42.0 failed its watch and was rolled back by v1.42.1, 38 minutes ago."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from deployments.models import ConfigurationChange, Deployment, DeploymentEvent, SystemChange
from issues.models import IssueEvent, Occurrence
from support.models import Assignment, Notification, NotificationChannel, SupportTier
from tests.factories import (
    DeploymentFactory,
    EnvironmentFactory,
    FindingFactory,
    HealthCheckFactory,
    IssueFactory,
    LessonFactory,
    MembershipFactory,
    MonitoringPeriodFactory,
    OutageFactory,
    ProjectFactory,
    UserFactory,
    VerdictFactory,
)

NOW = datetime(2026, 11, 19, 11, 9, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
STAMPS = ("reported_at", "updated_at", "created_at")


def at(hour, minute=0, second=0, *, days=0):
    return datetime(2026, 11, 19, hour, minute, second, tzinfo=UTC) + timedelta(days=days)


def deploy(environment, version, finished_at, **fields):
    """A deployment that went live, with what its pipeline reported."""
    started_at = fields.pop("started_at", finished_at - timedelta(minutes=4, seconds=28))
    row = DeploymentFactory(
        environment=environment, version=version, started_at=started_at, finished_at=finished_at, **fields
    )
    for status, moment in (("RUNNING", started_at), (row.status, finished_at)):
        DeploymentEvent.objects.create(deployment=row, status=status, occurred_at=moment, received_at=moment)
    Deployment.objects.filter(pk=row.pk).update(reported_at=started_at, updated_at=finished_at)
    return row


def watch(deployment, *, initial="HEALTHY", extended="HEALTHY", hours=72):
    """Both periods of a deployment whose watch was not disturbed; None leaves a stage open."""
    opens_at = deployment.finished_at
    spans = ((("INITIAL"), opens_at, HOUR, initial), ("EXTENDED", opens_at + HOUR, hours * HOUR, extended))
    periods = []
    for stage, start, length, result in spans:
        period = MonitoringPeriodFactory(
            deployment=deployment,
            stage=stage,
            opens_at=start,
            closes_at=start + length,
            status="CLOSED" if result else "OPEN",
            result=result,
            created_at=opens_at,
        )
        if result:
            sentence = f"Nothing got worse in {'60 min' if stage == 'INITIAL' else '72 h'}: 9 of 9 checks."
            VerdictFactory(period=period, looked_at=start + length, result=result, is_final=True, sentence=sentence)
        periods.append(period)
    return periods


def change_stamp(row, **stamps):
    """Put an automatic time right; `save` would set it to the machine's clock."""
    type(row).objects.filter(pk=row.pk).update(**stamps)


def rollback_world():
    """Return the whole morning: project, environments, people, deployments, issues."""
    project = ProjectFactory(name="shop", slug="shop", issue_prefix="SHOP")
    aylin = UserFactory(username="aylin", first_name="Aylin", last_name="Demir")
    jonas = UserFactory(username="jonas", first_name="Jonas", last_name="Weber")
    MembershipFactory(project=project, user=aylin, role="RESPONDER")
    MembershipFactory(project=project, user=jonas, role="OWNER")
    production = EnvironmentFactory(project=project, name="production", tier="PRODUCTION", created_at=at(0, days=-90))
    staging = EnvironmentFactory(project=project, name="staging", tier="STAGING", created_at=at(0, days=-89))
    checkout = HealthCheckFactory(
        environment=production, name="Checkout API", state="UP", state_since=at(9, 21), first_reading_at=NOW
    )
    HealthCheckFactory(
        environment=production, name="Warehouse sync", state="UNKNOWN", paused_at=at(8), is_critical=False
    )

    old = deploy(production, "v1.41.2", at(8, 27, days=-3), deployed_by="Mira Kowalski")
    watch(old, hours=71)
    bad = deploy(
        production,
        "v1.42.0",
        at(9, 2, 40),
        deployed_by="Mira Kowalski",
        revision="3f9c2ab8d07e41",
        url="https://ci.example/runs/4821",
        source="github",
        change_committed_at=at(7, 2, 40, days=-1),
    )
    good = deploy(production, "v1.42.1", at(10, 31, 20), deployed_by="Aylin Demir", kind="ROLLBACK", rolls_back=bad)
    candidate = deploy(staging, "v1.43.0-rc.1", at(15, 40, days=-1), deployed_by="Sam Okafor")

    initial = MonitoringPeriodFactory(
        deployment=bad, status="CLOSED", result="FAILED", closes_at=at(10, 2, 40), created_at=at(9, 2, 45)
    )
    extended = MonitoringPeriodFactory(
        deployment=bad,
        stage="EXTENDED",
        opens_at=at(10, 2, 40),
        closes_at=at(10, 2, 40, days=3),
        status="SUPERSEDED",
        superseded_by=good,
        ended_at=at(10, 31, 20),
        created_at=at(9, 2, 45),
    )
    VerdictFactory(period=initial, looked_at=at(9, 5), result=None)
    VerdictFactory(period=initial, looked_at=at(9, 6), result="DEGRADED", sentence="1 of 2 metrics looks worse.")
    VerdictFactory(period=initial, looked_at=at(9, 7), result="DEGRADED", sentence="1 of 2 metrics looks worse.")
    verdict = VerdictFactory(
        period=initial,
        looked_at=at(10, 2, 41),
        result="FAILED",
        is_final=True,
        sentence="2 of 3 metrics got worse, the error rate beyond its hard limit.",
    )
    facts = {"unit": "%", "before": 0.12, "after": 0.94, "change": 0.82, "rarity": [0, 2016]}
    facts["picture"] = {"band": {"low": 0.05, "high": 0.22}, "ordinary": [x / 100 for x in range(-20, 20)]}
    errors = FindingFactory(
        verdict=verdict,
        key="metric:errors",
        name="Checkout error rate",
        position=0,
        is_critical=True,
        sentence="Checkout error rate rose 0.12 → 0.94 % (8 times as high, between +0.71 and +0.93 points).",
        facts=facts | {"is_hard_limit_broken": True},
    )
    FindingFactory(
        verdict=verdict,
        key="metric:catalog",
        name="Catalog p95",
        position=1,
        result="UNCHANGED",
        sentence="Catalog p95 stayed at 142 ms.",
        facts={"unit": "ms", "before": 142, "after": 131},
    )
    FindingFactory(
        verdict=verdict,
        key="metric:lag",
        name="Warehouse sync lag",
        position=2,
        result="NO_DATA",
        sentence="No samples since Wed 22:10.",
        facts={},
    )
    outage = OutageFactory(
        health_check=checkout, began_at=at(9, 16), confirmed_at=at(9, 16, 30), ended_at=at(9, 20, 30), cause="HTTP 503"
    )
    under_way, _ = watch(good, initial=None, extended=None)
    VerdictFactory(
        period=under_way, looked_at=at(11, 8), sentence="Nothing is worse so far: 2 of 2 metrics and 1 check."
    )
    watch(candidate, initial="INCONCLUSIVE", extended=None, hours=24)

    SystemChange.objects.create(
        deployment=bad, component="checkout-api", description="Address lookup (#1187)", status="ROLLED_BACK"
    )
    ConfigurationChange.objects.create(
        deployment=bad, setting="ADDRESS_LOOKUP", old_value="off", value="on", purpose="Fewer wrong addresses"
    )

    tiers = {level: SupportTier.objects.create(project=project, level=level, name=f"Level {level}") for level in (1, 2)}
    critical = IssueFactory(
        project=project, number=142, environment=production, deployment=bad, severity="CRITICAL", owner=aylin,
        title="Checkout answered 502", status="RESOLVED", resolution="Rolled back by v1.42.1", opened_at=at(9, 14),
        resolved_at=at(10, 33),
    )  # fmt: skip
    mails = IssueFactory(
        project=project, number=145, environment=production, deployment=bad, severity="MAJOR", owner=aylin,
        title="Order confirmation mails arrive late", status="ASSIGNED", plan="Two more workers", opened_at=at(10, 35),
    )  # fmt: skip
    umlauts = IssueFactory(
        project=project, number=147, environment=staging, severity="MINOR", title="Search misses umlauts",
        opened_at=at(10, 40),
    )  # fmt: skip
    for issue in (critical, mails, umlauts):
        change_stamp(issue, updated_at=issue.opened_at)
    Occurrence.objects.create(issue=critical, source="FINDING", finding=errors, occurred_at=at(10, 2, 41))
    Occurrence.objects.create(issue=critical, source="OUTAGE", outage=outage, occurred_at=at(9, 16))
    story = (
        ("OPENED", at(9, 14), None, "Checkout API is down: HTTP 503.", {}),
        ("COMMENTED", at(10, 6), aylin, "Rolling back. A fix needs a cache and a review.", {}),
        ("MOVED", at(10, 33), aylin, "Rolled back by v1.42.1", {"status": ["ASSIGNED", "RESOLVED"]}),
    )
    for kind, moment, actor, text, changes in story:
        IssueEvent.objects.create(
            issue=critical, kind=kind, occurred_at=moment, actor=actor, text=text, changes=changes,
            actor_name="" if actor else "Postdeploy",
        )  # fmt: skip
    IssueEvent.objects.create(issue=mails, kind="OPENED", occurred_at=at(10, 35), actor=aylin, text="Mails are late.")
    Assignment.objects.create(
        issue=critical, tier=tiers[1], reason="ROUTED", started_at=at(9, 14), escalate_at=at(9, 29), ended_at=at(9, 29)
    )
    Assignment.objects.create(
        issue=critical, tier=tiers[2], reason="FUNCTIONAL_ESCALATION", started_at=at(9, 29), ended_at=at(10, 33),
        note="the 15 min clock ran out",
    )  # fmt: skip
    Assignment.objects.create(
        issue=mails, tier=tiers[2], reason="ROUTED", started_at=at(10, 35), escalate_at=at(11, 20)
    )
    channel = NotificationChannel.objects.create(
        project=project, kind="WEBHOOK", name="Slack #shop-ops", address="https://hooks.example/x"
    )
    Notification.objects.create(
        channel=channel, kind="ISSUE_ASSIGNED", subject="assignment:1", issue=critical, payload={},
        message_id="5a4c3b2a-0000-4000-8000-000000000001", state="SENT", created_at=at(9, 14), sent_at=at(9, 14, 3),
        next_attempt_at=at(9, 14),
    )  # fmt: skip
    lesson = LessonFactory(deployment=bad, author=jonas, created_at=at(11, 0))
    LessonFactory(deployment=bad, author=None, category="BOTTLENECKS", text="The rollback was decided late.",
                  created_at=at(11, 1))  # fmt: skip
    return SimpleNamespace(
        project=project, production=production, staging=staging, aylin=aylin, jonas=jonas, checkout=checkout, old=old,
        bad=bad, good=good, candidate=candidate, initial=initial, extended=extended, verdict=verdict, errors=errors,
        outage=outage, critical=critical, mails=mails, umlauts=umlauts, tiers=tiers, channel=channel, lesson=lesson,
    )  # fmt: skip
