"""Asking for a replay, stopping it, and switching on what it tried."""

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from deployments.models import Deployment, Environment, Project, User
from monitoring.changes import BEFORE, METRIC_FIELDS, MOST_METRICS, Changes
from monitoring.judge import RULE_VERSION
from monitoring.models import Metric, MonitoringPolicy, Replay, ReplayStatus
from monitoring.selectors.replays import MOST_DEPLOYMENTS, replayable
from monitoring.services.policies import save_policy
from monitoring.services.sources import save_metric
from monitoring.signals import replay_requested
from postdeploy.lib.bells import ring
from postdeploy.lib.claims import move

__all__ = ["MOST_DEPLOYMENTS", "configured_metrics", "request_replay", "stop_replay", "switch_on"]

#: Codes of a refusal that has nothing to do with what was asked: no watch has ended, another replay still runs.
NOTHING, BUSY = "nothing_to_judge", "still_running"
_FLAGS = ("is_critical", "is_muted", "must_have_data")
_MAY_BE_NONE = ("least_change_absolute", "hard_limit")
_LARGEST = 1e300


def configured_metrics(project: Project) -> dict[str, dict[str, Any]]:
    """Return what the metrics of `project` are judged by as they are configured now, by their key."""
    rows = Metric.objects.of(project).values("key", *METRIC_FIELDS)
    return {row.pop("key"): row for row in rows}


def request_replay(
    *, project: Project, changes: Changes, now: datetime, by: User | None = None, environment: Environment | None = None
) -> Replay:
    """Ask what the newest verdicts of `project` (or of one environment) would have been with `changes`.

    ValidationError names the field that cannot be, or says that another replay of the project is not done yet (BUSY)
    or that there is nothing to replay (NOTHING).
    """
    _refuse(project, changes, environment)
    changes = _with_version(changes, environment)
    replay = Replay(
        project=project,
        environment=environment,
        changes=changes.to_json(),
        rule_version=RULE_VERSION,
        requested_by=by,
        requested_at=now,
        next_step_at=now,
    )
    replay.total = len(replayable(replay))
    if not replay.total:
        raise ValidationError("There is nothing to judge once more: no watch has ended here yet.", code=NOTHING)
    try:
        with transaction.atomic():
            replay.save()
    except IntegrityError:
        if not Replay.objects.of(project).unfinished().exists():
            raise
        raise ValidationError("A replay of this project still runs. Wait for it, or stop it.", code=BUSY) from None
    ring(replay_requested, replay_id=replay.pk)
    return replay


def stop_replay(*, replay: Replay, now: datetime) -> bool:
    """End a replay before it is done; what it found so far is kept. False when it had ended."""
    rows = Replay.objects.unfinished().filter(pk=replay.pk)
    return move(rows, status=ReplayStatus.STOPPED, next_step_at=None, ended_at=now)


def switch_on(*, replay: Replay, by: User, now: datetime) -> Replay:
    """Save what `replay` tried: in the policy of its environment (or of all), and in the metrics.

    Watches under way keep what they began with. ValidationError when the replay is not done, when it changes nothing
    that could be saved, or when a metric is gone.
    """
    changes = Changes.from_json(replay.changes)
    if replay.status != ReplayStatus.DONE:
        raise ValidationError("Only what has been replayed to the end can be switched on.")
    if not changes.can_be_switched_on:
        raise ValidationError("It changed nothing that could be saved.")
    with transaction.atomic():
        environments = [replay.environment] if replay.environment else list(replay.project.environments.all())
        policy = changes.policy | _reference_to_save(changes)
        for environment in environments if policy else ():
            save_policy(environment=environment, now=now, **policy)
        for key, fields in changes.metrics.items():
            _save_metric(replay.project, key, fields)
        replay.applied_by, replay.applied_at = by, now
        replay.save(update_fields=["applied_by", "applied_at"])
    return replay


def _reference_to_save(changes: Changes) -> dict[str, Deployment | None]:
    if changes.reference in (None, BEFORE):
        return {"reference": None} if changes.reference else {}
    reference = Deployment.objects.filter(pk=changes.reference).first()
    if reference is None:
        raise ValidationError(f"{changes.reference_version}, the reference, is gone.")
    return {"reference": reference}


def _save_metric(project: Project, key: str, fields: Mapping[str, Any]) -> None:
    metric = Metric.objects.of(project).select_for_update(no_key=True).filter(key=key).first()
    if metric is None:
        raise ValidationError(f"The metric {key} is gone.")
    for name, value in fields.items():
        setattr(metric, name, value)
    save_metric(metric=metric)


def _with_version(changes: Changes, environment: Environment | None) -> Changes:
    """Name the reference for people; ValidationError where it cannot be one."""
    if changes.reference in (None, BEFORE):
        return changes
    try:
        found = Deployment.objects.succeeded().filter(environment=environment, pk=changes.reference).first()
    except (ValidationError, ValueError):  # no id at all
        found = None
    if environment is None:
        raise ValidationError({"reference": "Choose the environment that it went to as well: it is of one alone."})
    if found is None:
        raise ValidationError({"reference": f"No such deployment went live in {environment.name}."})
    return replace(changes, reference=str(found.pk), reference_version=found.version)


# --- what cannot be ---------------------------------------------------------------------------------------------------


def _refuse(project: Project, changes: Changes, environment: Environment | None) -> None:
    if environment is not None and environment.project_id != project.pk:
        raise ValidationError({"environment": "There is no such environment in this project."})
    for name, value in changes.policy.items():
        if not math.isfinite(value):
            raise ValidationError({name: "It must be a number."})
    others = {field.name for field in MonitoringPolicy._meta.get_fields()} - set(changes.policy)
    MonitoringPolicy(**changes.policy).clean_fields(exclude=others)
    if len(changes.metrics) > MOST_METRICS:
        raise ValidationError({"metrics": f"Change at most {MOST_METRICS} metrics at once."})
    known = set(Metric.objects.of(project).filter(key__in=list(changes.metrics)).values_list("key", flat=True))
    for key, fields in changes.metrics.items():
        if key not in known:
            there = ", ".join(Metric.objects.of(project).order_by("key").values_list("key", flat=True)[:10])
            raise ValidationError({"metrics": f"There is no metric “{key[:60]}” in this project. {_some(there)}"})
        for name, value in fields.items():
            _refuse_field(key, name, value)


def _some(keys: str) -> str:
    return f"There are: {keys}." if keys else "It has none yet."


def _refuse_field(key: str, name: str, value: Any) -> None:
    if name not in METRIC_FIELDS:
        can = ", ".join(METRIC_FIELDS)
        raise ValidationError({"metrics": f"{name[:40]} of {key} cannot be tried. These can: {can}."})
    if name in _FLAGS:
        if not isinstance(value, bool):
            raise ValidationError({"metrics": f"{name} of {key} must be true or false."})
        return
    if value is None and name in _MAY_BE_NONE:
        return
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not is_number or abs(value) > _LARGEST or (value < 0 and name != "hard_limit"):
        raise ValidationError({"metrics": f"{name} of {key} must be a number{', 0 or more' * (name != 'hard_limit')}."})
