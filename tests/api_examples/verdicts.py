"""The gate, samples, and what people rule."""

import uuid
from dataclasses import replace

from django.utils import timezone

from deployments.models import Project
from monitoring.services import open_periods
from tests.api_examples.deployments import live
from tests.api_examples.registry import Request, example
from tests.factories import (
    FindingFactory,
    MonitoringPeriodFactory,
    RulingFactory,
    VerdictFactory,
)


@example("read_verdict", 200)
def read_verdict(project):
    deployment = live(project, minutes=1)
    open_periods(now=timezone.now())
    return Request(f"/deployments/{deployment.pk}/verdict", query="until=initial")


@example("send_metrics", 202)
def send_metrics(project):
    samples = [{"metric": "orders", "value": 12, "labels": {"shop": "de"}}]
    return Request("/metrics", {"project": "shop", "environment": "production", "samples": samples})


@example("send_metrics", 404)
def send_metrics_elsewhere(project):
    sent = send_metrics(project)
    return replace(sent, body={**sent.body, "project": "nothing"})


def judged(project: Project):
    """A deployment with a verdict that stands, and a finding that got worse."""
    period = MonitoringPeriodFactory(deployment=live(project, minutes=120), status="CLOSED", result="DEGRADED")
    verdict = VerdictFactory(period=period, result="DEGRADED", is_final=True)
    FindingFactory(verdict=verdict, key="metric:cpu_usage")
    return period.deployment


@example("list_rulings", 200)
def list_rulings(project):
    ruling = RulingFactory(deployment=judged(project))
    return Request(f"/deployments/{ruling.deployment_id}/rulings", query="which=all")


@example("list_rulings", 404)
def list_rulings_of_nothing(project):
    return Request(f"/deployments/{uuid.uuid4()}/rulings")


@example("add_ruling", 201)
def add_ruling(project):
    body = {"kind": "not_us", "reason": "A neighbour used the disk.", "finding": "metric:cpu_usage"}
    return Request(f"/deployments/{judged(project).pk}/rulings", body)


@example("add_ruling", 404)
def add_ruling_to_nothing(project):
    return Request(f"/deployments/{uuid.uuid4()}/rulings", {"kind": "us", "reason": "No index."})
