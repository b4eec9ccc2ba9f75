"""Pages of sources: what arrives and what was refused, and how to connect one; and the limit of series."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from deployments.models import Project, Role
from deployments.selectors import project_for
from monitoring import services
from monitoring.forms.sources import LimitForm, SourceForm
from monitoring.models import Source
from monitoring.selectors.connecting import ways_in
from monitoring.selectors.sources import room_of, source_rows, sources_sentence
from monitoring.views.common import environments_of, rights
from postdeploy.lib.htmx import live_page
from postdeploy.lib.sheets import sheet_of

#: Sources on one sheet of the list.
PAGE = 50


def _found_source(request: HttpRequest, project: str, source: int) -> tuple[Project, Source]:
    found = project_for(request.user, project, at_least=Role.MAINTAINER)
    rows = Source.objects.visible_to(request.user).of(found).select_related("environment", "token")
    row = rows.filter(pk=source).first()
    if row is None:
        raise Http404("No such source.")
    return found, row


@login_required
@require_safe
def sources(request: HttpRequest, project: str) -> HttpResponse:
    """What arrives, from whom, what of it was refused and why; below, how to connect."""
    found, now = project_for(request.user, project), timezone.now()
    rows, text = source_rows(found, now=now), request.GET.get("q", "")[:200]
    sheet = sheet_of([row for row in rows if row.is_named(text)], request.GET.get("page", ""), PAGE)
    context = {
        "project": found,
        "rows": sheet.rows,
        "sheet": sheet,
        "total": len(rows),
        "text": text,
        "sentence": sources_sentence(rows),
        "room": room_of(found),
        "ways": ways_in(found, environments_of(request, found).order_by("created_at", "pk").first()),
        "now": now,
        **rights(request, found),
    }
    return live_page(request, "monitoring/sources.html", context, part="sources-list")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def sender_edit(request: HttpRequest, project: str, source: int) -> HttpResponse:
    """Say where samples belong that name no environment."""
    found, row = _found_source(request, project, source)
    form = SourceForm(row, environments_of(request, found), request.POST or None)
    if request.method == "POST" and form.is_valid():
        services.set_environment(source=row, environment=form.cleaned_data["environment"])
        messages.success(request, f"{row.name} is saved: it counts from the next samples on.")
        return redirect("sources", project=found.slug)
    context = {"project": found, "source": row, "form": form}
    return render(request, "monitoring/source_form.html", context, status=400 if form.errors else 200)


@login_required
@require_POST
def sender_forget(request: HttpRequest, project: str, source: int) -> HttpResponse:
    """Begin counting refusals anew."""
    found, row = _found_source(request, project, source)
    services.forget_refusals(source=row)
    messages.success(request, f"What was refused of {row.name} is forgotten: what comes now is counted anew.")
    return redirect("sources", project=found.slug)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def series_limit_edit(request: HttpRequest, project: str) -> HttpResponse:
    """Say how many series the project may have."""
    found = project_for(request.user, project, at_least=Role.MAINTAINER)
    room = room_of(found)
    form = LimitForm(request.POST or None, initial={"max_series": room.most})
    if request.method == "POST" and form.is_valid():
        most = form.cleaned_data["max_series"]
        services.set_max_series(project=found, max_series=most)
        full = f" It has {room.used:,}: they stay, new ones are refused." if room.used >= most else ""
        messages.success(request, f"{found.name} may have {most:,} series.{full}")
        return redirect("sources", project=found.slug)
    context = {"project": found, "form": form, "room": room}
    return render(request, "monitoring/series_limit_form.html", context, status=400 if form.errors else 200)
