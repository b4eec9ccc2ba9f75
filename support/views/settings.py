"""Settings of this floor: clocks, people, routing, and the channels with their state."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from deployments.models import Project, Role
from deployments.selectors import project_for
from issues.models import Severity
from postdeploy.lib.htmx import live_page
from postdeploy.lib.secrets import unseal
from support import selectors, services
from support.forms import RulesForm, TierForm, responders
from support.models import NotificationChannel, RoutingRule, SupportTier
from support.views.common import rights


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def settings_support(request: HttpRequest, project: str) -> HttpResponse:
    """Clocks, people, routing and channels of a project."""
    found = project_for(request.user, project, at_least=Role.MAINTAINER)
    tiers = services.ensure_tiers(found)
    data = request.POST if request.method == "POST" else None
    forms, rules = _tier_forms(found, tiers, data), _rules_form(found, tiers, data)
    if data is not None and all(form.is_valid() for form in (*forms, rules)):
        _save(found, tiers, forms, rules)
        messages.success(request, "Saved. Clocks that run already keep their time.")
        return redirect("settings_support", project=found.slug)
    context: dict[str, Any] = {
        "project": found,
        "tier_forms": forms,
        "rules": rules,
        "channels": _channels(request, found),
        "notifications": selectors.latest_notifications(request.user, found)[:10],  # type: ignore[arg-type]
        "new_secret": _new_secret(request),
        "now": timezone.now(),
        **rights(request, found),
    }
    return live_page(
        request, "support/settings.html", context, part="channel-list", status=400 if data is not None else 200
    )


def _tier_forms(project: Project, tiers: list[SupportTier], data: QueryDict | None) -> list[TierForm]:
    people = responders(project)
    last = {tier.track: tier.level for tier in sorted(tiers, key=lambda tier: tier.level)}
    return [TierForm(tier, people, data, is_last=tier.level == last[tier.track]) for tier in tiers]


def _rules_form(project: Project, tiers: list[SupportTier], data: QueryDict | None) -> RulesForm:
    known = dict(RoutingRule.objects.of(project).values_list("severity", "tier_id"))
    chosen = {severity.value: known.get(severity.value, tiers[0].pk) for severity in Severity}
    return RulesForm(tiers, data, chosen=chosen)


def _save(project: Project, tiers: list[SupportTier], forms: list[TierForm], rules: RulesForm) -> None:
    people = {str(user.pk): user for user in responders(project)}
    by_id = {str(tier.pk): tier for tier in tiers}
    with transaction.atomic():
        for form in forms:
            if "clock_seconds" in form.fields:
                services.save_tier(form.tier, clock_seconds=form.cleaned_data["clock_seconds"])
            services.set_members(form.tier, users=[people[key] for key in form.cleaned_data["members"]])
        chosen = {severity: by_id[key] for severity, key in rules.cleaned_data.items()}
        services.save_rules(project, tiers=chosen)


def _new_secret(request: HttpRequest) -> dict[str, str] | None:
    """Return the secret that was just made, for this page and never again; a poll does not use it up."""
    kept = None if request.htmx else request.session.pop("channel_secret", None)  # type: ignore[attr-defined]
    return {"name": kept["name"], "secret": unseal(kept["sealed"])} if kept else None


def _channels(request: HttpRequest, project: Project) -> list[NotificationChannel]:
    rows = NotificationChannel.objects.visible_to(request.user).of(project)
    return list(rows.select_related("tier"))
