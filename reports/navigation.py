"""The side bar: which project, which pages, how much waits on each."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from deployments.models import Project
from issues.models import Issue, IssueStatus
from monitoring.models import Alert, AlertState, HealthCheck

Navigation = dict[str, Any]

#: The project somebody looked at last, kept in the session.
LATEST_PROJECT = "project"


@dataclass(frozen=True)
class Page:
    """One line of the side bar: `names` are the pages it stands for, the first one is where it leads.

    After g the key `letter` goes there; no two lines have the same.
    """

    key: str
    letter: str
    label: str
    icon: str
    names: tuple[str, ...]


PAGES = (
    Page("overview", "o", "Overview", "layout-dashboard", ("overview",)),
    Page("deployments", "d", "Deployments", "rocket", ("deployments", "deployment", "lesson_add", "ruling")),
    Page("verdicts", "v", "Verdicts", "clipboard-check", ("verdicts", "replay", "replays")),
    Page("issues", "i", "Issues", "alert-circle", ("issues", "issue")),
    Page("checks", "c", "Checks", "heartbeat", ("checks", "check", "maintenance")),
    Page("metrics", "m", "Metrics", "chart-line", ("metric_list", "metric", "metrics")),
    Page("sources", "s", "Sources", "plug", ("sources", "sender", "series_limit", "pulled")),
    Page("alerts", "a", "Alerts", "bell", ("alerts", "alert", "rule", "objectives", "objective")),
    Page("support", "u", "Support", "lifebuoy", ("support", "guides", "guide")),
    Page("reports", "r", "Reports", "file-text", ("summaries", "summary")),
)
FOOT = (Page("settings", "e", "Settings", "settings", ("settings", "tokens", "channel")),)


def navigation(request: HttpRequest) -> Navigation:
    """Return the template variable `nav`, made only if the page shows it; None where there is no project to show."""
    return {"nav": SimpleLazyObject(lambda: _nav(request))}


def _nav(request: HttpRequest) -> Navigation | None:
    user = getattr(request, "user", None)
    if user is None or request.path.startswith("/api/") or not user.is_authenticated:
        return None
    projects = list(_counted(Project.objects.visible_to(user)))
    match = request.resolver_match
    current = current_project(projects, (match.kwargs.get("project") if match else "") or "", request)
    if current is None:
        return None
    counts = {"issues": current.open_issues, "checks": current.check_count, "alerts": current.firing}  # type: ignore[attr-defined]
    here = (match.url_name if match else "") or ""
    return {
        "project": _project(current) | {"slug": current.slug, "monogram": current.name[:1].upper()},
        "projects": [_project(project) | {"is_current": project == current} for project in projects],
        "items": [_item(page, current, here, counts.get(page.key)) for page in PAGES],
        "foot": [_item(page, current, here, None) for page in FOOT],
    }


def current_project(projects: list[Project], slug: str, request: HttpRequest) -> Project | None:
    """Return the project of the address, else the one that was looked at last, else the first."""
    known = {project.slug: project for project in projects}
    latest = request.session.get(LATEST_PROJECT, "") if hasattr(request, "session") else ""
    return known.get(slug) or known.get(latest) or next(iter(projects), None)


def _counted(projects: QuerySet[Project]) -> QuerySet[Project]:
    """Projects with the numbers that stand beside the links; one query."""
    issues = Issue.objects.filter(~Q(status=IssueStatus.VERIFIED), project=OuterRef("pk")).order_by()
    checks = HealthCheck.objects.filter(environment__project=OuterRef("pk")).order_by()
    firing = Alert.objects.filter(state=AlertState.FIRING, rule__project=OuterRef("pk")).order_by()
    return projects.annotate(
        firing=Coalesce(Subquery(firing.values("rule__project").annotate(n=Count("pk")).values("n")), 0),
        open_issues=Coalesce(Subquery(issues.values("project").annotate(n=Count("pk")).values("n")), 0),
        check_count=Coalesce(Subquery(checks.values("environment__project").annotate(n=Count("pk")).values("n")), 0),
    ).order_by("name", "pk")


def _project(project: Project) -> dict[str, Any]:
    return {"name": project.name, "url": reverse("overview", args=[project.slug])}


def _item(page: Page, project: Project, here: str, count: int | None) -> dict[str, Any]:
    return {
        "key": page.key,
        "letter": page.letter,
        "label": page.label,
        "url": reverse(page.names[0], args=[project.slug]),
        "icon": page.icon,
        "count": count,
        "is_current": any(here == name or here.startswith(f"{name}_") for name in page.names),
    }
