"""The page of settings that says how environments are watched."""

import uuid

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from deployments.models import Deployment, Project, Role
from deployments.selectors import project_for
from monitoring import selectors, services
from monitoring.forms import PolicyForm
from monitoring.views.common import environments_of, rights
from monitoring.watch import BAD


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
    references = selectors.references_for(policies)
    return [PolicyForm(policy, references.get(policy.environment_id, ()), data) for policy in policies]


def _save_policies(forms: list[PolicyForm]) -> bool:
    """Save all or none; False when one was refused, and its form says why."""
    now = timezone.now()
    form = None
    try:
        with transaction.atomic():
            for form in forms:
                services.save_policy(environment=form.policy.environment, now=now, **form.cleaned_data)
    except ValidationError as refusal:
        assert form  # it was raised for one
        form.add_error(None, refusal)
        return False
    return True


def _warn_of_a_bad_one(request: HttpRequest, deployment: Deployment) -> None:
    """Nothing forbids it: people know more than verdicts do. But what got worse under it is then no regression."""
    now = timezone.now()
    found = selectors.watch_states([deployment], now)[deployment.pk].state
    if found.upper() in BAD:
        messages.warning(request, f"It was found {found}: what got worse under it counts as how it should be.")


@login_required
@require_POST
def pin_reference(request: HttpRequest, project: str, deployment: uuid.UUID) -> HttpResponse:
    """Compare later deployments with this one instead of with the hours before."""
    found = project_for(request.user, project, at_least=Role.MAINTAINER)
    rows = Deployment.objects.visible_to(request.user).of(found).select_related("environment")
    row = get_object_or_404(rows, pk=deployment)
    try:
        services.pin_reference(deployment=row, now=timezone.now())
    except ValidationError as refusal:
        messages.error(request, " ".join(refusal.messages))
    else:
        messages.success(request, f"Later deployments to {row.environment.name} are compared with {row.version}.")
        _warn_of_a_bad_one(request, row)
    return redirect("deployment", project=found.slug, deployment=row.pk)
