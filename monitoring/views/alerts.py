"""Pages of alerts: the history of what fired, one alert, and "was this useful?"."""

from datetime import timedelta
from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from deployments.models import Project, Role, User
from deployments.selectors import project_for
from monitoring import services
from monitoring.forms.rules import AnswerForm
from monitoring.models import Alert, AlertRule, AlertState
from monitoring.selectors.alerts import alerts_of_project
from monitoring.selectors.previews import preview_of_alert
from monitoring.selectors.rule_words import value_words
from monitoring.views.common import rights

PAGE = 50
#: What is shown before an alert began and after it ended.
AROUND = timedelta(hours=1)
ALERT_PARTS = (
    "rule__project", "rule__environment", "rule__metric", "rule__health_check__environment",
    "rule__objective__environment", "rule__objective__health_check", "environment", "series", "answered_by",
    "occurrence__issue__project",
)  # fmt: skip
STATES = {"": "", "firing": AlertState.FIRING, "resolved": AlertState.RESOLVED}


def _found(request: HttpRequest, project: str, alert: int, at_least: Role = Role.VIEWER) -> tuple[Project, Alert]:
    found = project_for(request.user, project, at_least=at_least)
    rows = Alert.objects.visible_to(request.user).of(found).fired().select_related(*ALERT_PARTS)
    row = rows.filter(pk=alert).first()
    if row is None:
        raise Http404("No such alert.")
    return found, row


@login_required
@require_safe
def alert_history(request: HttpRequest, project: str) -> HttpResponse:
    """What fired, the latest first; narrowed and paged by the address."""
    found, now = project_for(request.user, project), timezone.now()
    state, rule, before = (request.GET.get(name, "") for name in ("state", "rule", "before"))
    rule_id = int(rule) if rule.isascii() and rule.isdigit() and len(rule) < 10 else None
    rows = alerts_of_project(found, rule=rule_id, state=STATES.get(state, ""))
    if before.isascii() and before.isdigit() and len(before) < 16:
        last = Alert.objects.of(found).filter(pk=int(before)).first()
        rows = rows.filter(fired_at__lt=last.fired_at) if last and last.fired_at else rows
    shown = list(rows[: PAGE + 1])
    context = {
        "project": found,
        "alerts": shown[:PAGE],
        "older": shown[PAGE - 1].pk if len(shown) > PAGE else None,
        "state": state if state in STATES else "",
        "rule": AlertRule.objects.of(found).filter(pk=rule_id).first() if rule_id else None,
        "now": now,
        **rights(request, found),
    }
    return render(request, "monitoring/alert_history.html", context)


@login_required
@require_safe
def alert(request: HttpRequest, project: str, alert: int) -> HttpResponse:
    """One alert: what was found, how it went, and whether it was useful."""
    found, row = _found(request, project, alert)
    now = timezone.now()
    end = min((row.resolved_at or now) + AROUND, now)
    context = {
        "project": found,
        "alert": row,
        "rule": row.rule,
        "value": value_words(row.rule, row.value),
        "worst": value_words(row.rule, row.worst),
        "latest": value_words(row.rule, row.latest),
        "preview": preview_of_alert(row, start=row.began_at - AROUND, end=end),
        "now": now,
        **rights(request, found),
    }
    return render(request, "monitoring/alert.html", context)


@login_required
@require_POST
def alert_answer(request: HttpRequest, project: str, alert: int) -> HttpResponse:
    """Keep what somebody says of a firing."""
    found, row = _found(request, project, alert, Role.RESPONDER)
    form = AnswerForm(request.POST)
    if form.is_valid():
        given = form.cleaned_data
        user = cast(User, request.user)
        services.answer_alert(alert=row, answer=given["answer"], word=given["word"], user=user, now=timezone.now())
        messages.success(request, f"Thank you: that counts for the rule {row.rule.name}.")
    else:
        messages.error(request, "Not kept: say yes, no or too late, and at most 300 characters.")
    wanted = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(wanted, allowed_hosts=None) and wanted.startswith("/"):
        return redirect(wanted)
    return redirect("alert", project=found.slug, alert=row.pk)
