"""Two projects of the same shape, and what each address needs in its path and body, for the authorisation tests."""

import json
import uuid
from datetime import timedelta
from urllib.parse import urlencode

from django.test import Client
from django.utils import timezone

from deployments.models import Role
from reports.services import summarise_deployments
from support.models import SupportTier
from support.services import ensure_tiers
from tests import factories

#: Operations of the API whose project stands in the body.
NAMES_A_PROJECT_IN_ITS_BODY = {
    ("POST", "api_deployments"),
    ("POST", "api_metrics"),
    ("POST", "api_issues"),
    ("POST", "api_checks"),
    ("POST", "api_rules"),
    ("POST", "api_objectives"),
    ("POST", "api_maintenance"),
    ("POST", "api_replays"),
}


class World:
    """One project with one of everything in it."""

    numbers = {"ours": 41, "theirs": 77}

    def __init__(self, word):
        self.word = f"qq{word}qq"  # in every text of this world but never in a request, so that a leak can be seen
        self.project = factories.ProjectFactory(name=self.word, slug=word)
        self.people = {role: self._member(role) for role in Role}
        self.environment = factories.EnvironmentFactory(project=self.project, name=f"{self.word}-production")
        self.deployment = factories.DeploymentFactory(environment=self.environment, version=f"{self.word}-1.0")
        self.running = factories.DeploymentFactory(
            environment=self.environment, version=f"{self.word}-1.1", status="RUNNING", finished_at=None
        )
        self.check = factories.HealthCheckFactory(
            environment=self.environment, name=f"{self.word}-check", ping_key=uuid.uuid4()
        )
        self.metric = factories.MetricFactory(project=self.project, name=f"{self.word}-metric")
        self.window = factories.MaintenanceWindowFactory(project=self.project, reason=f"{self.word}-work")
        self.rule = factories.AlertRuleFactory(metric=self.metric, name=f"{self.word}-rule")
        self.alert = factories.AlertFactory(rule=self.rule, environment=self.environment, subject=self.word)
        self.objective = factories.ObjectiveFactory(health_check=self.check, name=f"{self.word}-objective")
        self.issue = factories.IssueFactory(
            project=self.project,
            number=self.numbers[word],
            environment=self.environment,
            deployment=self.deployment,
            title=f"{self.word} is slow",
        )
        self.guide = factories.ArticleFactory(project=self.project, title=self.word, slug=f"guide-{word}")
        self.channel = factories.ChannelFactory(project=self.project, name=self.word)
        self.lesson = factories.LessonFactory(deployment=self.deployment, text=self.word)
        self.token = factories.ApiTokenFactory(project=self.project, name=self.word)
        self.source = factories.PulledSourceFactory(project=self.project, name=self.word)
        self.judged = factories.DeploymentFactory(
            environment=self.environment, version=f"{self.word}-0.9", finished_at=timezone.now() - timedelta(hours=3)
        )
        period = factories.MonitoringPeriodFactory(deployment=self.judged, status="CLOSED", result="DEGRADED")
        verdict = factories.VerdictFactory(period=period, result="DEGRADED", is_final=True, looked_at=period.closes_at)
        factories.FindingFactory(verdict=verdict, name=self.word)
        factories.RulingFactory(deployment=self.judged, reason=self.word)
        self.replay = factories.ReplayFactory(project=self.project, environment=self.environment, status="DONE")
        factories.ReplayedVerdictFactory(replay=self.replay, deployment=self.judged)
        ensure_tiers(self.project)
        summarise_deployments(now=timezone.now() + timedelta(seconds=1))

    def grow(self, times):
        """Add more of everything that pages show rows of."""
        for number in range(times):
            deployment = factories.DeploymentFactory(environment=self.environment)
            period = factories.MonitoringPeriodFactory(deployment=deployment)
            finding = factories.FindingFactory(verdict=factories.VerdictFactory(period=period, result="DEGRADED"))
            judged = factories.DeploymentFactory(environment=self.environment, finished_at=self.judged.finished_at)
            over = factories.MonitoringPeriodFactory(deployment=judged, status="CLOSED", result="FAILED")
            factories.FindingFactory(
                verdict=factories.VerdictFactory(period=over, result="FAILED", is_final=True), key=f"metric:m{number}"
            )
            factories.RulingFactory(deployment=judged, kind="NOT_US")
            factories.RulingFactory(deployment=self.judged, key=f"metric:m{number}", kind="NOT_US")
            factories.ReplayedVerdictFactory(replay=self.replay, deployment=judged)
            factories.ReplayFactory(project=self.project, status="DONE")
            check = factories.HealthCheckFactory(environment=self.environment)
            factories.OutageFactory(health_check=check)
            rule = factories.AlertRuleFactory(metric=factories.MetricFactory(project=self.project))
            factories.SeriesFactory(environment=self.environment, metric=rule.metric)
            alert = factories.AlertFactory(rule=rule, environment=self.environment)
            factories.AlertFactory(rule=self.rule, environment=self.environment, key=f"series:x{times}.{number}")
            factories.EnvironmentFactory(project=self.project, name=f"staging {times}.{number}")
            issue = factories.IssueFactory(project=self.project, environment=self.environment, deployment=deployment)
            issue.events.create(kind="COMMENTED", occurred_at=timezone.now(), actor=self.people[Role.OWNER], text="…")
            issue.occurrences.create(source="FINDING", finding=finding, occurred_at=timezone.now())
            issue.occurrences.create(source="ALERT", alert=alert, occurred_at=timezone.now())
            deployment.system_changes.create(component="search")
            deployment.configuration_changes.create(setting="TTL", value="60")
            factories.LessonFactory(deployment=deployment)
            factories.LessonFactory(deployment=self.deployment)
            factories.ArticleFactory(project=self.project, deployment=deployment)
            factories.ArticleFactory(project=self.project, deployment=self.deployment)
            self.issue.events.create(kind="COMMENTED", occurred_at=timezone.now(), actor=self.people[Role.OWNER])
            self.issue.occurrences.create(source="PERSON", occurred_at=timezone.now())
            self.deployment.system_changes.create(component="search")
            self.deployment.configuration_changes.create(setting="TTL", value="60")
            factories.ChannelFactory(project=self.project)
            factories.ApiTokenFactory(project=self.project)
            factories.MembershipFactory(project=self.project)
        summarise_deployments(now=timezone.now() + timedelta(seconds=1))

    def _member(self, role):
        user = factories.UserFactory(username=f"{self.word}-{role.value.lower()}")
        return factories.MembershipFactory(project=self.project, user=user, role=role).user

    @property
    def tiers(self):
        return SupportTier.objects.of(self.project)

    def signed_in(self, role):
        client = Client()
        client.force_login(self.people[role])
        return client

    def superuser(self):
        client = Client()
        user = factories.UserFactory(is_superuser=True, is_staff=True)
        client.force_login(user)
        return client

    def with_token(self, scopes):
        token = factories.ApiTokenFactory(project=self.project, scopes=[str(scope) for scope in scopes])
        return Client(headers={"Authorization": f"Bearer {token.text}"})

    def value(self, route, argument):
        """The argument of a route's path that leads to this world's object."""
        return (ARGUMENTS.get((route, argument)) or ARGUMENTS[argument])(self)

    def is_shown_in(self, response):
        return self.word.encode() in getattr(response, "content", b"")


def overlap(ours, theirs):
    """Let a deployment of another project come into question for what got worse in ours."""
    because = [{"code": "AFTER", "seconds": 40.0, "what": ""}, {"code": "PART", "seconds": None, "what": theirs.word}]
    blame = [
        {"deployment": str(world.deployment.pk), "share": share, "because": because[:length], "apart": 60.0}
        for world, share, length in ((ours, 0.6, 1), (theirs, 0.4, 2))
    ]
    period = factories.MonitoringPeriodFactory(deployment=ours.deployment, status="CLOSED", result="DEGRADED")
    verdict = factories.VerdictFactory(period=period, result="DEGRADED", is_final=True, blame=blame)
    facts = {"blame": blame, "reasons": ["SHARED_BLAME"]}
    finding = factories.FindingFactory(verdict=verdict, name=ours.word, facts=facts)
    ours.issue.occurrences.create(source="FINDING", finding=finding, occurred_at=timezone.now())
    summarise_deployments(now=timezone.now() + timedelta(seconds=2))


#: By argument, or by (route, argument) where the same word means different rows.
ARGUMENTS = {
    "project": lambda world: world.project.slug,
    "deployment": lambda world: world.deployment.pk,
    ("api_deployment_start", "deployment"): lambda world: world.running.pk,
    ("api_deployment_finish", "deployment"): lambda world: world.running.pk,
    ("api_deployment_cancel", "deployment"): lambda world: world.running.pk,
    ("ruling_add", "deployment"): lambda world: world.judged.pk,
    ("api_rulings", "deployment"): lambda world: world.judged.pk,
    "replay": lambda world: world.replay.pk,
    "issue": lambda world: world.issue.reference,
    "reference": lambda world: world.issue.reference,
    "guide": lambda world: world.guide.slug,
    "channel": lambda world: world.channel.pk,
    "environment": lambda world: world.environment.pk,
    "member": lambda world: world.project.memberships.get(user=world.people[Role.VIEWER]).pk,
    "check": lambda world: world.check.pk,
    "metric": lambda world: world.metric.pk,
    "window": lambda world: world.window.pk,
    "rule": lambda world: world.rule.pk,
    "alert": lambda world: world.alert.pk,
    "objective": lambda world: world.objective.pk,
    "token": lambda world: world.token.pk,
    "source": lambda world: world.source.pk,
    "kind": lambda world: "scrape",
    "ending": lambda world: "md",
    "grouping": lambda world: "job/nightly",
    ("api_push_environment", "environment"): lambda world: "production",
    "key": lambda world: "x",
    ("ping", "key"): lambda world: world.check.ping_key,
    ("ping_word", "key"): lambda world: world.check.ping_key,
    "word": lambda world: "start",
    "uidb36": lambda world: "x",
}

#: Arguments that name a kind of thing instead of a row.
WORDS = {"ending", "grouping", "key", "kind", "uidb36", "word"}


def is_row(route, argument):
    return argument not in WORDS


def report(world):
    return {"project": world.project.slug, "environment": "production", "version": "2.0"}


def new_issue(world):
    return {"project": world.project.slug, "title": "Search is slow", "severity": "minor"}


def sample(world):
    where = {"project": world.project.slug, "environment": "production"}
    return where | {"samples": [{"metric": "checkout_p95", "value": 312.5}]}


def described(world):
    kinds = {"kind": "BUSINESS_COUNT", "category": "PROCESS", "bad_direction": "DOWN"}
    return {"name": "Orders", "least_change": "0.2", **kinds}


def tier_settings(world):
    tiers = {f"tier-{tier.pk}-clock_seconds": "15 min" for tier in world.tiers}
    return tiers | {f"rules-{name}": world.tiers.first().pk for name in ("CRITICAL", "MAJOR", "MINOR")}


def check(world):
    numbers = {"timeout_ms": 5000, "failure_threshold": 3, "interval_seconds": "60 s"}
    where = {"environment": world.environment.pk, "target": "https://shop.example.org/healthz"}
    return {"name": "Search", "method": "GET", "conditions": "status is 200", **where, **numbers}


def source(world):
    where = {"name": "node", "url": "https://node.example.org/metrics"}
    return where | {"interval_seconds": "30 s", "timeout_seconds": 10}


def rule(world):
    what = {"kind": "THRESHOLD", "subject": f"metric:{world.metric.pk}", "threshold": "5", "window_seconds": "5 min"}
    return what | {"severity": "MAJOR", "name": "Slow"}


def objective(world):
    what = {"kind": "CHECK", "health_check": world.check.pk, "environment": world.environment.pk}
    return what | {"name": "It answers", "target_percent": "99.9", "window_days": "30"}


def new_rule(world):
    return {"project": world.project.slug, "name": "Slow", "metric": world.metric.key, "threshold": 5}


def new_objective(world):
    where = {"project": world.project.slug, "environment": world.environment.name, "check": world.check.pk}
    return where | {"name": "It answers"}


def new_window(world):
    return {"project": world.project.slug, "reason": "Work", "ends_at": f"{timezone.now() + timedelta(hours=1):%FT%TZ}"}


def new_check(world):
    where = {"project": world.project.slug, "environment": "production"}
    return where | {"name": "Search", "target": "https://shop.example.org/healthz"}


def watching(world):
    lengths = {
        "initial_seconds": "1 h",
        "extended_seconds": "3 d",
        "settle_seconds": "2 min",
        "baseline_seconds": "7 d",
        "chance_limit": "0.008",
    }
    intervals = {"initial_interval_seconds": "15 s", "extended_interval_seconds": "60 s"}
    prefix = f"environment-{world.environment.pk}-"
    return {prefix + name: value for name, value in {**lengths, **intervals}.items()}


#: What a verb of a route is sent, where something must be sent to be let through.
BODIES = {
    ("GET", "home"): lambda world: {"list": "1"},
    ("POST", "api_deployments"): report,
    ("POST", "api_checks"): new_check,
    ("POST", "api_deployment_finish"): lambda world: {"status": "succeeded"},
    ("POST", "api_deployment_rollback"): lambda world: {"version": "0.9"},
    ("POST", "api_deployment_changes"): lambda world: {"system_changes": [{"component": "search"}]},
    ("POST", "api_metrics"): sample,
    ("POST", "api_issues"): new_issue,
    ("POST", "api_rules"): new_rule,
    ("POST", "api_objectives"): new_objective,
    ("POST", "api_maintenance"): new_window,
    ("POST", "alert_answer"): lambda world: {"answer": "YES"},
    ("POST", "rule_add"): rule,
    ("POST", "rule_edit"): rule,
    ("POST", "rule_switch"): lambda world: {"act": "mute"},
    ("POST", "objective_add"): objective,
    ("POST", "objective_edit"): objective,
    ("POST", "api_issue_comments"): lambda world: {"text": "Looking."},
    ("POST", "api_issue_move"): lambda world: {"status": "resolved", "resolution": "Emptied the cache."},
    ("POST", "issue_add"): lambda world: {"title": "Search is slow", "severity": "MINOR"},
    ("POST", "issue_edit"): lambda world: {"title": "Slow", "severity": "MINOR", "revision": world.issue.revision},
    ("POST", "issue_comment"): lambda world: {"text": "Looking."},
    ("POST", "issue_move"): lambda world: {"status": "RESOLVED", "resolution": "Emptied the cache."},
    ("POST", "issue_escalate"): lambda world: {"note": "The vendor must look."},
    ("POST", "ruling_add"): lambda world: {"kind": "US", "reason": "The new query has no index."},
    ("POST", "api_rulings"): lambda world: {"kind": "us", "reason": "The new query has no index."},
    ("POST", "api_replays"): lambda world: {"project": world.project.slug, "chance_limit": 0.004},
    ("POST", "replays"): lambda world: {"chance_limit": "0.4"},
    ("POST", "lesson_add"): lambda world: {"category": "WHAT_WORKED", "text": "The limit."},
    ("POST", "project_add"): lambda world: {"name": "Till", "slug": "till", "issue_prefix": "TILL"},
    ("POST", "settings"): lambda world: {"name": "Till", "issue_prefix": "TILL"},
    ("POST", "environment_add"): lambda world: {"name": "staging", "tier": "STAGING"},
    ("POST", "environment_edit"): lambda world: {"tier": "STAGING"},
    ("POST", "member_add"): lambda world: {"person": factories.UserFactory().username, "role": "VIEWER"},
    ("POST", "member_role"): lambda world: {"role": "RESPONDER"},
    ("POST", "tokens"): lambda world: {"name": "CI", "scopes": ["deployments:read"], "expires": "90"},
    ("POST", "check_add"): check,
    ("POST", "maintenance"): lambda world: {
        "starts_at": f"{timezone.now() + timedelta(days=1):%Y-%m-%dT10:00}",
        "ends_at": f"{timezone.now() + timedelta(days=1):%Y-%m-%dT11:00}",
        "reason": world.word,
    },
    ("POST", "checks_bulk"): lambda world: {"do": "pause", "check": world.check.pk},
    ("POST", "check_edit"): check,
    ("POST", "pulled_add"): source,
    ("POST", "sender_edit"): lambda world: {"environment": world.environment.pk},
    ("POST", "series_limit_edit"): lambda world: {"max_series": "3000"},
    ("POST", "metric_add"): lambda world: described(world) | {"key": "checkout.orders"},
    ("POST", "metric_edit"): described,
    ("POST", "pulled_edit"): source,
    ("POST", "settings_watching"): watching,
    ("POST", "settings_retention"): lambda world: {"raw_days": "30", "minute_days": "90", "hour_days": "730"},
    ("POST", "guide_add"): lambda world: {"kind": "FAQ", "title": "Where is it?", "body": "There."},
    ("POST", "guide_edit"): lambda world: {"kind": "FAQ", "title": "Where is it?", "body": "There."},
    ("POST", "settings_support"): tier_settings,
    ("POST", "channel_add"): lambda world: {"kind": "EMAIL", "name": "Mail", "address": "ops@example.org"},
    ("POST", "channel_edit"): lambda world: {"name": "Hook", "address": "https://hooks.example.org/x"},
}


#: Bodies that are no JSON, as the standards want them.
TEXT = {"data": "# EOF\n", "content_type": "text/plain"}
SNAPPY = {"data": b"\x00", "content_type": "application/x-protobuf", "HTTP_CONTENT_ENCODING": "snappy"}
RAW = {"api_push": TEXT, "api_push_environment": TEXT, "api_remote_write": SNAPPY}


def body(world, verb, route, *, is_api):
    """Return the keyword arguments of a request that those who may would send."""
    if route in RAW and verb != "GET":
        return RAW[route]
    make = BODIES.get((verb, route))
    values = make(world) if make else {}
    if verb == "GET":
        return {"QUERY_STRING": urlencode(values)}
    if is_api:
        return {"data": json.dumps(values), "content_type": "application/json"}
    return {"data": urlencode(values, doseq=True), "content_type": "application/x-www-form-urlencoded"}
