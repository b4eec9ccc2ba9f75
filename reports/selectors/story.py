"""All that is known of one deployment, for its page and its record."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F, Q, Window
from django.db.models.functions import Lag

from deployments.models import ConfigurationChange, Deployment, SystemChange
from issues.models import UNRESOLVED, Issue, IssueEvent
from monitoring.models import Finding, FindingResult, HealthCheck, MonitoringPeriod, Outage, Ruling, Verdict
from monitoring.selectors import findings_of_verdict, watch_states
from monitoring.selectors.rulings import rulings_on
from monitoring.watch import BAD, WatchState
from reports.models import DeploymentSummary, Lesson
from reports.selectors import happenings
from reports.selectors.happenings import Happening
from support.models import Assignment, Notification, NotificationState

#: Rows of one kind that a story tells; a page that would need more says how many it leaves out.
LONGEST = 300


@dataclass(frozen=True)
class Story:
    """One deployment with everything around it. `happenings` come newest first, `findings` what matters most first.

    `rulings` are those that stand, by the key of the finding; "" is the deployment as a whole.
    """

    deployment: Deployment
    watch: WatchState
    replaced: Deployment | None
    rolled_back_by: Deployment | None
    periods: Sequence[MonitoringPeriod]
    looks: Sequence[Verdict]
    findings: Sequence[Finding]
    checks: Sequence[HealthCheck]
    system_changes: Sequence[SystemChange]
    configuration_changes: Sequence[ConfigurationChange]
    issues: Sequence[Issue]
    assignments: Sequence[Assignment]
    lessons: Sequence[Lesson]
    happenings: Sequence[Happening]
    is_cut: bool
    summary: DeploymentSummary | None
    rulings: Mapping[str, Ruling]

    @property
    def final_looks(self) -> list[Verdict]:
        """The verdicts that were reached, one for each decided period."""
        return [look for look in self.looks if look.is_final]

    @property
    def standing_look(self) -> Verdict | None:
        """The look that the word and the sentence of the watch come from, once it is a verdict."""
        return next((look for look in self.final_looks if look.pk == self.watch.verdict_id), None)

    @property
    def judged(self) -> list[Finding]:
        """Findings that could be made, what matters most first."""
        return [finding for finding in self.findings if finding.result != FindingResult.NO_DATA]

    @property
    def resolved(self) -> list[Issue]:
        """Issues that somebody resolved, verified or not."""
        return [issue for issue in self.issues if issue.status not in UNRESOLVED]

    @property
    def outstanding(self) -> list[Issue]:
        """Issues that somebody still has to resolve."""
        return [issue for issue in self.issues if issue.status in UNRESOLVED]

    @property
    def not_watched(self) -> list[tuple[str, str]]:
        """What counts as unknown, and why: findings without data or with too little, and checks that are paused."""
        unknown = (FindingResult.NO_DATA, FindingResult.INCONCLUSIVE)
        without = [row for row in self.findings if row.result in unknown]
        blind = [(row.name, row.sentence.removeprefix(f"{row.name}: ")) for row in without]
        named = {name for name, _ in blind}
        paused = [check for check in self.checks if check.paused_at and check.name not in named]
        return blind + [(check.name, "The check is paused.") for check in paused]

    @property
    def lead_time(self) -> timedelta | None:
        """From the change's commit to its end in this environment; DORA's change lead time."""
        row = self.deployment
        if row.change_committed_at is None or row.finished_at is None or row.finished_at < row.change_committed_at:
            return None
        return row.finished_at - row.change_committed_at

    @property
    def replaced_at(self) -> datetime | None:
        """When what ended its watch was live itself; None while it is live or never was."""
        successors = [period.superseded_by for period in self.periods if period.superseded_by]
        return successors[0].finished_at if successors else None

    @property
    def live_for(self) -> timedelta | None:
        """How long it was live until something replaced it; None while it is live or never was."""
        if self.deployment.finished_at is None or self.replaced_at is None:
            return None
        return self.replaced_at - self.deployment.finished_at

    @property
    def is_complete(self) -> bool:
        """True when nothing more will be decided: the watch has ended, or there was none."""
        if not self.deployment.is_terminal:
            return False
        if self.periods:
            return all(period.ended_at and not period.next_look_at for period in self.periods)
        return self.watch.is_final


def deployment_story(deployment: Deployment, now: datetime) -> Story:
    """Return all that is known of `deployment` (with its project and environment) in a fixed number of queries."""
    project = deployment.project.slug
    watch = watch_states([deployment], now)[deployment.pk]
    periods = list(deployment.periods.select_related("superseded_by").order_by("opens_at"))
    issues = list(deployment.issues.select_related("project", "owner", "environment").worst_first()[:LONGEST])
    assignments = _assignments(issues)
    lessons = list(deployment.lessons.select_related("author")[:LONGEST])
    outages = _outages(deployment, watch, now)
    events = _issue_events(issues)
    looks = _turns(periods)
    told = [
        *happenings.of_deployment(deployment, deployment.events.all()[:LONGEST]),
        *happenings.of_watch(deployment, periods),
        *happenings.of_verdicts(looks),
        *happenings.of_outages(deployment, outages),
        *happenings.of_issues(project, events),
        *happenings.of_assignments(project, assignments),
        *happenings.of_notifications(project, _notifications(deployment, issues)),
        *happenings.of_lessons(lessons),
    ]
    return Story(
        deployment=deployment,
        watch=watch,
        replaced=_replaced(deployment),
        rolled_back_by=deployment.rolled_back_by.succeeded().order_by("finished_at").first(),
        periods=periods,
        looks=looks,
        findings=list(findings_of_verdict(watch.verdict_id).select_related("occurrence__issue__project")[:LONGEST]),
        checks=list(deployment.environment.checks.all()[:LONGEST]),
        system_changes=list(deployment.system_changes.all()[:LONGEST]),
        configuration_changes=list(deployment.configuration_changes.all()[:LONGEST]),
        issues=issues,
        assignments=assignments,
        lessons=lessons,
        happenings=sorted(told, key=_place, reverse=True),
        is_cut=any(len(rows) == LONGEST for rows in (issues, lessons, outages, events)),
        summary=deployment.summaries.order_by("-version").first(),
        rulings=rulings_on(deployment),
    )


def _place(row: Happening) -> tuple[datetime, str]:
    """Where a line of the stream stands: of those at one moment the later row is the later line."""
    return row.at, re.sub(r"\d+", lambda digits: digits[0].zfill(12), row.key)


def _replaced(deployment: Deployment) -> Deployment | None:
    """What ran in the environment when this deployment went live."""
    until = deployment.finished_at or deployment.occurred_at
    before = Deployment.objects.succeeded().filter(environment=deployment.environment_id, finished_at__lte=until)
    return before.exclude(pk=deployment.pk).order_by("-finished_at", "-reported_at").first()


def _turns(periods: Sequence[MonitoringPeriod]) -> list[Verdict]:
    """Final verdicts, and each look at which it turned for the worse or back."""
    if not periods:
        return []
    looks = Verdict.objects.filter(period__in=[period.pk for period in periods]).defer("inputs", "reasons")
    turned = looks.annotate(
        previous=Window(Lag("result"), partition_by=F("period"), order_by=F("looked_at").asc())
    ).filter(
        Q(is_final=True)
        | Q(result__in=BAD) & (Q(previous__isnull=True) | ~Q(previous=F("result")))
        | Q(previous__in=BAD) & (Q(result__isnull=True) | ~Q(previous=F("result")))
    )
    return list(turned.select_related("period").order_by("looked_at")[:LONGEST])


def _outages(deployment: Deployment, watch: WatchState, now: datetime) -> list[Outage]:
    """Outages of the environment's checks that lay in the roll-out or the watch."""
    began_at = deployment.started_at or deployment.finished_at or deployment.occurred_at
    until = watch.ended_at or (deployment.finished_at if watch.is_final and not watch.initial else None) or now
    overlapping = Outage.objects.filter(
        Q(ended_at__isnull=True) | Q(ended_at__gte=began_at),
        health_check__environment=deployment.environment_id,
        confirmed_at__lte=until,
    )
    return list(overlapping.select_related("health_check").order_by("began_at", "pk")[:LONGEST])


def _issue_events(issues: Sequence[Issue]) -> list[IssueEvent]:
    if not issues:
        return []
    rows = IssueEvent.objects.filter(issue__in=[issue.pk for issue in issues])
    return list(rows.select_related("issue__project", "actor").order_by("occurred_at", "pk")[:LONGEST])


def _assignments(issues: Sequence[Issue]) -> list[Assignment]:
    if not issues:
        return []
    rows = Assignment.objects.filter(issue__in=[issue.pk for issue in issues])
    return list(rows.select_related("issue__project", "tier").order_by("started_at", "pk")[:LONGEST])


def _notifications(deployment: Deployment, issues: Sequence[Issue]) -> list[Notification]:
    about = Q(deployment=deployment) | Q(issue__in=[issue.pk for issue in issues])
    ended = Notification.objects.filter(about, state__in=[NotificationState.SENT, NotificationState.FAILED])
    return list(ended.select_related("channel", "issue__project").order_by("created_at", "pk")[:LONGEST])
