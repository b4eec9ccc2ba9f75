"""Who is on it: tiers, their people, what each has now, what was sent."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from deployments.selectors import project_for
from postdeploy.lib.htmx import live_page
from support import selectors
from support.models import Article, NotificationChannel
from support.services import ensure_tiers
from support.views.common import person, rights


@login_required
@require_safe
def support(request: HttpRequest, project: str) -> HttpResponse:
    """The support structure of a project."""
    found, user = project_for(request.user, project), person(request)
    context = {
        "project": found,
        "structure": selectors.structure(user, found, ensure_tiers(found)),
        "guide_count": Article.objects.visible_to(user).of(found).count(),
        "channel_count": NotificationChannel.objects.visible_to(user).of(found).count(),
        "notifications": selectors.latest_notifications(user, found),
        "now": timezone.now(),
        **rights(request, found),
    }
    return live_page(request, "support/support.html", context, part="support-page")
