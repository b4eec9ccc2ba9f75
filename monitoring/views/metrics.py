"""Metrics: all of them, one with its trend, and an environment with all its lines."""

from datetime import datetime
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from deployments.models import Environment, Project
from deployments.selectors import project_for
from monitoring import selectors
from monitoring.forms import SpanForm
from monitoring.forms.explorer import ExplorerForm, number_of, usual_way
from monitoring.models import Metric, MetricCategory
from monitoring.selectors.buckets import WAYS
from monitoring.selectors.drawing import Query
from monitoring.selectors.environment_trends import TrendRow, environment_trends
from monitoring.selectors.metric_list import metrics_page
from monitoring.selectors.subjects import Subject, subject_of, subjects_of
from monitoring.selectors.trends import capacities, trend
from monitoring.views.common import (
    chart_columns,
    choose_a_metric,
    environments_of,
    json_answer,
    rights,
    span_links,
    with_query,
)
from postdeploy.lib.htmx import live_page

RANGES = ("24h", "7d", "30d", "90d")
#: Where per cent are full, if nobody says otherwise.
WHOLE = 100.0


def _environments(request: HttpRequest, project: Project) -> list[Environment]:
    return list(environments_of(request, project).order_by("created_at", "pk"))


@login_required
@require_safe
def metric_list(request: HttpRequest, project: str) -> HttpResponse:
    """All metrics, with the latest value in each environment."""
    found, now = project_for(request.user, project), timezone.now()
    environments = _environments(request, found)
    wanted = {"text": request.GET.get("q", "")[:200], "category": request.GET.get("category", "")}
    context = {
        "project": found,
        "page": metrics_page(found, environments, now=now, page=request.GET.get("page", ""), **wanted),
        "filter": wanted,
        "categories": [
            (value, label, with_query(request, category=value, page=None)) for value, label in MetricCategory.choices
        ],
        "all_url": with_query(request, category=None, page=None),
        "push_snippet": selectors.push_line(environments[0], "orders") if environments else "",
        "report_snippet": selectors.report_line(found),
        "now": now,
        **rights(request, found),
    }
    return live_page(request, "monitoring/metrics.html", context, part="metrics-list")


@login_required
@require_safe
def metric(request: HttpRequest, project: str, metric: int) -> HttpResponse:
    """One metric in one environment: its trend, its releases, what grew, and when it is full."""
    found, now = project_for(request.user, project), timezone.now()
    row = Metric.objects.visible_to(request.user).of(found).filter(pk=metric).first()
    if row is None:
        raise Http404("No such metric.")
    subject = subject_of(row)
    form = ExplorerForm(request.GET, [subject], _environments(request, found))
    query = _trend_query(request, form, subject, now)
    context: dict[str, Any] = {
        "project": found,
        "metric": row,
        "subject": subject,
        "now": now,
        **rights(request, found),
    }
    if query:
        context |= {
            "trend": trend(query),
            "environment": query.environments[0],
            "environments": [(e, with_query(request, environment=e.name)) for e in form.known],
            "ways": WAYS.items(),
            "how_word": WAYS[query.how],
            "capacity": _capacity(request, query, row, now),
            "limit_text": request.GET.get("limit", "")[:30],
            **span_links(request, query.span, RANGES),
        }
    return live_page(request, "monitoring/metric.html", context, part="metric")


def _trend_query(request: HttpRequest, form: ExplorerForm, subject: Subject, now: datetime) -> Query | None:
    """One environment: the one that is named, else the first in which something is measured."""
    if not form.known:
        return None
    how = request.GET.get("how", "")
    return Query(
        subject=subject,
        environments=form.environments[:1],
        span=SpanForm(request.GET).span(now, "7d"),
        how=how if how in WAYS else usual_way(subject),
        labels=form.labels,
        columns=chart_columns(request),
    )


def _capacity(request: HttpRequest, query: Query, row: Metric, now: datetime) -> Any:
    """What the address, the metric or its unit says is full; None where nothing does."""
    limit = number_of(request.GET, "limit")
    if limit is None:
        limit = row.capacity_limit
    if limit is None and row.unit == "%" and row.kind == "CPU":
        limit = WHOLE
    if limit is None:
        return None
    return capacities(query.subject, query.environments, limit=limit, now=now, labels=dict(query.labels))


@login_required
@require_safe
def metric_data(request: HttpRequest, project: str) -> HttpResponse:
    """The chart of a trend as JSON: of a metric, or of what checks measure, in one environment."""
    found = project_for(request.user, project)
    form = ExplorerForm(request.GET, subjects_of(found), _environments(request, found))
    subject = form.subject
    query = _trend_query(request, form, subject, timezone.now()) if subject else None
    return json_answer(request, trend(query).chart) if query else choose_a_metric()


@login_required
@require_safe
def metrics_environment(request: HttpRequest, project: str, environment: int) -> HttpResponse:
    """All lines of one environment beneath each other, and what grew."""
    found, now = project_for(request.user, project), timezone.now()
    environments = _environments(request, found)
    row = next((one for one in environments if one.pk == environment), None)
    if row is None:
        raise Http404("No such environment.")
    span = SpanForm(request.GET).span(now, "7d")
    page = environment_trends(found, row, span)
    context = {
        "project": found,
        "environment": row,
        "environments": environments,
        "page": page,
        "lines": [(line, _source(request, found, row, line)) for line in page.rows],
        "query": _span_query(request).urlencode(),
        "now": now,
        **span_links(request, span, RANGES),
        **rights(request, found),
    }
    return live_page(request, "monitoring/environment_trends.html", context, part="trends")


def _span_query(request: HttpRequest) -> QueryDict:
    values = request.GET.copy()
    for name in set(values) - {"over", "from", "to"}:
        del values[name]
    return values


def _source(request: HttpRequest, project: Project, environment: Environment, line: TrendRow) -> str:
    """Where the chart of a line fetches its data."""
    values = _span_query(request)
    values["metric"], values["environment"] = line.subject.key, environment.name
    if line.check_name:
        values["label"] = f"check:{line.check_name}"
    return f"{reverse('metric_data', args=[project.slug])}?{values.urlencode()}"
