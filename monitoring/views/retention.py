"""The page of settings that says for how long a project keeps what it measures."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.forms import model_to_dict
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from deployments.models import Project, Role
from deployments.selectors import project_for
from monitoring import services
from monitoring.forms.retention import RetentionForm
from monitoring.selectors.retention import retention_page


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def settings_retention(request: HttpRequest, project: str) -> HttpResponse:
    """How long samples and their roll-ups are kept, and what that takes."""
    found = project_for(request.user, project, at_least=Role.MAINTAINER)
    page = retention_page(found, now=timezone.now())
    is_post = request.method == "POST"
    form = RetentionForm(request.POST if is_post else None, initial=model_to_dict(page.kept))
    if is_post and form.is_valid() and _saved(found, form):
        messages.success(request, "Saved. What is older now goes within the hour; what a verdict used stays.")
        return redirect("settings_retention", project=found.slug)
    context = {"project": found, "form": form, "page": page}
    return render(request, "monitoring/retention.html", context, status=400 if is_post else 200)


def _saved(project: Project, form: RetentionForm) -> bool:
    try:
        services.save_retention(project=project, **form.cleaned_data)
    except ValidationError as error:
        form.refuse(error)
        return False
    return True
