"""The form of a metric: what it is, which way is worse, what change matters."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from deployments.models import Project, Role
from deployments.selectors import project_for
from monitoring import services
from monitoring.forms.sources import MetricForm
from monitoring.models import Metric


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def metric_add(request: HttpRequest, project: str) -> HttpResponse:
    """Describe a metric before its first sample comes."""
    found = project_for(request.user, project, at_least=Role.MAINTAINER)
    return _edit(request, found, MetricForm(found, request.POST or None), None)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def metric_edit(request: HttpRequest, project: str, metric: int) -> HttpResponse:
    """Correct what a metric is; verdicts that were given stay."""
    found = project_for(request.user, project, at_least=Role.MAINTAINER)
    row = Metric.objects.visible_to(request.user).of(found).filter(pk=metric).first()
    if row is None:
        raise Http404("No such metric.")
    return _edit(request, found, MetricForm(found, request.POST or None, metric=row), row)


def _edit(request: HttpRequest, project: Project, form: MetricForm, metric: Metric | None) -> HttpResponse:
    if request.method == "POST" and form.is_valid():
        saved = services.save_metric(metric=form.save(commit=False))
        messages.success(request, f"{saved.name} is saved: it counts from the next look on.")
        return redirect("metric", project=project.slug, metric=saved.pk)
    context = {"project": project, "form": form, "metric": metric}
    return render(request, "monitoring/metric_form.html", context, status=400 if form.errors else 200)
