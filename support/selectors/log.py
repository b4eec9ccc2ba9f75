"""The issue log: the process's sections, narrowed by the filter in the page's address."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, Q

from deployments.models import Deployment, Project, User
from issues.models import Issue, IssueQuerySet, IssueStatus, Severity
from issues.selectors import search
from support.selectors.clocks import Clock, at_tier, clocks

#: At most so many issues on one page.
PAGE = 100

LOG_TABS = (
    ("open", "All open"),
    ("mine", "Mine"),
    ("unowned", "No owner"),
    ("proof", "Waiting for proof"),
    ("verified", "Verified"),
)
RANKS = {severity.value: rank for rank, severity in enumerate(Severity)}


@dataclass(frozen=True)
class LogFilter:
    """What the address asks for; all words are in lower case as they stand in it, empty means any."""

    status: str = "open"
    severity: str = ""
    environment: str = ""
    deployment: Deployment | None = None
    tier: str = ""
    text: str = ""
    after: str = ""

    def query(self, **changes: Any) -> str:
        """Return the address's query for this filter with `changes`; "" when nothing narrows the log."""
        wanted = replace(self, **{"after": "", **changes})
        parts = {
            "status": wanted.status if wanted.status != "open" else "",
            "severity": wanted.severity,
            "environment": wanted.environment,
            "deployment": str(wanted.deployment.pk) if wanted.deployment else "",
            "tier": wanted.tier,
            "q": wanted.text,
            "after": wanted.after,
        }
        return urlencode({name: value for name, value in parts.items() if value})

    @property
    def is_narrow(self) -> bool:
        """True when more than the tab decides what is shown."""
        return any((self.severity, self.environment, self.deployment, self.tier, self.text))


@dataclass(frozen=True)
class IssueRow:
    """One line of the log."""

    issue: Issue
    clock: Clock

    @property
    def way_out(self) -> str:
        """The resolution, or the plan, or what is missing."""
        if self.issue.resolution:
            return self.issue.resolution
        return f"Plan: {self.issue.plan}" if self.issue.plan else ""


@dataclass(frozen=True)
class Section:
    """The issues of one severity: those on this page, and how many there are in all."""

    severity: str
    title: str
    total: int
    rows: list[IssueRow]
    query: str


@dataclass(frozen=True)
class Tab:
    """One saved filter with its count."""

    name: str
    title: str
    count: int
    query: str
    is_current: bool


@dataclass(frozen=True)
class IssueLog:
    """The log as the page shows it."""

    filter: LogFilter
    tabs: list[Tab]
    sections: list[Section]
    total: int
    next_query: str
    sentence: str


def issue_log(user: User, project: Project, wanted: LogFilter) -> IssueLog:
    """Return the log of `project` that `user` may see; the number of queries does not depend on its length."""
    base = _narrowed(Issue.objects.visible_to(user).of(project), wanted)
    shown = base.filter(_of_status(wanted.status, user))
    totals = dict.fromkeys(Severity.values, 0) | dict(shown.order_by().values_list("severity").annotate(Count("pk")))
    rows = list(_page(shown, wanted.after)[: PAGE + 1])
    page = rows[:PAGE]
    return IssueLog(
        filter=wanted,
        tabs=_tabs(base, wanted, user),
        sections=_sections(page, totals, wanted),
        total=sum(totals.values()),
        next_query=wanted.query(after=_place(page[-1])) if len(rows) > PAGE else "",
        sentence=_sentence(totals, wanted),
    )


def _narrowed(rows: IssueQuerySet, wanted: LogFilter) -> IssueQuerySet:
    if wanted.severity:
        rows = rows.filter(severity=wanted.severity.upper())
    if wanted.environment:
        rows = rows.filter(environment__name=wanted.environment)
    if wanted.deployment:
        rows = rows.filter(deployment=wanted.deployment)
    if wanted.tier:
        rows = at_tier(rows, wanted.tier)
    return search(rows, wanted.text) if wanted.text else rows


def _of_status(status: str, user: User) -> Q:
    is_open = ~Q(status=IssueStatus.VERIFIED)
    tabs = {
        "open": is_open,
        "mine": is_open & Q(owner=user),
        "unowned": is_open & Q(owner__isnull=True),
        "proof": Q(status=IssueStatus.RESOLVED),
        "any": Q(),
    }
    return tabs.get(status, Q(status=status.upper()))


def _tabs(base: IssueQuerySet, wanted: LogFilter, user: User) -> list[Tab]:
    counts = base.order_by().aggregate(**{name: Count("pk", filter=_of_status(name, user)) for name, _ in LOG_TABS})
    return [
        Tab(name, title, counts[name], wanted.query(status=name), name == wanted.status) for name, title in LOG_TABS
    ]


def _page(rows: IssueQuerySet, after: str) -> IssueQuerySet:
    """Return the rows worst first, those after the place `after` ("MAJOR-142")."""
    severity, _, number = after.partition("-")
    if severity in RANKS and number.isdigit():
        later = [name for name, rank in RANKS.items() if rank > RANKS[severity]]
        rows = rows.filter(Q(severity__in=later) | Q(severity=severity, number__lt=int(number[:9])))
    return rows.worst_first().select_related("project", "environment__policy", "deployment", "owner")


def _place(issue: Issue) -> str:
    return f"{issue.severity}-{issue.number}"


def _sections(page: Sequence[Issue], totals: dict[str, int], wanted: LogFilter) -> list[Section]:
    counting = clocks(page)
    rows = [IssueRow(issue, counting[issue.pk]) for issue in page]
    return [
        Section(
            severity=severity.value,
            title=f"{severity.label} issues",
            total=totals[severity.value],
            rows=[row for row in rows if row.issue.severity == severity],
            query=wanted.query(severity=severity.value.lower()),
        )
        for severity in Severity
    ]


def _sentence(totals: dict[str, int], wanted: LogFilter) -> str:
    """Answer what somebody came to ask, from the counts of the whole list."""
    if wanted.status != "open" or wanted.is_narrow:
        return ""
    if not sum(totals.values()):
        return "Nothing is open."
    told = [f"{count} {name.lower()}" for name, count in totals.items() if count]
    count = sum(totals.values())
    return f"{count} {'issue is' if count == 1 else 'issues are'} open: {', '.join(told)}."
