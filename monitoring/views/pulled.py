"""Pages of the sources that we fetch from: one source, its form, and what is done to it."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from deployments.models import Project, Role
from deployments.selectors import project_for
from monitoring import services, store
from monitoring.forms.pulled import FORMS, PromqlForm, PulledForm, form_of
from monitoring.models import Source
from monitoring.pulls import ConfigRefused, PromqlQueries, Scrape, Trial, try_promql, try_scrape
from monitoring.selectors.sources import room_of
from monitoring.views.common import environments_of, rights
from postdeploy.lib.htmx import live_page
from postdeploy.lib.http import RequestRefused


@login_required
@require_safe
def pulled_source(request: HttpRequest, project: str, source: int) -> HttpResponse:
    """One source that we fetch from: how it went, what was refused, what is asked."""
    found, row = _found(request, project, source)
    context = {
        "project": found,
        "source": row,
        "refusals": list(row.refusals.all()),
        # the sentence of the latest fetch ends so; the count below is of all fetches
        "is_partly": row.latest_detail.endswith(" refused."),
        "behind": _behind(row),
        "now": timezone.now(),
        **rights(request, found),
    }
    return live_page(request, "monitoring/pulled_source.html", context, part="pulled-source")


def _behind(source: Source) -> timedelta | None:
    """How much of the past is still to be fetched; None when it is all there."""
    if source.pulled_until is None or source.is_paused:
        return None
    late = timezone.now() - source.pulled_until
    return late if late > timedelta(seconds=3 * source.interval_seconds) else None


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def pulled_add(request: HttpRequest, project: str, kind: str) -> HttpResponse:
    """Add a source that we fetch from; the button Try it fetches once and stores nothing."""
    found = project_for(request.user, project, at_least=Role.MAINTAINER)
    if kind not in FORMS:
        raise Http404("No such kind of source.")
    form = FORMS[kind](environments_of(request, found), request.POST or None, project=found)
    return _edit(request, found, form, None)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def pulled_edit(request: HttpRequest, project: str, source: int) -> HttpResponse:
    """Change a source that we fetch from."""
    found, row = _found(request, project, source, Role.MAINTAINER)
    form = form_of(row)(environments_of(request, found), request.POST or None, project=found, source=row)
    return _edit(request, found, form, row)


def _edit(request: HttpRequest, project: Project, form: PulledForm, row: Source | None) -> HttpResponse:
    context: dict[str, Any] = {"project": project, "form": form, "source": row, "kind": form.kind.label}
    status = 200
    if form.is_bound:
        if form.is_valid() and "try" in request.POST:
            context |= _tried(form, project)
        elif form.is_valid() and (saved := _saved(project, form, row)):
            messages.success(request, f"{saved.name} is saved and is fetched in a moment.")
            return redirect("pulled_source", project=project.slug, source=saved.pk)
        else:
            status = 400
    return render(request, "monitoring/pulled_form.html", context, status=status)


def _saved(project: Project, form: PulledForm, row: Source | None) -> Source | None:
    now, facts = timezone.now(), form.facts()
    backfill = form.backfill_of() if isinstance(form, PromqlForm) else timedelta()
    try:
        if row is not None:
            return services.change_pulled_source(source=row, facts=facts, now=now)
        return services.add_pulled_source(project=project, kind=form.kind, facts=facts, now=now, backfill=backfill)
    except ConfigRefused as refused:  # somebody was quicker
        form.refuse(refused)
        return None


def _tried(form: PulledForm, project: Project) -> dict[str, Any]:
    now_us, definition = store.microseconds(timezone.now()), form.definition()
    try:
        trial = _try(definition, now_us)
    except RequestRefused as refused:
        form.add_error(None, str(refused))
        return {}
    return {
        "trial": trial,
        "rehearsal": _rehearsed(form, project, trial),
        "series": len(trial.names),
        "room": room_of(project),
    }


def _rehearsed(form: PulledForm, project: Project, trial: Trial) -> services.Rehearsal:
    environment = form.cleaned_data["environment"]
    return services.rehearse(
        trial.names,
        facts=trial.pulled.batch.facts if trial.pulled.batch else {},
        project_id=project.pk,
        environment=environment.name if environment else "",
        kind=form.kind,
        now=timezone.now(),
    )


def _try(definition: Scrape | PromqlQueries, now_us: int) -> Trial:
    how = {"now_us": now_us, "max_body": settings.PULL_MAX_BYTES}
    if isinstance(definition, Scrape):
        return try_scrape(definition, settings.PROBE_NETWORKS, **how)
    return try_promql(definition, settings.PROBE_NETWORKS, **how)


@login_required
@require_POST
def pulled_pause(request: HttpRequest, project: str, source: int) -> HttpResponse:
    """Fetch a source no more."""
    found, row = _found(request, project, source, Role.RESPONDER)
    services.pause_source(source=row, now=timezone.now())
    messages.info(request, f"{row.name} is paused: nothing is fetched until somebody resumes it.")
    return redirect("pulled_source", project=found.slug, source=row.pk)


@login_required
@require_POST
def pulled_resume(request: HttpRequest, project: str, source: int) -> HttpResponse:
    """Fetch a source again."""
    found, row = _found(request, project, source, Role.RESPONDER)
    services.resume_source(source=row, now=timezone.now())
    messages.success(request, f"{row.name} is fetched again.")
    return redirect("pulled_source", project=found.slug, source=row.pk)


@login_required
@require_POST
def pulled_now(request: HttpRequest, project: str, source: int) -> HttpResponse:
    """Let a source be fetched at once."""
    found, row = _found(request, project, source, Role.RESPONDER)
    if services.pull_soon(source=row, now=timezone.now()):
        messages.info(request, f"{row.name} is fetched in a moment; the page shows what came.")
    else:
        messages.warning(request, f"{row.name} is paused: resume it, and it is fetched at once.")
    return redirect("pulled_source", project=found.slug, source=row.pk)


@login_required
@require_POST
def pulled_delete(request: HttpRequest, project: str, source: int) -> HttpResponse:
    """Delete a source; its samples stay."""
    found, row = _found(request, project, source, Role.MAINTAINER)
    services.delete_pulled_source(source=row)
    messages.success(request, f"{row.name} was deleted; the samples it brought stay.")
    return redirect("sources", project=found.slug)


def _found(request: HttpRequest, project: str, source: int, at_least: Role = Role.VIEWER) -> tuple[Project, Source]:
    """Return the project and the source that is fetched, or 404."""
    found = project_for(request.user, project, at_least=at_least)
    rows = Source.objects.visible_to(request.user).of(found).pulled().select_related("environment")
    row = rows.filter(pk=source).first()
    if row is None:
        raise Http404("No such source.")
    return found, row
