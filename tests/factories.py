"""Builders of rows for tests: sensible defaults, everything can be said differently."""

from datetime import timedelta

import factory
from django.utils import timezone

from deployments.models import ApiToken, Deployment, Environment, Membership, Project, Role, Scope, User
from deployments.tokens import digest_of, new_token, shown_part
from issues.models import Issue
from monitoring.models import (
    Alert,
    AlertRule,
    Finding,
    HealthCheck,
    MaintenanceWindow,
    Metric,
    MonitoringPeriod,
    MonitoringPolicy,
    Objective,
    Outage,
    Replay,
    ReplayedVerdict,
    Ruling,
    Series,
    Source,
    Verdict,
)
from postdeploy.lib.secrets import seal
from reports.models import Lesson
from support.models import Article, NotificationChannel

# --- deployments --------------------------------------------------------------------------------------------


class UserFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = User

    username = factory.Sequence(lambda n: f"user{n}")
    email = factory.LazyAttribute(lambda user: f"{user.username}@example.org")


class ProjectFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Project

    name = factory.Sequence(lambda n: f"Shop {n}")
    slug = factory.Sequence(lambda n: f"shop-{n}")
    issue_prefix = "SHOP"


class MembershipFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Membership

    project = factory.SubFactory(ProjectFactory)
    user = factory.SubFactory(UserFactory)
    role = Role.VIEWER


class EnvironmentFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Environment

    project = factory.SubFactory(ProjectFactory)
    name = "production"
    tier = "PRODUCTION"


class DeploymentFactory(factory.django.DjangoModelFactory):
    """A deployment that went live just now; say `status="RUNNING", finished_at=None` for one that still runs."""

    class Meta:
        model = Deployment

    environment = factory.SubFactory(EnvironmentFactory)
    project = factory.LazyAttribute(lambda deployment: deployment.environment.project)
    version = factory.Sequence(lambda n: f"v1.{n}.0")
    status = "SUCCEEDED"
    finished_at = factory.LazyFunction(timezone.now)
    occurred_at = factory.LazyAttribute(lambda deployment: deployment.finished_at or timezone.now())


class ApiTokenFactory(factory.django.DjangoModelFactory):
    """A token that may do everything; its attribute `text` is what a client sends."""

    class Meta:
        model = ApiToken

    text = factory.LazyFunction(new_token)
    project = factory.SubFactory(ProjectFactory)
    name = factory.Sequence(lambda n: f"pipeline {n}")
    prefix = factory.LazyAttribute(lambda token: shown_part(token.text))
    digest = factory.LazyAttribute(lambda token: digest_of(token.text))
    scopes = factory.LazyFunction(lambda: list(Scope.values))

    @classmethod
    def _create(cls, model_class, *args, text, **kwargs):
        token = super()._create(model_class, *args, **kwargs)
        token.text = text
        return token


# --- monitoring ---------------------------------------------------------------------------------------------


class HealthCheckFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = HealthCheck

    environment = factory.SubFactory(EnvironmentFactory)
    name = factory.Sequence(lambda n: f"Check {n}")
    url = "http://shop.example/healthz"
    interval_seconds = 60
    failure_threshold = 3


class MetricFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Metric

    project = factory.SubFactory(ProjectFactory)
    key = factory.Sequence(lambda n: f"metric_{n}")
    name = factory.LazyAttribute(lambda metric: metric.key.replace("_", " ").capitalize())


class SeriesFactory(factory.django.DjangoModelFactory):
    """A metric's series; say `metric=None, health_check=…, aspect="up"` for a check's."""

    class Meta:
        model = Series

    environment = factory.SubFactory(EnvironmentFactory)
    metric = factory.SubFactory(MetricFactory, project=factory.SelfAttribute("..environment.project"))


class MaintenanceWindowFactory(factory.django.DjangoModelFactory):
    """An hour of planned work on all of a project, from now on."""

    class Meta:
        model = MaintenanceWindow

    project = factory.SubFactory(ProjectFactory)
    starts_at = factory.LazyFunction(timezone.now)
    ends_at = factory.LazyAttribute(lambda window: window.starts_at + timedelta(hours=1))
    reason = "Database upgrade"


class MonitoringPolicyFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = MonitoringPolicy

    environment = factory.SubFactory(EnvironmentFactory)


class OutageFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Outage

    health_check = factory.SubFactory(HealthCheckFactory, state="DOWN")
    began_at = factory.LazyFunction(timezone.now)
    confirmed_at = factory.LazyAttribute(lambda outage: outage.began_at + timedelta(seconds=30))
    cause = "HTTP 503"


class MonitoringPeriodFactory(factory.django.DjangoModelFactory):
    """An open initial period of an hour; say `status="CLOSED", result="HEALTHY"` for one that was decided."""

    class Meta:
        model = MonitoringPeriod

    class Params:
        is_open = factory.LazyAttribute(lambda period: period.status == "OPEN")

    deployment = factory.SubFactory(DeploymentFactory)
    environment = factory.LazyAttribute(lambda period: period.deployment.environment)
    stage = "INITIAL"
    status = "OPEN"
    opens_at = factory.LazyAttribute(lambda period: period.deployment.finished_at)
    closes_at = factory.LazyAttribute(lambda period: period.opens_at + timedelta(hours=1))
    policy = factory.LazyAttribute(lambda period: MonitoringPolicy(environment=period.environment).snapshot())
    interval_seconds = 15
    next_look_at = factory.LazyAttribute(lambda period: period.opens_at if period.is_open else None)
    ended_at = factory.LazyAttribute(lambda period: None if period.is_open else period.closes_at)
    decided_at = factory.LazyAttribute(lambda period: period.closes_at if getattr(period, "result", None) else None)


class VerdictFactory(factory.django.DjangoModelFactory):
    """A look that found nothing worse so far; say `is_final=True, result="FAILED"` for a verdict."""

    class Meta:
        model = Verdict

    period = factory.SubFactory(MonitoringPeriodFactory)
    looked_at = factory.LazyFunction(timezone.now)
    sentence = "Nothing is worse so far."
    rule_version = "1"


class FindingFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Finding

    verdict = factory.SubFactory(VerdictFactory)
    key = factory.Sequence(lambda n: f"metric:m{n}")
    name = "Checkout p95"
    result = "REGRESSED"
    sentence = "Checkout p95 rose 310 → 450 ms."


class RulingFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Ruling

    deployment = factory.SubFactory(DeploymentFactory)
    kind = "US"
    reason = "The new query has no index."
    by = factory.SubFactory(UserFactory)
    at = factory.LazyFunction(timezone.now)


class ReplayFactory(factory.django.DjangoModelFactory):
    """A replay that waits; say `status="DONE"` for one that has ended."""

    class Meta:
        model = Replay

    class Params:
        is_due = factory.LazyAttribute(lambda replay: replay.status in {"WAITING", "RUNNING"})

    project = factory.SubFactory(ProjectFactory)
    changes = factory.LazyFunction(lambda: {"chance_limit": 0.02})
    rule_version = "3"
    status = "WAITING"
    requested_at = factory.LazyFunction(timezone.now)
    next_step_at = factory.LazyAttribute(lambda replay: replay.requested_at if replay.is_due else None)
    ended_at = factory.LazyAttribute(lambda replay: None if replay.is_due else replay.requested_at)


class ReplayedVerdictFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = ReplayedVerdict

    replay = factory.SubFactory(ReplayFactory, status="DONE")
    deployment = factory.SubFactory(DeploymentFactory)
    rule_version = "1"
    result_then = "DEGRADED"
    result_now = "HEALTHY"


class ObjectiveFactory(factory.django.DjangoModelFactory):
    """99.9 % of a check over 30 days; say `kind="BAD", part=…, whole=…` for errors of all requests."""

    class Meta:
        model = Objective

    health_check = factory.SubFactory(HealthCheckFactory)
    environment = factory.LazyAttribute(lambda objective: objective.health_check.environment)
    name = factory.Sequence(lambda n: f"Checkout answers {n}")


class AlertRuleFactory(factory.django.DjangoModelFactory):
    """The mean of a metric over 5 min above 100 for 2 min; well again at 80."""

    class Meta:
        model = AlertRule

    metric = factory.SubFactory(MetricFactory)
    project = factory.LazyAttribute(lambda rule: rule.metric.project)
    name = factory.Sequence(lambda n: f"Rule {n}")
    threshold = 100.0
    clear_threshold = 80.0
    hold_seconds = 120


class AlertFactory(factory.django.DjangoModelFactory):
    """A firing alert; say `state="RESOLVED", resolved_at=…, ended_by="MEASURED"` for one that is over."""

    class Meta:
        model = Alert

    environment = factory.SubFactory(EnvironmentFactory)
    rule = factory.LazyAttribute(
        lambda alert: AlertRuleFactory(metric=MetricFactory(project=alert.environment.project))
    )
    key = factory.Sequence(lambda n: f"series:{n}")
    subject = "Checkout p95"
    state = "FIRING"
    severity = "MAJOR"
    began_at = factory.LazyFunction(timezone.now)
    fired_at = factory.LazyAttribute(lambda alert: alert.began_at)
    seen_at = factory.LazyAttribute(lambda alert: alert.began_at)
    value = 120.0
    worst = 120.0
    latest = 120.0
    detail = "Checkout p95 in production is 120 ms, above 100 ms"


class PulledSourceFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Source

    project = factory.SubFactory(ProjectFactory)
    kind = "SCRAPE"
    name = factory.Sequence(lambda n: f"node {n}")
    config = factory.LazyFunction(lambda: {"url": "https://node.example.org/metrics", "timeout_seconds": 10})


# --- issues -------------------------------------------------------------------------------------------------


class IssueFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Issue

    project = factory.SubFactory(ProjectFactory)
    number = factory.LazyAttribute(lambda issue: 1 + Issue.objects.filter(project=issue.project).count())
    title = factory.Sequence(lambda n: f"Checkout is slow {n}")
    severity = "MAJOR"
    fingerprint = factory.Sequence(lambda n: f"manual:{n}")


# --- support ------------------------------------------------------------------------------------------------


CHANNEL_SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"


class ChannelFactory(factory.django.DjangoModelFactory):
    """A webhook signed with `CHANNEL_SECRET`; say `kind="EMAIL"` and an address for mail."""

    class Meta:
        model = NotificationChannel

    project = factory.SubFactory(ProjectFactory)
    kind = "WEBHOOK"
    name = factory.Sequence(lambda n: f"Channel {n}")
    address = "https://hooks.example/postdeploy"
    sealed_secret = factory.LazyAttribute(lambda channel: seal(CHANNEL_SECRET) if channel.kind == "WEBHOOK" else "")


class ArticleFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Article

    project = factory.SubFactory(ProjectFactory)
    kind = "TROUBLESHOOTING"
    title = factory.Sequence(lambda n: f"Roll back {n}")
    slug = factory.Sequence(lambda n: f"roll-back-{n}")
    body = "Press **the button**."


# --- reports ------------------------------------------------------------------------------------------------


class LessonFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Lesson

    deployment = factory.SubFactory(DeploymentFactory)
    category = "WHAT_WORKED"
    text = "The hard limit opened the issue before the first customer wrote."
    author = factory.SubFactory(UserFactory)
