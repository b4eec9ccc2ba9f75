"""Was the judge right? What somebody says of a verdict, on the deployment's page."""

import uuid
from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from deployments.models import Deployment, Role, User
from deployments.selectors import project_for
from monitoring import services
from reports.deployment_view import ruling_anchor
from reports.forms import LessonForm, RulingForm
from reports.views.deployments import deployment_or_404, deployment_page


@login_required
@require_POST
def ruling_add(request: HttpRequest, project: str, deployment: uuid.UUID) -> HttpResponse:
    """Keep, replace or withdraw a ruling on a deployment or on one of its findings."""
    found = project_for(request.user, project, at_least=Role.RESPONDER)
    row = deployment_or_404(request, found, deployment)
    key = request.POST.get("key", "").replace("\0", "")
    back = redirect(f"{reverse('deployment', args=[found.slug, row.pk])}#{ruling_anchor(key)}")
    if request.POST.get("withdraw"):
        is_gone = services.withdraw(deployment=row, key=key, now=timezone.now())
        messages.success(request, "Withdrawn." if is_gone else "Nothing had been said.")
        return back
    form = RulingForm(request.POST)
    if not form.is_valid() or not _rule(request, row, form):
        _tell_what_has_no_place(request, form)
        return deployment_page(request, found, row, lesson=LessonForm(), ruling=form, status=400)
    messages.success(request, "Thank you: it is kept with this deployment.")
    return back


def _rule(request: HttpRequest, deployment: Deployment, form: RulingForm) -> bool:
    given = form.cleaned_data | ({} if "seen" in request.POST else {"seen": None})
    try:
        services.rule(deployment=deployment, by=cast(User, request.user), now=timezone.now(), **given)
    except ValidationError as error:
        for name, sentences in error.update_error_dict({}).items():
            form.add_error(name if name in form.fields and name != NON_FIELD_ERRORS else None, sentences)
        return False
    return True


def _tell_what_has_no_place(request: HttpRequest, form: RulingForm) -> None:
    """What is wrong with the subject is no matter of a form on the page: there may be none for it."""
    for name in ("key", NON_FIELD_ERRORS):
        for sentence in form.errors.get(name, ()):
            messages.error(request, f"Not saved: {sentence}")
