"""Pages of alert rules: the list, one rule, its form with the preview, and what is done to it."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from deployments.models import Project, Role
from deployments.selectors import project_for
from monitoring import services
from monitoring.forms.rules import RuleForm
from monitoring.models import AlertRule
from monitoring.selectors.alerts import STATES, alerts_of_project, rule_rows, rules_page, score_of
from monitoring.selectors.previews import Preview, preview
from monitoring.selectors.rule_words import rule_sentence
from monitoring.selectors.rules import RuleFault
from monitoring.selectors.suggestions import rule_of, suggested_rules, suggestion
from monitoring.views.common import environments_of, rights, with_query
from postdeploy.lib.htmx import live_page

#: Alerts that the page of one rule shows; the history has them all.
SHOWN = 25
RULE_PARTS = ("project", "environment", "metric", "health_check__environment", "objective__environment")


def found_rule(
    request: HttpRequest, project: str, rule: int, at_least: Role = Role.VIEWER
) -> tuple[Project, AlertRule]:
    """Return the project and the rule, or 404."""
    found = project_for(request.user, project, at_least=at_least)
    rows = AlertRule.objects.visible_to(request.user).of(found).select_related(*RULE_PARTS)
    row = rows.filter(pk=rule).first()
    if row is None:
        raise Http404("No such rule.")
    return found, row


@login_required
@require_safe
def alerts(request: HttpRequest, project: str) -> HttpResponse:
    """The list of rules: which fire now, how often they did, and whether it was worth it."""
    found, now = project_for(request.user, project), timezone.now()
    wanted = {"text": request.GET.get("q", "")[:200], "state": request.GET.get("state", "")}
    wanted["state"] = wanted["state"] if wanted["state"] in STATES else ""
    rows = AlertRule.objects.visible_to(request.user).of(found)
    page = rules_page(rows, now=now, page=request.GET.get("page", ""), **wanted)
    may = rights(request, found)
    context = {
        "project": found,
        "page": page,
        "filter": wanted,
        "states": [(name, with_query(request, state=name, page=None), count) for name, count in page.counts.items()],
        "all_url": with_query(request, state=None, page=None),
        "suggestions": suggested_rules(found) if may["may_maintain"] else [],
        "now": now,
        **may,
    }
    return live_page(request, "monitoring/alerts.html", context, part="rules-list")


@login_required
@require_safe
def rule(request: HttpRequest, project: str, rule: int) -> HttpResponse:
    """One rule: what it asks, what it did, and what it would have done in the last week."""
    found, row = found_rule(request, project, rule)
    now = timezone.now()
    of_rule = alerts_of_project(found, rule=row.pk)
    context = {
        "project": found,
        "rule": row,
        "row": rule_rows(AlertRule.objects.filter(pk=row.pk), now=now)[0],
        "sentence": rule_sentence(row),
        "preview": _seen(row),
        "alerts": of_rule[:SHOWN],
        "has_more": of_rule[SHOWN : SHOWN + 1].exists(),
        "score": score_of(row),
        "now": now,
        **rights(request, found),
    }
    return render(request, "monitoring/rule.html", context)


def _seen(rule: AlertRule) -> Preview | str:
    """Return what the rule would have done, or why that cannot be said."""
    try:
        return preview(rule, now=timezone.now())
    except RuleFault as fault:
        return str(fault)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def rule_add(request: HttpRequest, project: str) -> HttpResponse:
    """Add a rule; the preview says what it would have done."""
    found = project_for(request.user, project, at_least=Role.MAINTAINER)
    ready = suggestion(found, request.GET.get("suggestion", ""))
    form = RuleForm(
        found, environments_of(request, found), request.POST or None, rule=rule_of(found, ready) if ready else None
    )
    return _edit(request, found, form, None)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def rule_edit(request: HttpRequest, project: str, rule: int) -> HttpResponse:
    """Change a rule."""
    found, row = found_rule(request, project, rule, Role.MAINTAINER)
    form = RuleForm(found, environments_of(request, found), request.POST or None, rule=row)
    return _edit(request, found, form, row)


def _edit(request: HttpRequest, project: Project, form: RuleForm, row: AlertRule | None) -> HttpResponse:
    context: dict[str, Any] = {"project": project, "form": form, "rule": row}
    status = 200
    if form.is_bound:
        if form.is_valid() and "try" in request.POST:
            context["preview"] = _previewed(project, form, row)
        elif form.is_valid() and (saved := _saved(project, form, row)):
            messages.success(request, f"{saved.name} is saved and is judged in a moment.")
            return redirect("rule", project=project.slug, rule=saved.pk)
        else:
            status = 400
    return render(request, "monitoring/rule_form.html", context, status=status)


def _saved(project: Project, form: RuleForm, row: AlertRule | None) -> AlertRule | None:
    try:
        return services.save_rule(project=project, now=timezone.now(), rule=row, **form.definition())
    except ValidationError as error:
        form.refuse(error)
        return None


def _previewed(project: Project, form: RuleForm, row: AlertRule | None) -> Preview | str:
    asked = AlertRule(project=project, **form.definition())
    services.complete_rule(asked)
    try:
        services.refuse_senseless(asked)
    except ValidationError as error:
        form.refuse(error)
        return "Mend what is marked to see what it would have done."
    return _seen(asked)


@login_required
@require_POST
def rule_preview(request: HttpRequest, project: str) -> HttpResponse:
    """Say what a rule that is being typed would have done; nothing is stored."""
    found = project_for(request.user, project, at_least=Role.MAINTAINER)
    form = RuleForm(found, environments_of(request, found), request.POST)
    is_touched = any(request.POST.get(name) for name in ("subject", "objective", "threshold"))
    result: Preview | str = _waiting_for(form) if is_touched else ""
    if form.is_valid():
        result = _previewed(found, form, None)
        result = _waiting_for(form) if form.errors else result
    context = {"project": found, "preview": result, "now": timezone.now()}
    return render(request, "monitoring/_rule_preview.html", context)


def _waiting_for(form: RuleForm) -> str:
    """Say what is missing: the first thing is enough while somebody types."""
    for name in form.fields:
        if sentences := form.errors.get(name):
            return f"{form[name].label}: {sentences[0]}"
    return " ".join(map(str, form.non_field_errors()))


@login_required
@require_POST
def rule_suggested(request: HttpRequest, project: str) -> HttpResponse:
    """Take a ready-made rule with one click."""
    found = project_for(request.user, project, at_least=Role.MAINTAINER)
    one = suggestion(found, request.POST.get("key", ""))
    if one is None:
        messages.error(request, "No rule was added: that one is there already, or what it looks at is gone.")
        return redirect("alerts", project=found.slug)
    ready = rule_of(found, one)
    fields = {name: getattr(ready, name) for name in (*one.definition, "name")}
    saved = services.save_rule(project=found, now=timezone.now(), **fields)
    messages.success(request, f"{saved.name} is added and is judged in a moment.")
    return redirect("rule", project=found.slug, rule=saved.pk)


ACTS = {
    "pause": (services.pause_rule, "{} is paused: nothing is judged until somebody resumes it."),
    "resume": (services.resume_rule, "{} is judged again."),
    "mute": (services.mute_rule, "{} is muted: it is judged, but nobody is told."),
    "unmute": (services.unmute_rule, "{} tells people again."),
}


@login_required
@require_POST
def rule_switch(request: HttpRequest, project: str, rule: int) -> HttpResponse:
    """Pause, resume, mute or unmute a rule."""
    found, row = found_rule(request, project, rule, Role.RESPONDER)
    act = ACTS.get(request.POST.get("act", ""))
    if act is None:
        messages.error(request, "Nothing was done: choose pause, resume, mute or unmute.")
        return redirect("rule", project=found.slug, rule=row.pk)
    change, sentence = act
    is_changed = change(rule=row, now=timezone.now())
    messages.info(request, sentence.format(row.name) if is_changed else f"Nothing changed: {row.name} was so already.")
    return redirect("rule", project=found.slug, rule=row.pk)


@login_required
@require_POST
def rule_delete(request: HttpRequest, project: str, rule: int) -> HttpResponse:
    """Delete a rule."""
    found, row = found_rule(request, project, rule, Role.MAINTAINER)
    services.delete_rule(rule=row)
    messages.success(request, f"{row.name} was deleted; the issues it opened stay.")
    return redirect("alerts", project=found.slug)
