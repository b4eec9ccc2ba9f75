"""Deployment Summaries: the list, one on paper, and the files."""

import uuid
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from deployments.models import Deployment, Environment
from deployments.selectors import project_for
from reports import links, selectors, snippets
from reports.exports.formats import FORMATS
from reports.exports.html import paper
from reports.exports.record import from_plain
from reports.models import DeploymentSummary
from reports.responses import summary_response
from reports.selectors import BadPosition
from reports.views.deployments import deployment_or_404


@login_required
@require_safe
def summaries(request: HttpRequest, project: str) -> HttpResponse:
    """The newest summary of each deployment that has ended."""
    found, now = project_for(request.user, project), timezone.now()
    given = {name: request.GET.get(name, "")[:100] for name in ("environment", "before", "after")}
    try:
        page = selectors.summaries_page(request.user, found, now=now, **given)
    except BadPosition as error:
        raise BadRequest(str(error)) from error
    context = {
        "project": found,
        "page": page,
        "environment": given["environment"],
        "environments": Environment.objects.visible_to(request.user).of(found).values_list("name", flat=True),
        "newer_url": links.summaries(found.slug, environment=given["environment"], after=page.newer)
        if page.newer
        else "",
        "older_url": links.summaries(found.slug, environment=given["environment"], before=page.older)
        if page.older
        else "",
        "formats": [(form.ending, form.name) for form in FORMATS.values()],
        "snippet": snippets.report_line(found.slug),
        "now": now,
    }
    return render(request, "reports/summaries.html", context)


@login_required
@require_safe
def summary(request: HttpRequest, project: str, deployment: uuid.UUID) -> HttpResponse:
    """One version of a Deployment Summary, on paper."""
    found, now = project_for(request.user, project), timezone.now()
    row = deployment_or_404(request, found, deployment)
    context: dict[str, Any] = {"project": found, "deployment": row, "now": now}
    chosen = _version(request, row)
    if chosen is None:
        return render(request, "reports/summary_to_come.html", context)
    context |= {
        "summary": chosen,
        "versions": row.summaries.order_by("-version").values("version", "built_at")[:20],
        "formats": FORMATS.values(),
        "snippet": snippets.summary_line(row.pk),
        **paper(from_plain(chosen.content)),
    }
    return render(request, "reports/summary.html", context)


@login_required
@require_safe
def summary_export(request: HttpRequest, project: str, deployment: uuid.UUID, ending: str) -> HttpResponse:
    """One version of a Deployment Summary as a file."""
    found = project_for(request.user, project)
    row = deployment_or_404(request, found, deployment)
    chosen = _version(request, row)
    if ending not in FORMATS or chosen is None:
        raise Http404("There is no such summary.")
    return summary_response(request, chosen, ending)


def _version(request: HttpRequest, deployment: Deployment) -> DeploymentSummary | None:
    """Return the version that the address asks for, the newest without one; Http404 for one that is not there."""
    wanted = request.GET.get("version", "")
    if not wanted:
        return selectors.summary_of(deployment)
    number = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 9 else 0
    found = selectors.summary_of(deployment, version=number)
    if found is None:
        raise Http404("There is no such version.")
    return found
