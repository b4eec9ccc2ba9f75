"""Replays: asking, watching one run, what it found, switching it on."""

from dataclasses import replace
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from deployments.models import Environment, Project, Role, User
from deployments.selectors import project_for
from monitoring import services
from monitoring.changes import Changes
from monitoring.forms.replays import MORE, ReplayForm
from monitoring.models import Metric, MonitoringPolicy, Replay
from monitoring.selectors.references import references_for
from monitoring.selectors.replays import MOST_DEPLOYMENTS, change_words, report_of
from monitoring.views.common import environments_of, rights
from postdeploy.lib.htmx import live_page

#: Replays that the list shows, and rows of a kind that one of them shows.
LATEST, ROWS = 30, 100


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def replays(request: HttpRequest, project: str) -> HttpResponse:
    """What was asked before, and the form that asks; responders may."""
    is_post = request.method == "POST"
    found = project_for(request.user, project, at_least=Role.RESPONDER if is_post else Role.VIEWER)
    form, wants_more = _form(request, found), MORE in request.POST
    if is_post and not wants_more and form.is_valid() and (asked := _ask(request, found, form)):
        return redirect("replay", project=found.slug, replay=asked.pk)
    rows = Replay.objects.visible_to(request.user).of(found).select_related("environment", "requested_by")[:LATEST]
    context = {
        "project": found,
        "replays": [(row, ", ".join(change_words(Changes.from_json(row.changes)))) for row in rows],
        "form": form,
        "most": MOST_DEPLOYMENTS,
        "now": timezone.now(),
        **rights(request, found),
    }
    return render(request, "monitoring/replays.html", context, status=400 if is_post and not wants_more else 200)


def _form(request: HttpRequest, project: Project) -> ReplayForm:
    """The form as it opens, as it was sent, or with more rows for metrics and all that was typed so far."""
    metrics = list(Metric.objects.visible_to(request.user).of(project).order_by("key").values_list("key", flat=True))
    policies = list(MonitoringPolicy.objects.filter(environment__project=project).order_by("environment__name"))
    by_environment = references_for(policies)
    references = [row for policy in policies for row in by_environment.get(policy.environment_id, [])]
    given = (environments_of(request, project), metrics, references)
    if request.method != "POST":
        return ReplayForm(*given, asked=request.GET)
    return ReplayForm(*given, asked=request.POST) if MORE in request.POST else ReplayForm(*given, request.POST)


def _ask(request: HttpRequest, project: Project, form: ReplayForm) -> Replay | None:
    configured = services.configured_metrics(project).items() if form.cleaned_data["as_configured"] else None
    environment, changes = form.cleaned_data["environment"], form.changes(configured)
    try:
        return services.request_replay(
            project=project,
            environment=environment,
            changes=changes,
            by=cast(User, request.user),
            now=timezone.now(),
        )
    except ValidationError as error:
        if running := _sent_twice(request, project, environment, changes):
            return running
        form.refuse(error)
        return None


def _sent_twice(
    request: HttpRequest, project: Project, environment: Environment | None, changes: Changes
) -> Replay | None:
    """The replay that runs, where it is the very one that this person asks for: a button was pressed twice."""
    running = Replay.objects.of(project).unfinished().filter(requested_by=cast(User, request.user)).first()
    if running is None or running.environment_id != (environment.pk if environment else None):
        return None
    asked = replace(Changes.from_json(running.changes), reference_version="")
    return running if asked == replace(changes, reference_version="") else None


def _found(request: HttpRequest, project: str, replay: int, at_least: Role = Role.VIEWER) -> tuple[Project, Replay]:
    found = project_for(request.user, project, at_least=at_least)
    rows = Replay.objects.visible_to(request.user).of(found)
    row = rows.select_related("project", "environment", "requested_by", "applied_by").filter(pk=replay).first()
    if row is None:
        raise Http404("No such replay.")
    return found, row


@login_required
@require_safe
def replay(request: HttpRequest, project: str, replay: int) -> HttpResponse:
    """One replay: how far it is, and what would have been different."""
    found, row = _found(request, project, replay)
    changes, report = Changes.from_json(row.changes), report_of(row)
    context: dict[str, Any] = {
        "project": found,
        "replay": row,
        "report": report,
        "changes": change_words(changes),
        "changed": report.changed[:ROWS],
        "touched": report.touched[:ROWS],
        "problems": report.problems[:ROWS],
        "noted": report.noted[:ROWS],
        "rows": ROWS,
        "most": MOST_DEPLOYMENTS,
        "can_be_switched_on": changes.can_be_switched_on,
        "now": timezone.now(),
        **rights(request, found),
    }
    return live_page(request, "monitoring/replay.html", context, part="replay")


@login_required
@require_POST
def replay_stop(request: HttpRequest, project: str, replay: int) -> HttpResponse:
    """End a replay before it is done."""
    found, row = _found(request, project, replay, Role.RESPONDER)
    if services.stop_replay(replay=row, now=timezone.now()):
        messages.success(request, "Stopped. What it found so far is kept.")
    else:
        messages.info(request, "It had ended already.")
    return redirect("replay", project=found.slug, replay=row.pk)


@login_required
@require_POST
def replay_switch_on(request: HttpRequest, project: str, replay: int) -> HttpResponse:
    """Save what a replay tried."""
    found, row = _found(request, project, replay, Role.MAINTAINER)
    try:
        services.switch_on(replay=row, by=cast(User, request.user), now=timezone.now())
    except ValidationError as error:
        messages.error(request, f"Not switched on: {' '.join(error.messages)}")
    else:
        messages.success(request, "Switched on. It counts from the next deployment on.")
    return redirect("replay", project=found.slug, replay=row.pk)
