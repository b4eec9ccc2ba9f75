"""How right the verdicts were: what was said, what people ruled, which metric cries wolf."""

from datetime import datetime, timedelta

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from deployments.selectors import project_for
from monitoring.selectors.verdict_record import LINES, verdict_record
from monitoring.views.common import environments_of, rights, with_query

#: Over how long, by the word in the address.
SPANS = {"90": ("90 days", timedelta(days=90)), "all": ("all", None)}


@login_required
@require_safe
def verdicts(request: HttpRequest, project: str) -> HttpResponse:
    """How right the verdicts of a project were."""
    found, now = project_for(request.user, project), timezone.now()
    environments = list(environments_of(request, found))
    named = request.GET.get("environment", "")
    environment = next((row for row in environments if row.name == named), None)
    over = request.GET.get("over") if request.GET.get("over") in SPANS else "90"
    context = {
        "project": found,
        "record": verdict_record(found, since=_since(over or "90", now), environment=environment),
        "environment": environment,
        "over": over,
        "spans": [(label, with_query(request, over=word), word == over) for word, (label, _) in SPANS.items()],
        "places": [(row.name, with_query(request, environment=row.name), row == environment) for row in environments],
        "everywhere": with_query(request, environment=None),
        "lines": LINES,
        "now": now,
        **rights(request, found),
    }
    return render(request, "monitoring/verdicts.html", context)


def _since(over: str, now: datetime) -> datetime | None:
    length = SPANS[over][1]
    return now - length if length else None
