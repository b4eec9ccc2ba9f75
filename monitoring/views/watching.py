"""The page of settings that says how environments are watched."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from deployments.models import Project, Role
from deployments.selectors import project_for
from monitoring import selectors, services
from monitoring.forms import PolicyForm
from monitoring.views.common import environments_of, rights


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def settings_watching(request: HttpRequest, project: str) -> HttpResponse:
    """How long and how often each environment is watched after a deployment."""
    found = project_for(request.user, project, at_least=Role.MAINTAINER)
    data = request.POST if request.method == "POST" else None
    forms = _policy_forms(request, found, data)
    if data is not None and all(form.is_valid() for form in forms) and _save_policies(forms):
        messages.success(request, "Saved. Periods that run already keep the policy they began with.")
        return redirect("settings_watching", project=found.slug)
    context = {"project": found, "forms": forms, "networks": settings.PROBE_NETWORKS, **rights(request, found)}
    return render(request, "monitoring/watching.html", context, status=200 if data is None else 400)


def _policy_forms(request: HttpRequest, project: Project, data: QueryDict | None) -> list[PolicyForm]:
    policies = selectors.policies_of(list(environments_of(request, project)))
    return [PolicyForm(policy, data) for policy in policies]


def _save_policies(forms: list[PolicyForm]) -> bool:
    now = timezone.now()
    with transaction.atomic():
        for form in forms:
            services.save_policy(environment=form.policy.environment, now=now, **form.cleaned_data)
    return True
