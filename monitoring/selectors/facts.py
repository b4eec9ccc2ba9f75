"""What checks that ask nobody are judged by: the latest pings of heartbeats, the numbers of reconciled metrics."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import numpy as np
from django.db.models import OuterRef, Subquery

from monitoring import store
from monitoring.models import HealthCheck, Ping, PingSignal, Series
from monitoring.probes import Check, Facts, HeartbeatCheck, ReconciliationCheck, Side

#: A latest value this old says nothing any more; so far back a counter's value before the stretch is looked for.
_LOOK_BACK = timedelta(hours=1)


def facts_of(
    checks: Mapping[int, Check], *, now: datetime, environments: Mapping[int, int] | None = None
) -> dict[int, Facts]:
    """The facts of those of `checks` (by id) that need any, in a few queries for all of them.

    `environments` are their environments' ids, where they are not those of stored checks.
    """
    beats = [pk for pk, check in checks.items() if isinstance(check, HeartbeatCheck)]
    sums = {pk: check for pk, check in checks.items() if isinstance(check, ReconciliationCheck) and check.needs_facts}
    return (_pings(beats) if beats else {}) | (_numbers(sums, environments, now) if sums else {})


def _pings(check_ids: Iterable[int]) -> dict[int, Facts]:
    ids = list(check_ids)
    began = Ping.objects.filter(
        health_check=OuterRef("health_check"), signal=PingSignal.START, at__lte=OuterRef("at")
    ).order_by("-at")
    latest = (
        Ping.objects.filter(health_check__in=ids)
        .order_by("health_check_id", "signal", "-at")
        .distinct("health_check_id", "signal")
        .annotate(began_at=Subquery(began.values("at")[:1]))
    )
    found: dict[int, dict[str, Ping]] = {pk: {} for pk in ids}
    for ping in latest:
        found[ping.health_check_id][ping.signal] = ping
    return {pk: _of_pings(pings) for pk, pings in found.items()}


def _of_pings(pings: Mapping[str, Ping]) -> Facts:
    start, success, fail = (pings.get(signal) for signal in (PingSignal.START, PingSignal.SUCCESS, PingSignal.FAIL))
    began_at: datetime | None = getattr(success, "began_at", None)
    return Facts(
        started_at=start.at if start else None,
        succeeded_at=success.at if success else None,
        failed_at=fail.at if fail else None,
        ran_for=success.at - began_at if success and began_at else None,
        note=fail.note[:200] if fail else "",
    )


def _numbers(
    checks: Mapping[int, ReconciliationCheck], environments: Mapping[int, int] | None, now: datetime
) -> dict[int, Facts]:
    environments = environments or dict(
        HealthCheck.objects.filter(pk__in=list(checks)).values_list("pk", "environment_id")
    )
    keys = {side.metric for check in checks.values() for side in check.metrics.values()}
    rows = Series.objects.filter(environment__in=set(environments.values()), metric__key__in=keys)
    series: dict[tuple[int, str], list[int]] = {}
    for pk, environment, key in rows.values_list("pk", "environment_id", "metric__key"):
        series.setdefault((environment, str(key)), []).append(pk)
    return {
        pk: Facts(
            numbers={
                name: _number(series.get((environments.get(pk, 0), side.metric), []), side, now)
                for name, side in check.metrics.items()
            }
        )
        for pk, check in checks.items()
    }


def _number(series: list[int], side: Side, now: datetime) -> float | None:
    """The number of a metric: of each of its series, added up; ``None`` when there is no sample in the stretch."""
    reach = side.over + (_LOOK_BACK if side.read == "increase" else timedelta())
    found = store.read(series, now - reach, now + timedelta(seconds=1)) if series else {}
    begins = (now - side.over).timestamp()
    parts = [_of_series(samples, side.read, begins) for samples in found.values()]
    known = [part for part in parts if part is not None]
    return float(sum(known)) if known else None


def _of_series(samples: store.Samples, read: str, begins: float) -> float | None:
    inside = samples.times >= begins
    if not inside.any():
        return None
    if read == "latest":
        return float(samples.values[-1])
    if read == "sum":
        return float(samples.values[inside].sum())
    first = max(int(np.argmax(inside)) - 1, 0)  # with the value before the stretch: what grew since then grew in it
    grown = np.diff(samples.values[first:])
    return float(np.where(grown < 0, samples.values[first + 1 :], grown).sum())
