"""What is done to a check: paused, resumed, read at once, deleted."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from deployments.models import Role
from monitoring import services
from monitoring.views.common import found_check


@login_required
@require_POST
def check_pause(request: HttpRequest, project: str, check: int) -> HttpResponse:
    """Stop reading a check."""
    found, row = found_check(request, project, check, Role.RESPONDER)
    services.pause_check(check=row, now=timezone.now())
    messages.info(request, f"{row.name} is paused: it counts as not watched until somebody resumes it.")
    return redirect("check", project=found.slug, check=row.pk)


@login_required
@require_POST
def check_resume(request: HttpRequest, project: str, check: int) -> HttpResponse:
    """Read a check again."""
    found, row = found_check(request, project, check, Role.RESPONDER)
    services.resume_check(check=row, now=timezone.now())
    messages.success(request, f"{row.name} is read again.")
    return redirect("check", project=found.slug, check=row.pk)


@login_required
@require_POST
def check_read(request: HttpRequest, project: str, check: int) -> HttpResponse:
    """Let a check be read at once."""
    found, row = found_check(request, project, check, Role.RESPONDER)
    if services.read_soon(check=row, now=timezone.now()):
        messages.info(request, f"{row.name} is read in a moment; the page shows what came back.")
    else:
        messages.warning(request, f"{row.name} is paused: resume it, and it is read at once.")
    return redirect("check", project=found.slug, check=row.pk)


@login_required
@require_POST
def check_delete(request: HttpRequest, project: str, check: int) -> HttpResponse:
    """Delete a check."""
    found, row = found_check(request, project, check, Role.MAINTAINER)
    services.delete_check(check=row)
    messages.success(request, f"{row.name} was deleted.")
    return redirect("checks", project=found.slug)
