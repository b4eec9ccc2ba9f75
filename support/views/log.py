"""The issue log, a new issue, and the page of one."""

import json
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from deployments.models import Deployment, Environment, Project, Role
from deployments.selectors import project_for
from issues import process
from issues.models import Issue, Severity
from issues.selectors import alerts_of
from issues.services import open_issue
from postdeploy.lib.htmx import live_page
from support import selectors
from support.forms import CommentForm, IssueForm, LogForm, responders
from support.selectors import LogFilter
from support.services import ensure_tiers
from support.views.common import actor, issue_or_404, person, rights

WHY_EMPTY = {
    "mine": "You own no open issue. Open one of the others and press Take it.",
    "unowned": "Every open issue has an owner.",
    "proof": "Nothing that was resolved waits to be proven.",
    "verified": "What was resolved and proven is kept here.",
}


@login_required
@require_safe
def issues(request: HttpRequest, project: str) -> HttpResponse:
    """The issue log, narrowed by the address."""
    found, now = project_for(request.user, project), timezone.now()
    form = LogForm(found, request.GET)
    try:
        log = selectors.issue_log(person(request), found, _filter(form))
    except ValueError as error:
        form.add_error("tier", str(error))
        log = selectors.issue_log(person(request), found, LogFilter())
    context = {
        "project": found,
        "form": form,
        "log": log,
        "environments": Environment.objects.visible_to(request.user).of(found),
        "tiers": ensure_tiers(found),
        "without_deployment": log.filter.query(deployment=None),
        "snippet": _snippet(found),
        "why_empty": WHY_EMPTY.get(log.filter.status, "No issue has this status."),
        "now": now,
        **rights(request, found),
    }
    return live_page(request, "support/issues.html", context, part="issue-log")


def _snippet(project: Project) -> str:
    """Return the line that opens an issue from a pipeline or a script."""
    body = {"project": project.slug, "title": "Mails arrive late", "severity": "major"}
    return (
        f"curl -fsS -X POST {settings.SITE_URL}/api/v1/issues \\\n"
        f'  -H "Authorization: Bearer $POSTDEPLOY_TOKEN" -H "Content-Type: application/json" \\\n'
        f"  -d '{json.dumps(body)}'"
    )


def _filter(form: LogForm) -> LogFilter:
    """Return what the form means; a part that cannot be read is told on the page and left out."""
    form.is_valid()
    given = form.cleaned_data
    return LogFilter(
        status=given.get("status") or "open",
        severity=given.get("severity", ""),
        environment=given.get("environment", ""),
        deployment=given.get("deployment"),
        tier=given.get("tier", ""),
        text=given.get("q", ""),
        after=given.get("after", ""),
    )


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def issue_add(request: HttpRequest, project: str) -> HttpResponse:
    """Open an issue by hand."""
    found = project_for(request.user, project, at_least=Role.RESPONDER)
    wanted = _wanted_deployment(found, request.GET.get("deployment", ""))
    initial = {"deployment": wanted, "environment": wanted.environment if wanted else None, "severity": Severity.MAJOR}
    form = IssueForm(found, request.POST or None, initial=initial, chosen=wanted)
    if request.method == "POST" and form.is_valid():
        by = actor(request, found)
        issue = open_issue(project=found, now=timezone.now(), actor=by, **form.cleaned_data)
        return redirect("issue", project=found.slug, reference=issue.reference)
    status = 400 if form.is_bound else 200
    return render(request, "support/issue_form.html", {"project": found, "form": form}, status=status)


def _wanted_deployment(project: Project, key: str) -> Deployment | None:
    """Return the deployment that the address names, None for anything else."""
    try:
        return project.deployments.select_related("environment").filter(pk=UUID(key)).first()
    except ValueError:
        return None


@login_required
@require_safe
def issue(request: HttpRequest, project: str, reference: str) -> HttpResponse:
    """One issue: where it stands in the process, whether it is gone, what happened, who has it."""
    found = project_for(request.user, project)
    row = issue_or_404(request, found, reference)
    if row.reference != reference:
        return redirect("issue", project=found.slug, reference=row.reference, permanent=True)
    return issue_page(request, found, row)


def issue_page(
    request: HttpRequest, project: Project, issue: Issue, *, status: int = 200, **extra: Any
) -> HttpResponse:
    """Render the page of `issue`; `extra` is what a refused action has to say on it."""
    now, may = timezone.now(), rights(request, project)
    context = {
        "project": project,
        "issue": issue,
        "story": selectors.issue_story(issue, tiers=ensure_tiers(project), reader=request.user, now=now),
        "alerts": alerts_of(issue),
        "targets": process.targets(issue.status, may["role"]),
        "people": responders(project) if may["may_work"] else [],
        "severities": Severity,
        "comment": CommentForm(),
        "now": now,
        **may,
        **extra,
    }
    return live_page(request, "support/issue.html", context, part="issue-page", status=status)
