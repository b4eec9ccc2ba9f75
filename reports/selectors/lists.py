"""Deployments and their summaries as lists."""

import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery

from deployments.models import Deployment, DeploymentStatus, Environment, Project
from issues.models import Issue
from monitoring.models import Result
from monitoring.selectors import watch_states
from monitoring.watch import WatchState
from postdeploy.lib.facets import facets
from reports import sentences
from reports.models import DeploymentSummary
from reports.selectors.pages import Page, keyset_page
from reports.sentences import Sign

ROWS_OF_A_PAGE = 50
#: Words of the filter by verdict, as the API knows them.
VERDICTS = ("watching", *(result.value.lower() for result in Result))


@dataclass(frozen=True)
class DeploymentRow:
    """One deployment as a line of a list."""

    deployment: Deployment
    watch: WatchState
    sign: Sign
    issue_count: int
    progress: str


def deployment_rows(deployments: Sequence[Deployment], now: datetime) -> list[DeploymentRow]:
    """Return `deployments` with watch and issues, in three queries however many there are."""
    states = watch_states(deployments, now)
    counts = issue_counts(row.pk for row in deployments)
    return [
        DeploymentRow(
            deployment=row,
            watch=states[row.pk],
            sign=sentences.sign_of(states[row.pk], row.status),
            issue_count=counts[row.pk],
            progress=sentences.progress(states[row.pk], now),
        )
        for row in deployments
    ]


def issue_counts(deployment_ids: Iterable[uuid.UUID]) -> Counter[uuid.UUID]:
    """Return how many issues are thought to come from each deployment, open or not."""
    rows = Issue.objects.filter(deployment__in=list(deployment_ids)).order_by()
    counted = rows.values("deployment").annotate(n=Count("pk")).values_list("deployment", "n")
    return Counter({pk: n for pk, n in counted if pk is not None})


@dataclass(frozen=True)
class DeploymentFilter:
    """What a reader of the list asked for; empty means any."""

    environment: str = ""
    status: str = ""
    verdict: str = ""
    version: str = ""

    @property
    def is_set(self) -> bool:
        """True when the list is narrowed."""
        return any((self.environment, self.status, self.verdict, self.version))

    def narrow(self, rows: QuerySet[Deployment]) -> QuerySet[Deployment]:
        """Return the deployments that the filter means."""
        if self.environment:
            rows = rows.filter(environment__name__iexact=self.environment)
        if self.status:
            rows = rows.filter(status=self.status.upper())
        if self.version:
            rows = rows.filter(Q(version__icontains=self.version) | Q(revision__istartswith=self.version))
        for facet in facets("deployment") if self.verdict else ():
            if "verdict" in facet.filters:
                rows = facet.narrow(rows, "verdict", self.verdict)
        return rows


@dataclass(frozen=True)
class DeploymentsPage:
    """One page of the list, with what the filter offers."""

    rows: list[DeploymentRow]
    newer: str
    older: str
    total: int
    environments: list[str]
    statuses: list[tuple[str, str]]
    verdicts: Sequence[str]
    project_has_any: bool

    @property
    def is_watching(self) -> bool:
        """True while one of the rows may change by itself."""
        return any(row.watch.is_watching or not row.watch.is_final for row in self.rows)


def deployments_page(
    user: Any, project: Project, wanted: DeploymentFilter, *, now: datetime, before: str = "", after: str = ""
) -> DeploymentsPage:
    """Return a page of the deployments of `project` that `user` may see, the latest first."""
    everything = Deployment.objects.visible_to(user).of(project)
    narrowed = wanted.narrow(everything)
    full = narrowed.select_related("environment")
    page: Page[Deployment] = keyset_page(full, "occurred_at", size=ROWS_OF_A_PAGE, before=before, after=after)
    total = narrowed.count()
    return DeploymentsPage(
        rows=deployment_rows(page.rows, now),
        newer=page.newer,
        older=page.older,
        total=total,
        environments=list(Environment.objects.of(project).values_list("name", flat=True)),
        statuses=[(status.value.lower(), status.label) for status in DeploymentStatus],
        verdicts=VERDICTS,
        project_has_any=total > 0 or everything.exists(),
    )


# --- summaries --------------------------------------------------------------------------------------------------------


def summary_of(deployment: Deployment, *, version: int | None = None) -> DeploymentSummary | None:
    """Return one version of a deployment's summary, without `version` the newest; None when there is none."""
    rows = deployment.summaries.order_by("-version")
    return rows.first() if version is None else rows.filter(version=version).first()


@dataclass(frozen=True)
class SummaryRow:
    """The newest summary of one deployment as a line of the list."""

    summary: DeploymentSummary
    deployment: Deployment
    sign: Sign
    status: str
    issues: int
    outstanding: int


def summaries_page(
    user: Any, project: Project, *, now: datetime, environment: str = "", before: str = "", after: str = ""
) -> Page[SummaryRow]:
    """Return a page of the deployments that have a summary, each with its newest one, the latest first."""
    newest = DeploymentSummary.objects.filter(deployment=OuterRef("pk")).order_by("-version")
    rows = Deployment.objects.visible_to(user).of(project).terminal().select_related("environment")
    rows = rows.annotate(newest_summary=Subquery(newest.values("pk")[:1])).filter(newest_summary__isnull=False)
    if environment:
        rows = rows.filter(environment__name__iexact=environment)
    page: Page[Deployment] = keyset_page(rows, "occurred_at", size=ROWS_OF_A_PAGE, before=before, after=after)
    return Page(_summary_rows(page.rows, now), page.newer, page.older)


def _summary_rows(deployments: Sequence[Any], now: datetime) -> list[SummaryRow]:
    found = DeploymentSummary.objects.in_bulk([row.newest_summary for row in deployments])
    states = watch_states(deployments, now)
    return [_summary_row(found[row.newest_summary], row, states[row.pk]) for row in deployments]


def _summary_row(summary: DeploymentSummary, deployment: Deployment, watch: WatchState) -> SummaryRow:
    content = summary.content
    return SummaryRow(
        summary=summary,
        deployment=deployment,
        sign=sentences.sign_of(watch, deployment.status),
        status=content["implementation"]["status"],
        issues=content["implementation"]["issues"],
        outstanding=len(content["issues"]["outstanding"]),
    )
