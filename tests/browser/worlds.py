"""The shop's bad morning, moved to now, with all that its pages show: lines, tiers, guides, tokens, people."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import time_machine
from django.apps import apps
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db.models import DateTimeField, F, Model
from django.utils import timezone

from deployments.models import Role
from issues.services import MACHINE, open_issue
from monitoring.models import Finding, HealthCheck, Metric, MonitoringPeriod, Series
from monitoring.services import judge_rules, open_periods
from reports.services import summarise_deployments
from support.services import ensure_tiers, route_issues, save_guide, set_members
from tests import authorisation_world, factories
from tests.reports.world import NOW, rollback_world
from tests.samples import store_samples

OURS = ("deployments", "monitoring", "issues", "support", "reports")
PASSWORD = "correct-horse-9-battery"
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


class World(SimpleNamespace):
    """Rows by name: those of `rollback_world`, and those that stand for what an address is about."""

    value = authorisation_world.World.value

    def seen(self, project, instead):
        """The same world with other rows to look at: `{"deployment": "good"}`."""
        other = {"project": self.empty} if project != self.project.slug else {}
        return World(**vars(self) | other | {name: getattr(self, wanted) for name, wanted in instead.items()})


def shop():
    """Return the morning as `rollback_world` does, 38 minutes after its roll-back, as if that were now."""
    with time_machine.travel(NOW, tick=False):
        world = World(**vars(rollback_world()))
    world.now = datetime.now(UTC)
    move(world.now - NOW)
    for row in vars(world).values():
        if isinstance(row, Model):
            row.refresh_from_db()
    _measure(world)
    _staff(world)
    _write(world)
    _watch(world)
    _rule(world)
    _point(world)
    world.empty = factories.ProjectFactory(name="Newborn", slug="newborn", issue_prefix="NEW")
    factories.MembershipFactory(project=world.empty, user=world.jonas, role=Role.OWNER)
    world.workshop = _workshop(world)
    summarise_deployments(now=world.now)
    route_issues(now=world.now)
    MonitoringPeriod.objects.open().update(next_look_at=world.now + DAY)  # no test's look changes what is shown
    return world


def _point(world):
    """What each address is about unless a test says otherwise."""
    world.project.environments.update(confirmed_at=world.now - DAY)
    world.deployment, world.issue, world.environment, world.check = (
        world.bad,
        world.critical,
        world.production,
        world.checkout,
    )
    world.people = {Role.VIEWER: world.mira, Role.RESPONDER: world.aylin, Role.OWNER: world.jonas}
    world.source = factories.PulledSourceFactory(
        project=world.project,
        name="Node of the shop",
        environment=world.production,
        latest_detail="Took 812 of 1,043 samples: 231 left out by the rules.",
        latest_at=world.now,
    )
    world.source.refusals.create(
        reason="BAD_NAME", sentence="A label has no name.", count=3, first_at=world.now, latest_at=world.now
    )
    world.paused = HealthCheck.objects.get(environment=world.production, name="Warehouse sync")


def move(distance):
    """Move every time in the database by `distance`."""
    for app in OURS:
        for model in apps.get_app_config(app).get_models():
            times = [field.name for field in model._meta.concrete_fields if isinstance(field, DateTimeField)]
            if times:
                model._base_manager.update(**{name: F(name) + distance for name in times})


# --- what was measured ------------------------------------------------------------------------------------------------


def _measure(world):
    """A day and a half of readings; while v1.42.0 was live, answers were slow and errors eight times as many."""
    minutes = np.arange(-36 * 60, 1)
    times = [world.now + MINUTE * int(minute) for minute in minutes]
    is_bad = np.array([world.bad.finished_at <= at < world.good.finished_at for at in times])
    noise = 1 + 0.08 * np.random.default_rng(7).standard_normal(len(times))
    errors = factories.MetricFactory(
        project=world.project, key="checkout_errors", name="Checkout error rate", unit="%", hard_limit=0.5
    )
    world.metric = errors
    series = factories.SeriesFactory(environment=world.production, metric=errors)
    store_samples([series.pk] * len(times), times, (np.where(is_bad, 0.94, 0.12) * noise).tolist())
    Finding.objects.filter(pk=world.errors.pk).update(series=series, facts=world.errors.facts | _said(world))
    is_down = [world.outage.began_at <= at < world.outage.ended_at for at in times]
    read(world.checkout, times, (np.where(is_bad, 450.0, 310.0) * noise).tolist(), is_down)


def _said(world):
    """What the judge says of the errors beside what the record has: a forecast, the statistics."""
    forecast = {"start": world.bad.finished_at.timestamp(), "step": 60.0, "expected": [0.12] * 60}
    edges = {"low": [0.05 + n / 2000 for n in range(60)], "high": [0.22 + n / 2000 for n in range(60)]}
    return {
        "picture": world.errors.facts["picture"] | {"forecast": forecast | edges},
        "change_low": 0.71,
        "change_high": 0.93,
        "chance": 0.0001,
        "smallest_visible_change": 0.05,
        "coverage_before": 1.0,
        "coverage_after": 0.98,
        "because": ["it stepped with the deployment", "large against every earlier day"],
        "reasons": ["HARD_LIMIT", "CHANGED"],
    }


def read(check, times, response_ms, is_down):
    """Store one reading of `check` at each of `times`; one that found it down has no response time."""
    up, response = (
        Series.objects.get_or_create(environment=check.environment, health_check=check, aspect=aspect)[0]
        for aspect in (Series.UP, Series.RESPONSE_TIME)
    )
    store_samples([up.pk] * len(times), times, [0.0 if down else 1.0 for down in is_down])
    answered = [(at, ms) for at, ms, down in zip(times, response_ms, is_down, strict=True) if not down]
    store_samples([response.pk] * len(answered), *map(list, zip(*answered, strict=True)))
    HealthCheck.objects.filter(pk=check.pk).update(first_reading_at=times[-1], latest_detail="200 in 312 ms")


# --- who is there, and what they wrote --------------------------------------------------------------------------------


def _staff(world):
    for person in (world.aylin, world.jonas):
        person.set_password(PASSWORD)
        person.save()
    world.mira = factories.MembershipFactory(
        project=world.project, user__username="mira", user__first_name="Mira", user__last_name="Kowalski"
    ).user
    world.root = factories.UserFactory(username="root", is_superuser=True, is_staff=True)
    world.nobody = factories.UserFactory(username="nobody")
    first, *_ = ensure_tiers(world.project)
    set_members(first, users=[world.aylin])


GUIDE = """## When

Errors above **0.5 %**.

```sh
shopctl rollback checkout
```

| step | who |
| ---- | --- |
| one  | L1  |
"""


def _write(world):
    world.guide = save_guide(
        project=world.project,
        kind="TROUBLESHOOTING",
        title="Roll the checkout back",
        body=GUIDE,
        author=world.aylin,
        deployment=world.bad,
        now=world.now,
    )
    world.token = factories.ApiTokenFactory(project=world.project, name="GitHub pipeline", created_by=world.jonas)
    factories.ApiTokenFactory(project=world.project, name="Old pipeline", revoked_at=world.now - DAY)


def _watch(world):
    """A rule that fired while v1.42.0 was live, what people said of it, and a promise."""
    errors = Metric.objects.get(project=world.project, key="checkout_errors")
    asked = {"threshold": 0.5, "clear_threshold": 0.3, "environment": world.production}
    judged = {"judged_until": world.bad.finished_at - MINUTE, "next_judge_at": world.bad.finished_at}
    world.rule = factories.AlertRuleFactory(metric=errors, name="Checkout fails", **asked, **judged)
    judge_rules(now=world.now)
    # muted: its issue is in the morning already
    world.rule.alerts.update(
        is_muted=True, answer="LATE", answer_word="A customer wrote first.", answered_by=world.aylin
    )
    world.alert = world.rule.alerts.get()
    world.objective = factories.ObjectiveFactory(
        health_check=world.checkout, name="Checkout answers", target_percent=99.0
    )


def _rule(world):
    """What people said of the morning, and what other settings would have said of the days before it."""
    for row, kind, key, reason in (
        (world.bad, "US", "", "The address lookup asked a service that was not there yet."),
        (world.bad, "US", world.errors.key, "One error for each address."),
        (world.candidate, "NOT_US", "", "The staging database was moved."),
    ):
        factories.RulingFactory(deployment=row, kind=kind, key=key, reason=reason, by=world.aylin, at=world.now)
    asked = {"project": world.project, "environment": world.production, "requested_by": world.jonas}
    changes = {"chance_limit": 0.02, "metrics": {"checkout_errors": {"least_change": 0.5}}}
    world.replay = factories.ReplayFactory(**asked, status="DONE", total=3, changes=changes)
    factories.ReplayedVerdictFactory(
        replay=world.replay, deployment=world.bad, result_then="FAILED", result_now="HEALTHY",
        sentence="Nothing got worse in 60\u00a0min: 14 of 14 metrics and 9 checks.",
        differences=[
            {"key": world.errors.key, "name": "Checkout error rate", "stage": "INITIAL", "then": "REGRESSED",
             "now": "UNCHANGED", "sentence": "Checkout error rate rose 0.12 → 0.94 %, less than matters."}
        ],
    )  # fmt: skip
    factories.ReplayedVerdictFactory(
        replay=world.replay, deployment=world.candidate, result_now="",
        problem="The samples are not what they were when it was judged: Checkout p95.",
    )  # fmt: skip
    factories.ReplayedVerdictFactory(
        replay=world.replay, deployment=world.good, result_then="HEALTHY",
        note="Of 28\u00a0d of history 14\u00a0d are still kept.",
    )  # fmt: skip
    world.failed_replay = factories.ReplayFactory(**asked, status="FAILED", error="Postdeploy was upgraded.")
    world.waiting_replay = factories.ReplayFactory(**asked, total=12, next_step_at=world.now + 30 * DAY)


# --- what tests change: a project of its own --------------------------------------------------------------------------


def _workshop(world):
    """A project in which tests may do as they like."""
    project = factories.ProjectFactory(name="Workshop", slug="workshop", issue_prefix="WORK")
    for person, role in ((world.aylin, Role.RESPONDER), (world.jonas, Role.OWNER)):
        factories.MembershipFactory(project=project, user=person, role=role)
    factories.EnvironmentFactory(project=project)
    return project


def fresh_issue(world, title, **fields):
    """An issue of the workshop with its tier, for one test to work on."""
    issue = open_issue(
        project=world.workshop, title=title, severity="MAJOR", actor=MACHINE, now=timezone.now(), **fields
    )
    route_issues(now=timezone.now())
    return issue


def fresh_deployment(world, name):
    """A deployment to an environment `name` of the workshop, watched for 30 min and read well; its last look is due."""
    now = timezone.now()
    live_at = now - timedelta(minutes=30)
    environment = factories.MonitoringPolicyFactory(
        environment__project=world.workshop, environment__name=name, initial_seconds=1800
    ).environment
    for version, at in ((f"{name}.0", live_at - DAY), (f"{name}.1", live_at)):
        deployment = factories.DeploymentFactory(environment=environment, version=version, finished_at=at)
    open_periods(now=live_at)
    check = factories.HealthCheckFactory(environment=environment, name="Home page", state="UP", state_since=live_at)
    times = [now - MINUTE * minute for minute in range(26 * 60, -1, -1)]
    read(check, times, [120.0 + minute % 7 for minute in range(len(times))], [False] * len(times))
    return deployment


def session_cookie(person, site):
    """Return the cookie of somebody who signed in before."""
    session = SessionStore()
    session[SESSION_KEY] = str(person.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = person.get_session_auth_hash()
    session.save()
    return {"name": settings.SESSION_COOKIE_NAME, "value": session.session_key, "url": site}
