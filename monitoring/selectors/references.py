"""Deployments that others may be compared with, and what a verdict was compared with, in words."""

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import Case, Exists, F, OuterRef, Q, When, Window
from django.db.models.functions import RowNumber

from deployments.models import Deployment
from monitoring.judge.stretches import merged
from monitoring.models import MonitoringPeriod, MonitoringPolicy, Stage, Verdict
from monitoring.watch import BAD
from postdeploy.lib import words

#: So many of an environment can be chosen from.
CHOICES = 20


def references_for(policies: Sequence[MonitoringPolicy]) -> dict[int, list[Deployment]]:
    """Return by environment the latest healthy deployments and the one that is pinned, the newest first; one query."""
    environments = [policy.environment_id for policy in policies]
    pinned = {policy.reference_id for policy in policies if policy.reference_id}
    periods = MonitoringPeriod.objects.filter(deployment=OuterRef("pk"))
    is_healthy = Exists(periods.filter(stage=Stage.INITIAL, result="HEALTHY")) & ~Exists(periods.filter(result__in=BAD))
    order = [F("is_pinned").desc(), F("finished_at").desc(), F("id").desc()]
    rows = (
        Deployment.objects.succeeded()
        .annotate(is_pinned=Case(When(pk__in=pinned, then=1), default=0))
        .filter(is_healthy | Q(is_pinned=1), environment__in=environments)
        .annotate(place=Window(RowNumber(), partition_by="environment", order_by=order))
        .filter(place__lte=CHOICES)
    )
    found: defaultdict[int, list[Deployment]] = defaultdict(list)
    for row in rows.select_related("environment").order_by("-finished_at", "-id"):
        found[row.environment_id].append(row)
    return found


@dataclass(frozen=True)
class ComparedWith:
    """What a verdict was compared with. `version` is of a pinned reference, `left_out` lists what did not count.

    `planned` are the stretches of planned maintenance that were left out of what was judged.
    """

    deployment: uuid.UUID | None
    version: str
    left_out: tuple[str, ...]
    seconds_left_out: float
    no_reference: str
    planned: tuple[tuple[datetime, datetime], ...] = ()

    @property
    def left_out_words(self) -> str:
        """Such as "2 outages, v1.1.0 (3 h 20 min)"; empty when nothing was left out."""
        if not self.left_out:
            return ""
        return f"{', '.join(self.left_out)} ({words.duration(self.seconds_left_out)})"


def compared_with(inputs: Mapping[str, Any]) -> ComparedWith:
    """Return what the inputs of a verdict say that it was compared with."""
    reference = inputs.get("reference") or {}
    left_out = reference.get("left_out", inputs.get("left_out", []))
    return ComparedWith(
        deployment=uuid.UUID(reference["deployment"]) if reference else None,
        version=reference.get("version", ""),
        left_out=tuple(_named(left_out)),
        seconds_left_out=sum(end - start for start, end in _together(left_out)),
        no_reference=inputs.get("no_reference", ""),
        planned=_planned(inputs),
    )


def comparison_of(verdict_id: int | None) -> ComparedWith | None:
    """Return what the verdict of this id was compared with; None without one. One query."""
    kept = (
        "inputs__left_out", "inputs__reference", "inputs__no_reference", "inputs__planned", "inputs__window__opens_at"
    )  # fmt: skip
    row = Verdict.objects.filter(pk=verdict_id).values(*kept).first() if verdict_id else None
    if row is None:
        return None
    return compared_with({name.removeprefix("inputs__"): value for name, value in row.items() if value is not None})


def _planned(inputs: Mapping[str, Any]) -> tuple[tuple[datetime, datetime], ...]:
    """Of the time that was judged; the period opens when the deployment is live, or the initial watch is over."""
    opens_at = inputs.get("window__opens_at", 0.0)
    spans = ((max(start, opens_at), end) for start, end in inputs.get("planned", ()))
    return tuple((datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC)) for start, end in merged(spans))


def _together(left_out: Sequence[Mapping[str, Any]]) -> tuple[tuple[float, float], ...]:
    spans = [(start, end) for one in left_out if one["kind"] != "PROBER" for start, end in one["spans"]]
    return merged(spans)


def _named(left_out: Sequence[Mapping[str, Any]]) -> list[str]:
    """In words: outages and maintenance by their number, deployments by their version; not what only checks missed."""
    counts: defaultdict[str, int] = defaultdict(int)
    for one in left_out:
        counts[one["kind"]] += one["count"]
    versions = [one["name"] for one in left_out if one["kind"] == "DEPLOYMENT"]
    named = [
        words.plural(counts[kind], noun)
        for kind, noun in (("OUTAGE", "outage"), ("MAINTENANCE", "planned window"))
        if counts[kind]
    ]
    return named + versions
