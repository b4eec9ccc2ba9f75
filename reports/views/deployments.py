"""Deployments: the list, and the page of one with all that is known of it."""

import uuid
from datetime import datetime
from typing import cast
from urllib.parse import quote

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from deployments.models import Deployment, Project, Role, User
from deployments.selectors import project_for, role_in
from monitoring.selectors.blame import blame_of
from postdeploy.lib.htmx import live_page
from reports import links, selectors, services, snippets
from reports.deployment_view import DeploymentView, deployment_view
from reports.forms import DeploymentsForm, LessonForm, RulingForm, TimelineForm
from reports.selectors import BadPosition


@login_required
@require_safe
def deployments(request: HttpRequest, project: str) -> HttpResponse:
    """The list of deployments, narrowed by the address."""
    found, now = project_for(request.user, project), timezone.now()
    form = DeploymentsForm(request.GET)
    wanted = form.wanted()
    place = {name: form.cleaned_data.get(name, "") for name in ("before", "after")}
    try:
        page = selectors.deployments_page(request.user, found, wanted, now=now, **place)
    except BadPosition as error:
        raise BadRequest(str(error)) from error
    filters = {
        "environment": wanted.environment,
        "status": wanted.status,
        "verdict": wanted.verdict,
        "version": wanted.version,
    }
    context = {
        "project": found,
        "form": form,
        "filter": wanted,
        "page": page,
        "newer_url": links.deployments(found.slug, **filters, after=page.newer) if page.newer else "",
        "older_url": links.deployments(found.slug, **filters, before=page.older) if page.older else "",
        "snippet": snippets.report_line(found.slug, wanted.environment or "production"),
        "now": now,
    }
    return live_page(request, "reports/deployments.html", context, part="deployments")


@login_required
@require_safe
def deployment(request: HttpRequest, project: str, deployment: uuid.UUID) -> HttpResponse:
    """All that is known of one deployment."""
    found = project_for(request.user, project)
    return deployment_page(request, found, deployment_or_404(request, found, deployment), lesson=LessonForm())


@login_required
@require_POST
def lesson_add(request: HttpRequest, project: str, deployment: uuid.UUID) -> HttpResponse:
    """Write down a lesson learned."""
    found = project_for(request.user, project, at_least=Role.RESPONDER)
    row = deployment_or_404(request, found, deployment)
    form = LessonForm(request.POST)
    if not form.is_valid():
        return deployment_page(request, found, row, lesson=form, status=400)
    try:
        services.write_lesson(deployment=row, author=cast(User, request.user), now=timezone.now(), **form.cleaned_data)
    except services.LessonRefused as refused:
        form.add_error("text", str(refused))
        return deployment_page(request, found, row, lesson=form, status=400)
    messages.success(request, "The lesson is kept, and will stand in the summary in a moment.")
    return redirect(reverse("deployment", args=[found.slug, row.pk]) + "#lessons")


def deployment_or_404(request: HttpRequest, project: Project, key: uuid.UUID) -> Deployment:
    """Return a deployment of `project` that the reader may see."""
    rows = Deployment.objects.visible_to(request.user).of(project)
    row = rows.select_related("project", "environment__policy", "rolls_back").filter(pk=key).first()
    if row is None:
        raise Http404("No such deployment.")
    return row


def deployment_page(
    request: HttpRequest,
    project: Project,
    row: Deployment,
    *,
    lesson: LessonForm,
    ruling: RulingForm | None = None,
    status: int = 200,
) -> HttpResponse:
    """Render the page of one deployment; `lesson` and `ruling` are the forms as they were left."""
    now = timezone.now()
    view = _view(request, row, now)
    role = role_in(project, request.user)
    context = {
        "project": project,
        "deployment": row,
        "view": view,
        "story": view.story,
        "blame": blame_of(look, request.user) if (look := view.story.standing_look) else [],
        "lesson": lesson,
        "rulings": view.story.rulings,
        "ruling": ruling,
        "may_work": role.covers(Role.RESPONDER),
        "may_maintain": role.covers(Role.MAINTAINER),
        "environment_query": quote(row.environment.name, safe=""),
        "permalink": request.build_absolute_uri(reverse("deployment", args=[project.slug, row.pk])),
        "now": now,
    }
    return live_page(request, "reports/deployment.html", context, part="live", status=status)


def _view(request: HttpRequest, row: Deployment, now: datetime) -> DeploymentView:
    story = selectors.deployment_story(row, now)
    return deployment_view(story, events=TimelineForm(request.GET).wanted(), user=request.user, now=now)
