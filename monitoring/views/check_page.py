"""One check: its state, where its time goes, its outages and latest failures."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from monitoring import selectors
from monitoring.forms import SpanForm
from monitoring.views.common import chart_columns, found_check, rights, span_links
from postdeploy.lib.htmx import live_page


@login_required
@require_safe
def check(request: HttpRequest, project: str, check: int) -> HttpResponse:
    """The page of one check; its chart goes as far back as the address says."""
    found, row = found_check(request, project, check)
    now = timezone.now()
    span = SpanForm(request.GET).span(now)
    may = rights(request, found)
    context = {
        "project": found,
        "check": row,
        "story": selectors.check_story(row, now=now, span=span, columns=chart_columns(request)),
        "now": now,
        **span_links(request, span, ("3h", "24h", "7d", "30d")),
        "pings": selectors.latest_pings(row),
        "ping_line": selectors.ping_line(row) if may["may_work"] else None,
        **may,
    }
    return live_page(request, "monitoring/check.html", context, part="check")
