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
    MetricFactory,
    MonitoringPeriodFactory,
    ReplayedVerdictFactory,
    ReplayFactory,
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


@example("list_replays", 200)
def list_replays(project):
    ReplayFactory(project=project)
    return Request("/replays")


@example("list_replays", 404)
def list_replays_elsewhere(project):
    return Request("/replays", query="project=nothing")


@example("start_replay", 201)
def start_replay(project):
    judged(project)
    MetricFactory(project=project, key="checkout_p95")
    changes = {"chance_limit": 0.004, "reference": "before", "metrics": {"checkout_p95": {"least_change": 0.2}}}
    return Request("/replays", {"project": "shop", "as_configured": True, **changes})


@example("start_replay", 404)
def start_replay_elsewhere(project):
    return Request("/replays", {"project": "nothing"})


@example("start_replay", 409)
def start_replay_before_any_verdict(project):
    return Request("/replays", {"project": "shop"})


def replayed(project):
    replay = ReplayFactory(project=project, status="DONE", total=1)
    differences = [
        {"stage": "INITIAL", "key": "metric:cpu_usage", "name": "CPU", "then": "REGRESSED", "now": "UNCHANGED",
         "sentence": "CPU did not change."}
    ]  # fmt: skip
    row = ReplayedVerdictFactory(replay=replay, deployment=judged(project), differences=differences)
    RulingFactory(deployment=row.deployment)
    return replay


@example("read_replay", 200)
def read_replay(project):
    return Request(f"/replays/{replayed(project).pk}")


@example("read_replay", 404)
def read_no_replay(project):
    return Request("/replays/1")


@example("list_replayed_verdicts", 200)
def list_replayed_verdicts(project):
    return Request(f"/replays/{replayed(project).pk}/verdicts", query="which=all")


@example("list_replayed_verdicts", 404)
def list_verdicts_of_no_replay(project):
    return Request("/replays/1/verdicts")


@example("stop_replay", 200)
def stop_replay(project):
    return Request(f"/replays/{ReplayFactory(project=project).pk}/stop", {})


@example("stop_replay", 404)
def stop_no_replay(project):
    return Request("/replays/1/stop", {})
