"""The first screen: is it healthy, who is on it if not, what ran lately, what is not watched."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import (
    Case,
    Count,
    F,
    IntegerField,
    Max,
    OuterRef,
    Prefetch,
    QuerySet,
    Subquery,
    Value,
    When,
)

from deployments.models import Deployment, DeploymentQuerySet, DeploymentStatus, Environment, Project, Tier
from issues.models import Issue, IssueStatus, Severity
from monitoring.models import CheckState, HealthCheck, Outage, Series
from monitoring.selectors import watch_states
from monitoring.watch import WatchState
from reports import links, sentences
from reports.selectors.coverage import Gap, coverage
from reports.selectors.lanes import Lane, environment_lanes
from reports.selectors.lists import DeploymentRow, deployment_rows
from reports.selectors.pictures import Spark, sparks
from reports.sentences import Place, Sign
from support.models import Assignment, SupportTier, TierMember, Track
from support.selectors import Clock, clocks

ATTENTION, RECENT = 8, 8
STUCK_AFTER = timedelta(days=1)
_TIERS = [Tier.PRODUCTION, Tier.STAGING, Tier.TESTING, Tier.DEVELOPMENT, Tier.OTHER]


@dataclass(frozen=True)
class IssueCount:
    """How many open issues of one severity, and the list that has that many rows."""

    word: str
    count: int
    url: str


@dataclass(frozen=True)
class Card:
    """One environment: what runs there, how it is, and what is known of it."""

    environment: Environment
    current: Deployment | None
    under_way: Deployment | None
    watch: WatchState | None
    sign: Sign
    issues: list[IssueCount]
    checks: list[HealthCheck]
    has_metrics: bool
    down: list[HealthCheck]
    spark: Spark | None
    latest_event_at: datetime | None


@dataclass(frozen=True)
class Attention:
    """One issue that needs somebody now, with its tier and clock."""

    issue: Issue
    clock: Clock


@dataclass(frozen=True)
class OnCall:
    """A technical tier, and its members."""

    tier: SupportTier
    names: list[str]


@dataclass(frozen=True)
class Overview:
    """All that the first screen shows."""

    headline: str
    cards: list[Card]
    attention: list[Attention]
    open_issues: int
    on_call: list[OnCall]
    recent: list[DeploymentRow]
    lanes: list[Lane]
    lanes_from: datetime | None
    deployment_count: int
    gaps: list[Gap] = field(default_factory=list)
    watched: int = 0
    check_count: int = 0

    @property
    def is_watching(self) -> bool:
        """True while something may change by itself: a watch runs, a pipeline runs, or an issue has a clock."""
        cards = any(
            card.under_way or (card.watch and (card.watch.is_watching or not card.watch.is_final))
            for card in self.cards
        )
        return cards or bool(self.attention) or any(card.down for card in self.cards)


def overview(project: Project, now: datetime) -> Overview:
    """Return the first screen of `project` in a fixed number of queries."""
    environments = list(_environments(project))
    checks = list(HealthCheck.objects.of(project).order_by("environment_id", "-is_critical", "name"))
    cards = overview_cards(project, now, environments=environments, checks=checks)
    recent = list(_deployments(project).newest_first()[:RECENT])
    lanes, lanes_from = environment_lanes(project, environments, now)
    attention = needs_attention(project)
    gaps = coverage(project, environments, checks)
    return Overview(
        headline=sentences.headline([_place(card) for card in cards if card.current or card.under_way]),
        cards=cards,
        attention=attention,
        open_issues=sum(issue.count for card in cards for issue in card.issues) + _elsewhere(project),
        on_call=_on_call(project),
        recent=deployment_rows(recent, now),
        lanes=lanes,
        lanes_from=lanes_from,
        deployment_count=Deployment.objects.of(project).count(),
        gaps=gaps,
        watched=sum(not check.paused_at for check in checks),
        check_count=len(checks),
    )


def overview_cards(
    project: Project, now: datetime, *, environments: Sequence[Environment], checks: Sequence[HealthCheck]
) -> list[Card]:
    """Return one card per environment, production first, in a fixed number of queries."""
    current = {row.environment_id: row for row in _current(project)}
    under_way = {row.environment_id: row for row in _under_way(project, now)}
    states = watch_states(current.values(), now)
    counts = _open_by_severity(project)
    of = {pk: [check for check in checks if check.environment_id == pk] for pk in (e.pk for e in environments)}
    lines = sparks({pk: _main(own) for pk, own in of.items() if own}, current, now)
    events = _latest_events(project)
    measured = set(_measured(project))
    cards = []
    for environment in environments:
        row, ahead = current.get(environment.pk), under_way.get(environment.pk)
        watch = states[row.pk] if row else None
        own = of[environment.pk]
        times = [at for at in (row.finished_at if row else None, events.get(environment.pk)) if at]
        card = Card(
            environment=environment,
            current=row,
            under_way=ahead if ahead and (row is None or ahead.occurred_at > (row.finished_at or now)) else None,
            watch=watch,
            sign=sentences.sign_of(watch) if watch else Sign("pending", label="Nothing deployed yet"),
            issues=_counts(project, environment, counts),
            checks=own,
            has_metrics=environment.pk in measured,
            down=[check for check in own if _is_down(check)],
            spark=lines.get(environment.pk),
            latest_event_at=max(times, default=None),
        )
        cards.append(card)
    return cards


def _environments(project: Project) -> QuerySet[Environment]:
    order = Case(*(When(tier=tier, then=Value(n)) for n, tier in enumerate(_TIERS)), output_field=IntegerField())
    return Environment.objects.of(project).order_by(order, "created_at", "pk")


def _deployments(project: Project) -> DeploymentQuerySet:
    return Deployment.objects.of(project).select_related("environment")


def _current(project: Project) -> QuerySet[Deployment]:
    """What runs in each environment: one step down an index for each, however many there were."""
    live = Deployment.objects.succeeded().filter(environment=OuterRef("pk")).order_by("-finished_at", "-reported_at")
    newest = Environment.objects.of(project).annotate(newest=Subquery(live.values("pk")[:1]))
    return _deployments(project).filter(pk__in=newest.values("newest"))


def _under_way(project: Project, now: datetime) -> QuerySet[Deployment]:
    """The pipeline that runs for each environment; one that was heard of last a day ago is stuck, not under way."""
    running = _deployments(project).filter(status__in=[DeploymentStatus.PENDING, DeploymentStatus.RUNNING])
    rows = running.filter(occurred_at__gt=now - STUCK_AFTER)
    return rows.order_by("environment_id", "-occurred_at", "-reported_at").distinct("environment_id")


def _measured(project: Project) -> QuerySet[Series, int]:
    """Ids of the environments that somebody sends metrics of."""
    rows = Series.objects.of(project).filter(metric__isnull=False).order_by()
    return rows.values_list("environment_id", flat=True).distinct()


def _is_down(check: HealthCheck) -> bool:
    return check.paused_at is None and check.state == CheckState.DOWN


def _main(checks: Sequence[HealthCheck]) -> HealthCheck:
    """The check that says most of its environment: one that is down, else the first critical one that is polled."""
    return min(
        checks, key=lambda check: (not _is_down(check), bool(check.paused_at), not check.is_critical, check.name)
    )


def _open_by_severity(project: Project) -> Counter[tuple[int, str]]:
    rows = Issue.objects.of(project).open().filter(environment__isnull=False).order_by()
    counted = rows.values("environment", "severity").annotate(n=Count("pk"))
    return Counter({(row["environment"], row["severity"]): row["n"] for row in counted})


def _elsewhere(project: Project) -> int:
    """Open issues that belong to no environment."""
    return Issue.objects.of(project).open().filter(environment__isnull=True).count()


def _counts(project: Project, environment: Environment, counts: Counter[tuple[int, str]]) -> list[IssueCount]:
    return [
        IssueCount(
            word=severity.label.lower(),
            count=counts[environment.pk, severity],
            url=links.issues(project.slug, environment=environment.name, severity=severity.value.lower()),
        )
        for severity in Severity
    ]


def _latest_events(project: Project) -> dict[int, datetime]:
    """When an issue or a check of each environment last changed."""
    issues = Issue.objects.of(project).filter(environment__isnull=False).order_by()
    found: dict[int, datetime] = dict(
        issues.values("environment").annotate(at=Max("updated_at")).values_list("environment", "at")
    )
    outages = Outage.objects.filter(health_check__environment__project=project).order_by()
    of_outages = outages.values("health_check__environment").annotate(began=Max("confirmed_at"), ended=Max("ended_at"))
    for row in of_outages:
        environment = row["health_check__environment"]
        found[environment] = max(at for at in (row["began"], row["ended"], found.get(environment)) if at)
    return found


def _place(card: Card) -> Place:
    return Place(
        name=card.environment.name,
        version=card.current.version if card.current else "",
        kind=card.current.kind if card.current else "",
        watch=card.watch,
        down=[check.name for check in card.down],
        is_production=card.environment.tier == Tier.PRODUCTION,
    )


# --- who is on it -----------------------------------------------------------------------------------------------------


def needs_attention(project: Project) -> list[Attention]:
    """Return the issues that somebody must act on: first those whose clock runs, then those that wait for proof."""
    current = Assignment.objects.current().filter(issue=OuterRef("pk")).values("escalate_at")[:1]
    waits_for_proof = Case(
        When(status=IssueStatus.RESOLVED, then=Value(1)), default=Value(0), output_field=IntegerField()
    )
    rows = (
        Issue.objects.of(project)
        .open()
        .select_related("project", "environment__policy", "owner")
        .annotate(waits=waits_for_proof, due_at=Subquery(current))
        .order_by("waits", F("due_at").asc(nulls_last=True), _by_severity(), "-number")
    )
    issues = list(rows[:ATTENTION])
    counting = clocks(issues) if issues else {}
    return [Attention(issue, counting[issue.pk]) for issue in issues]


def _by_severity() -> Case:
    return Case(*(When(severity=s, then=Value(n)) for n, s in enumerate(Severity)), output_field=IntegerField())


def _on_call(project: Project) -> list[OnCall]:
    members = TierMember.objects.select_related("user").order_by("user__username")
    tiers = SupportTier.objects.of(project).filter(track=Track.TECHNICAL).order_by("level")
    return [
        OnCall(tier, [member.user.display_name for member in tier.members.all()])
        for tier in tiers.prefetch_related(Prefetch("members", queryset=members))
        if tier.members.all()
    ]
