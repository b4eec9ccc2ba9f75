"""Deployments as they are reported: once, however often they are told, and in whatever order.

The rules, beside those of `deployments.lifecycle`:
- The natural key is (project, source, external_id). A repeat may add what was not said before and may report the next
  status; what it says otherwise makes it a contradiction, and nothing of it is stored.
- An environment that is named for the first time is created, with a tier guessed from its name, and is new.
- A time that was not said is the time of arrival. A time more than ten minutes ahead of our clock is put right to the
  arrival, and the event says so: nothing can happen after it was reported.
- A finish without a start leaves the start unknown. Late reports count by the times they carry.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from deployments import lifecycle
from deployments.models import (
    TERMINAL_STATUSES,
    ConfigurationChange,
    Deployment,
    DeploymentEvent,
    DeploymentKind,
    DeploymentStatus,
    Environment,
    Project,
    SystemChange,
)
from deployments.selectors import live_before, other_version_before
from deployments.services.facts import Claim, ConfigurationChangeFacts, Report, SystemChangeFacts
from deployments.signals import deployment_finished, deployment_reported
from deployments.tiers import guess_tier
from postdeploy.lib import words
from postdeploy.lib.bells import ring

CLOCK_TOLERANCE = timedelta(minutes=10)
FILLED = ("revision", "url", "description", "deployed_by", "change_committed_at")


class Disagrees(Exception):
    """A repeat says something else than before. `fields`: name → (before, now)."""

    def __init__(self, deployment: Deployment, fields: dict[str, tuple[Any, Any]]) -> None:
        super().__init__(", ".join(fields))
        self.deployment = deployment
        self.fields = fields


class AlreadyEnded(Exception):
    """What has ended cannot be cancelled."""

    def __init__(self, deployment: Deployment) -> None:
        super().__init__(f"The deployment has already ended: {deployment.status.lower()}.")
        self.deployment = deployment


class NoEarlierVersion(Exception):
    """Nothing was live before that could be rolled back to."""


@dataclass(frozen=True)
class Reported:
    """The deployment that a report is of, and whether the report was the first."""

    deployment: Deployment
    is_first: bool


def report_deployment(
    *, project: Project, report: Report, now: datetime, rolls_back: Deployment | None = None
) -> Reported:
    """Store a report of a deployment of `project`. Raises Disagrees when it contradicts an earlier one.

    `rolls_back` is the deployment that this one undoes, where the caller knows it.
    """
    with transaction.atomic():
        environment = ensure_environment(project=project, name=report.environment, now=now)
        deployment, is_first = _find_or_create(environment, report, now)
        if not is_first:
            _merge(deployment, report, now)
        _apply(deployment, report.claims(), now)
        if is_first:
            _recognise_rollback(deployment, report, rolls_back)
            ring(deployment_reported, deployment_id=deployment.pk)
    return Reported(deployment, is_first)


def ensure_environment(*, project: Project, name: str, now: datetime) -> Environment:
    """Return the environment of that name, whatever its capitals; a name never seen makes a new one."""
    known = Environment.objects.of(project).filter(name__iexact=name).order_by("pk").first()
    if known:
        return known
    made, _ = Environment.objects.get_or_create(
        project=project, name=name, defaults={"tier": guess_tier(name), "created_at": now}
    )
    return made


def record_status(*, deployment: Deployment, claims: Iterable[Claim], now: datetime) -> Deployment:
    """Store that `deployment` reached each of these statuses; a status known already is stored once."""
    with transaction.atomic():
        locked = _lock(deployment)
        _apply(locked, claims, now)
    return locked


def cancel_deployment(*, deployment: Deployment, at: datetime | None, now: datetime) -> Deployment:
    """Store that `deployment` was given up. Raises AlreadyEnded when it succeeded or failed before."""
    with transaction.atomic():
        locked = _lock(deployment)
        if locked.is_terminal and locked.status != DeploymentStatus.CANCELLED:
            raise AlreadyEnded(locked)
        _apply(locked, [Claim(DeploymentStatus.CANCELLED, at)], now)
    return locked


def roll_back(*, deployment: Deployment, report: Report, now: datetime) -> Reported:
    """Store the roll-back of `deployment`, itself a deployment of its environment.

    An empty `report.version` means the version that was live before. Raises NoEarlierVersion, Disagrees.
    """
    said = {**vars(report), "kind": DeploymentKind.ROLLBACK, "environment": deployment.environment.name}
    if not report.version:
        earlier = other_version_before(deployment)
        if earlier is None:
            raise NoEarlierVersion
        said |= {"version": earlier.version, "revision": report.revision or earlier.revision}
    return report_deployment(project=deployment.project, report=Report(**said), now=now, rolls_back=deployment)


def add_changes(
    *,
    deployment: Deployment,
    system_changes: Iterable[SystemChangeFacts],
    configuration_changes: Iterable[ConfigurationChangeFacts],
) -> None:
    """Add what `deployment` changed; secrets are masked here at the latest."""
    masked = [change.masked() for change in configuration_changes]
    with transaction.atomic():
        SystemChange.objects.bulk_create(
            SystemChange(deployment=deployment, **asdict(change)) for change in system_changes
        )
        ConfigurationChange.objects.bulk_create(
            ConfigurationChange(deployment=deployment, **asdict(change)) for change in masked
        )


def _find_or_create(environment: Environment, report: Report, now: datetime) -> tuple[Deployment, bool]:
    values: dict[str, Any] = {name: getattr(report, name) for name in FILLED}
    values |= {
        "environment": environment,
        "version": report.version,
        "kind": report.kind or DeploymentKind.DEPLOY,
        "occurred_at": now,
        "reported_at": now,
        "report": report.said(),
    }
    key = {"project": environment.project, "source": report.source, "external_id": report.external_id}
    if report.external_id is None:
        deployment, is_first = Deployment.objects.create(**key, **values), True
    else:
        deployment, is_first = Deployment.objects.get_or_create(**key, defaults=values)
    if is_first:
        add_changes(
            deployment=deployment,
            system_changes=report.system_changes,
            configuration_changes=report.configuration_changes,
        )
        return deployment, True
    return _lock(deployment), False


def _lock(deployment: Deployment) -> Deployment:
    rows = Deployment.objects.select_related("environment", "project")
    return rows.select_for_update(of=("self",), no_key=True).get(pk=deployment.pk)


def _merge(deployment: Deployment, report: Report, now: datetime) -> None:
    """Add what the repeat says for the first time, or raise Disagrees."""
    said, before = report.said(), deployment.report
    said["environment"] = deployment.environment.name if _is_same_name(deployment, report) else report.environment
    before = {**before, "environment": deployment.environment.name}
    differing = {name: (before[name], said[name]) for name in said if before.get(name, said[name]) != said[name]}
    is_other_end = deployment.is_terminal and report.reached in TERMINAL_STATUSES
    if is_other_end and deployment.status != report.reached:
        differing["status"] = (deployment.status, report.reached)
    if differing:
        raise Disagrees(deployment, differing)
    for name in FILLED:
        if name not in before and name in said:
            setattr(deployment, name, getattr(report, name))
    add_changes(
        deployment=deployment,
        system_changes=() if "system_changes" in before else report.system_changes,
        configuration_changes=() if "configuration_changes" in before else report.configuration_changes,
    )
    deployment.report = {**before, **said}


def _is_same_name(deployment: Deployment, report: Report) -> bool:
    return deployment.environment.name.casefold() == report.environment.casefold()


def _apply(deployment: Deployment, claims: Iterable[Claim], now: datetime) -> None:
    """Write the claims down as events and let the deployment stand as all its events together say."""
    before = (deployment.status, deployment.finished_at)
    events = list(deployment.events.all())
    for claim in claims:
        if not _is_known(claim, deployment, events):
            events.append(_event(deployment, claim, now))
    stands = lifecycle.standing(lifecycle.Fact(event.occurred_at, event.status) for event in events)
    _annotate(events, stands)
    deployment.status = stands.status
    deployment.queued_at, deployment.started_at = stands.queued_at, stands.started_at
    deployment.finished_at = stands.finished_at
    deployment.occurred_at = stands.finished_at or stands.started_at or stands.queued_at or deployment.reported_at
    deployment.save()
    if deployment.is_terminal and before != (deployment.status, deployment.finished_at):
        ring(deployment_finished, deployment_id=deployment.pk)


def _is_known(claim: Claim, deployment: Deployment, events: list[DeploymentEvent]) -> bool:
    same = [event for event in events if event.status == claim.status]
    if claim.at is not None:
        return any(event.claimed_at == claim.at for event in same)
    return bool(same) and (claim.status == deployment.status or claim.status not in TERMINAL_STATUSES)


def _event(deployment: Deployment, claim: Claim, now: datetime) -> DeploymentEvent:
    is_ahead = claim.at is not None and claim.at > now + CLOCK_TOLERANCE
    at = now if claim.at is None or is_ahead else claim.at
    return DeploymentEvent(
        deployment=deployment, status=claim.status, occurred_at=at, claimed_at=claim.at, received_at=now
    )


def _annotate(events: list[DeploymentEvent], stands: lifecycle.Standing) -> None:
    """Say of each event whether it counts and why not; write only what is new or has changed."""
    for event in events:
        fact = lifecycle.Fact(event.occurred_at, event.status)
        judged = (fact in stands.applied, " ".join(filter(None, [_ahead_note(event), stands.note(fact)])))
        if event.pk is None or judged != (event.is_applied, event.note):
            event.is_applied, event.note = judged
            event.save()


def _ahead_note(event: DeploymentEvent) -> str:
    if event.claimed_at is None or event.claimed_at == event.occurred_at:
        return ""
    ahead = words.duration(event.claimed_at - event.occurred_at)
    return f"Reported {ahead} ahead of our clock; counted as its arrival."


def _recognise_rollback(deployment: Deployment, report: Report, rolls_back: Deployment | None) -> None:
    """Note what a roll-back undoes; a report that names no kind is one if it brings the version before back."""
    current = rolls_back or live_before(deployment)
    if current is None or (rolls_back is None and current.version == deployment.version):
        return
    if not report.kind and not _brings_back(deployment, current):
        return
    if report.kind in ("", DeploymentKind.ROLLBACK):
        deployment.kind, deployment.rolls_back = DeploymentKind.ROLLBACK, current
        deployment.save(update_fields=["kind", "rolls_back"])


def _brings_back(deployment: Deployment, current: Deployment) -> bool:
    earlier = other_version_before(current)
    return earlier is not None and earlier.version == deployment.version
