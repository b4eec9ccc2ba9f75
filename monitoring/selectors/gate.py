"""What the gate answers from: one deployment's state in one query, and the numbers of its findings in another.

Pipelines ask every few seconds for an hour, so this path is written by hand: what `watch_states` puts together for many
deployments is one row here, and of a finding nothing is read that is only drawn.
"""

import json
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from deployments.models import DeploymentStatus
from monitoring.models import POLICY_OF_TIER, MonitoringPolicy
from monitoring.selectors.watch import PlannedWatch, awaited_by
from monitoring.watch import EXTENDED, INITIAL, LOOK_BACK, Period, Subject, WatchState, watch_state
from postdeploy.lib.prepared import Prepared

_PERIOD = """{0}.stage, {0}.status, {0}.opens_at, {0}.closes_at, {0}.ended_at, {0}.result, {0}.decided_at,
    {0}.next_look_at, {0}_look.id, {0}_look.result, {0}_look.sentence, {0}_look.looked_at"""
_JOIN = """
    LEFT JOIN monitoring_monitoringperiod {0} ON {0}.deployment_id = d.id AND {0}.stage = '{1}'
    LEFT JOIN LATERAL (
        SELECT id, result, sentence, looked_at FROM monitoring_verdict
        WHERE period_id = {0}.id ORDER BY is_final DESC, looked_at DESC LIMIT 1
    ) {0}_look ON true"""
_STATE = Prepared(
    "gate_state",
    ("uuid", "text", "timestamptz"),
    f"""
    SELECT t.scopes, t.latest_use_at, d.status, d.finished_at, e.tier, g.initial_seconds, g.extended_seconds,
        COALESCE((a.policy ->> 'is_dry_run')::boolean, g.is_dry_run, false), n.id, n.version,
        {_PERIOD.format("a")}, {_PERIOD.format("b")}
    FROM deployments_deployment d
    JOIN deployments_apitoken t ON t.project_id = d.project_id
    JOIN deployments_environment e ON e.id = d.environment_id
    LEFT JOIN monitoring_monitoringpolicy g ON g.environment_id = d.environment_id
    {_JOIN.format("a", INITIAL)}{_JOIN.format("b", EXTENDED)}
    LEFT JOIN deployments_deployment n ON n.id = COALESCE(a.superseded_by_id, b.superseded_by_id)
    WHERE d.id = $1 AND t.digest = $2 AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > $3)
    """,  # noqa: S608 - of constants
)
#: Columns of the token and the deployment, and of each period after them.
_OF_DEPLOYMENT, _OF_PERIOD = 10, 12
_FINDINGS = """
SELECT key, name, result, is_critical, sentence, facts - '{picture,because,sentence}'::text[]
  FROM monitoring_finding WHERE verdict_id = %s ORDER BY position, id
"""


@dataclass(frozen=True)
class GateState:
    """What is known of one deployment, when its watch will end, whether its verdict may stop anything; who asks."""

    watch: WatchState
    plan: PlannedWatch
    is_dry_run: bool
    scopes: list[str]
    token_used_at: datetime | None


@dataclass(frozen=True)
class FoundFacts:
    """One finding without what is drawn of it; `facts` as `judge.facts.Finding.to_dict` writes them."""

    key: str
    name: str
    result: str
    is_critical: bool
    sentence: str
    facts: dict[str, Any]


def gate_state(pk: uuid.UUID, *, digest: str, until: str, now: datetime) -> GateState | None:
    """Return what is known of a deployment to the token with this digest; None when it may not see it.

    `until` as in `watch.watch_state`. One query, and a second one where a verdict waits for a roll-out.
    """
    row = _STATE.first_row([str(pk), digest, now])
    if row is None:
        return None
    scopes, used_at, status, finished_at, tier, initial, extended, is_dry_run, successor, version = row[:_OF_DEPLOYMENT]
    pairs = (row[_OF_DEPLOYMENT:][:_OF_PERIOD], row[_OF_DEPLOYMENT + _OF_PERIOD :])
    periods = [_period(part) for part in pairs if part[0]]
    subject = Subject(
        id=pk,
        status=status,
        is_too_old=finished_at is not None and finished_at < now - LOOK_BACK,
        superseded_by=version or "",
        superseded_by_id=successor,
        waits_for=awaited_by([pk]).get(pk, "") if any(period.is_overdue for period in periods) else "",
    )
    is_planned = not periods and finished_at is not None and status == DeploymentStatus.SUCCEEDED
    lengths = _lengths_of(tier) if is_planned and initial is None else (initial, extended)
    return GateState(
        watch=watch_state(subject, periods, until=until),
        plan=_plan(finished_at, *lengths) if is_planned else PlannedWatch(),
        is_dry_run=is_dry_run,
        scopes=scopes,
        token_used_at=used_at,
    )


def _period(row: tuple[Any, ...]) -> Period:
    stage, status, opens_at, closes_at, ended_at, result, decided_at, next_look_at, *look = row
    verdict_id, so_far, sentence, looked_at = look
    return Period(
        stage=stage,
        status=status,
        opens_at=opens_at,
        closes_at=closes_at,
        ended_at=ended_at,
        result=result,
        decided_at=decided_at,
        next_look_at=next_look_at,
        verdict_id=verdict_id,
        so_far=so_far,
        sentence=sentence or "",
        looked_at=looked_at,
    )


def _lengths_of(tier: str) -> tuple[int, int]:
    """Seconds of both periods by the policy that an environment of this tier starts with."""
    policy = MonitoringPolicy(**POLICY_OF_TIER[tier])
    return policy.initial_seconds, policy.extended_seconds


def _plan(finished_at: datetime, initial: int, extended: int) -> PlannedWatch:
    initial_until = finished_at + timedelta(seconds=initial)
    return PlannedWatch(initial_until, initial_until + timedelta(seconds=extended))


def found_facts(verdict_id: int | None) -> list[FoundFacts]:
    """Return the findings of one look, what matters most first, in one query."""
    if verdict_id is None:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_FINDINGS, [verdict_id])
        rows = cursor.fetchall()
    return [
        FoundFacts(key, name, result, is_critical, sentence, json.loads(facts))
        for key, name, result, is_critical, sentence, facts in rows
    ]
