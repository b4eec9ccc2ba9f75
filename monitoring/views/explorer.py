"""The metrics explorer: pick, look, compare, take along."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify
from django.views.decorators.http import require_safe

from deployments.models import Project
from deployments.selectors import project_for
from monitoring.forms.explorer import ExplorerForm
from monitoring.selectors.buckets import WAYS
from monitoring.selectors.explorer import MOST_RELEASES, Exploration, as_rows, explore
from monitoring.selectors.subjects import subjects_of
from monitoring.views.common import chart_columns, choose_a_metric, environments_of, json_answer, rights, span_links
from postdeploy.lib.csvs import to_csv
from postdeploy.lib.htmx import live_page

RANGES = ("3h", "24h", "7d", "30d", "90d")
#: Rows of the table beside the chart; the CSV has all.
TABLE_ROWS = 60


def _form(request: HttpRequest, project: Project) -> ExplorerForm:
    environments = list(environments_of(request, project).order_by("created_at", "pk"))
    return ExplorerForm(request.GET, subjects_of(project), environments)


def _explored(request: HttpRequest, form: ExplorerForm) -> Exploration | None:
    query = form.query(timezone.now(), columns=chart_columns(request))
    return explore(query) if query else None


@login_required
@require_safe
def metrics_explore(request: HttpRequest, project: str) -> HttpResponse:
    """The explorer's page; its whole state is its address."""
    found = project_for(request.user, project)
    form = _form(request, found)
    explored = _explored(request, form)
    context: dict[str, Any] = {
        "project": found,
        "form": form,
        "found": explored,
        "ways": WAYS.items(),
        "compares": range(2, MOST_RELEASES + 1),
        "now": timezone.now(),
        **rights(request, found),
    }
    if explored:
        context |= span_links(request, explored.query.span, RANGES) | _addresses(request, found)
        context["table"] = _table(explored)
    return live_page(request, "monitoring/explorer.html", context, part="explorer")


def _addresses(request: HttpRequest, project: Project) -> dict[str, str]:
    query = request.GET.urlencode()
    return {
        "data_url": f"{reverse('metrics_explore_data', args=[project.slug])}?{query}",
        "csv_url": f"{reverse('metrics_explore_csv', args=[project.slug])}?{query}",
    }


def _table(explored: Exploration) -> dict[str, Any]:
    """The latest rows of the lines, newest first."""
    header, rows = as_rows(explored)
    return {"header": header, "rows": rows[::-1][:TABLE_ROWS], "left_out": max(len(rows) - TABLE_ROWS, 0)}


@login_required
@require_safe
def metrics_explore_data(request: HttpRequest, project: str) -> HttpResponse:
    """The explorer's chart as JSON, for the pixels there are."""
    found = project_for(request.user, project)
    explored = _explored(request, _form(request, found))
    return json_answer(request, explored.chart) if explored else choose_a_metric()


@login_required
@require_safe
def metrics_explore_csv(request: HttpRequest, project: str) -> HttpResponse:
    """The explorer's lines as CSV."""
    found = project_for(request.user, project)
    explored = _explored(request, _form(request, found))
    if explored is None:
        return choose_a_metric()
    response = HttpResponse(to_csv(*as_rows(explored)), content_type="text/csv; charset=utf-8")
    name = slugify(f"{found.slug}-{explored.query.subject.key}") or "metric"
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response
