"""The first page, and the first screen of a project."""

from typing import cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from deployments.models import Project, Role, User
from deployments.selectors import project_for, role_in
from postdeploy.lib.htmx import live_page
from reports import selectors, snippets
from reports.navigation import LATEST_PROJECT
from reports.tracks import track_of


@login_required
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Lead to the one project or the one looked at last; list them where there are many, help where there is none."""
    projects = list(Project.objects.visible_to(request.user).order_by("name"))
    latest = request.session.get(LATEST_PROJECT, "")
    wanted = next((row for row in projects if row.slug == latest or len(projects) == 1), None)
    if wanted and "list" not in request.GET:
        return redirect("overview", project=wanted.slug)
    return render(request, "reports/home.html", {"projects": projects, "snippet": snippets.report_line("shop")})


@login_required
@require_safe
def overview(request: HttpRequest, project: str) -> HttpResponse:
    """Is it healthy, who is on it if not, what ran lately, what is not watched."""
    found, now = project_for(request.user, project), timezone.now()
    if request.session.get(LATEST_PROJECT) != found.slug:
        request.session[LATEST_PROJECT] = found.slug
    seen = selectors.overview(found, now)
    context = {
        "project": found,
        "overview": seen,
        "cards": [(card, track_of(card.watch, now) if card.watch else None) for card in seen.cards],
        "snippet": snippets.report_line(found.slug),
        "may_maintain": role_in(found, cast(User, request.user)).covers(Role.MAINTAINER),
        "now": now,
    }
    return live_page(request, "reports/overview.html", context, part="overview")
