"""Deployment Summaries."""

from django.utils import timezone

from monitoring.services import open_periods
from reports.services import summarise_deployments
from tests.api_examples.deployments import live
from tests.api_examples.registry import Request, example


def summary(project, ending):
    deployment = live(project)
    open_periods(now=timezone.now())
    summarise_deployments(now=timezone.now())
    return Request(f"/deployments/{deployment.pk}/summary.{ending}")


@example("read_summary_md", 200)
def summary_md(project):
    return summary(project, "md")


@example("read_summary_html", 200)
def summary_html(project):
    return summary(project, "html")


@example("read_summary_json", 200)
def summary_json(project):
    return summary(project, "json")
