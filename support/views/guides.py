"""Support documentation: user guides and technical documents."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from deployments.models import Project, Role
from deployments.selectors import project_for
from postdeploy.lib import markdown
from support import selectors
from support.forms import GuideForm
from support.models import Article, ArticleKind
from support.services import GuideConflict, save_guide
from support.views.common import person, rights


def _guide(request: HttpRequest, project: Project, slug: str) -> Article:
    rows = Article.objects.visible_to(request.user).of(project).select_related("author", "deployment", "project")
    return get_object_or_404(rows, slug=slug)


@login_required
@require_safe
def guides(request: HttpRequest, project: str) -> HttpResponse:
    """All guides by kind."""
    found = project_for(request.user, project)
    rows = Article.objects.visible_to(request.user).of(found)
    context = {"project": found, "groups": selectors.guide_groups(rows), "count": rows.count()}
    return render(request, "support/guides.html", {**context, **rights(request, found)})


@login_required
@require_safe
def guide(request: HttpRequest, project: str, guide: str) -> HttpResponse:
    """One guide."""
    found = project_for(request.user, project)
    row = _guide(request, found, guide)
    context = {"project": found, "guide": row, "html": markdown.render(row.body), "now": timezone.now()}
    return render(request, "support/guide.html", {**context, **rights(request, found)})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def guide_add(request: HttpRequest, project: str) -> HttpResponse:
    """Write a new guide; the button Preview shows it without storing it."""
    found = project_for(request.user, project, at_least=Role.RESPONDER)
    kind = request.GET.get("kind", "")
    initial = {"kind": kind if kind in ArticleKind.values else ArticleKind.FAQ}
    form = GuideForm(found, request.POST or None, initial=initial)
    return _edit(request, found, form, None)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def guide_edit(request: HttpRequest, project: str, guide: str) -> HttpResponse:
    """Change a guide."""
    found = project_for(request.user, project, at_least=Role.RESPONDER)
    row = _guide(request, found, guide)
    names = ("kind", "title", "body", "deployment", "revision")
    initial = {name: getattr(row, name) for name in names}
    form = GuideForm(found, request.POST or None, initial=initial, chosen=row.deployment)
    return _edit(request, found, form, row)


def _edit(request: HttpRequest, project: Project, form: GuideForm, row: Article | None) -> HttpResponse:
    context: dict[str, Any] = {"project": project, "form": form, "guide": row}
    status = 200
    if form.is_bound:
        if not form.is_valid():
            status = 400
        elif "preview" in request.POST:
            context["preview"] = markdown.render(form.cleaned_data["body"])
        else:
            try:
                return _saved(request, project, form, row)
            except GuideConflict as conflict:
                again = request.POST.copy()
                again["revision"] = str(conflict.guide.revision)
                context |= {
                    "form": GuideForm(project, again, chosen=conflict.guide.deployment),
                    "theirs": conflict.guide,
                }
                status = 409
    return render(request, "support/guide_form.html", context, status=status)


def _saved(request: HttpRequest, project: Project, form: GuideForm, row: Article | None) -> HttpResponse:
    given = form.cleaned_data
    guide = save_guide(project=project, guide=row, author=person(request), now=timezone.now(), **given)
    return redirect("guide", project=project.slug, guide=guide.slug)
