"""Lines for the page: thinned to the pixels there are, gaps left open, deployments marked.

Their shape is described in `static/js/charts.js`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from deployments.models import Deployment, DeploymentKind
from monitoring.store import Floats, Samples, thin

#: More points than this cannot be told apart on a screen.
POINTS = 400
#: A pause of more than so many ordinary steps is a gap.
GAP_STEPS = 2.5

Chart = dict[str, Any]
Band = tuple[float, float] | None


def deployment_marks(deployments: Iterable[Deployment]) -> list[dict[str, Any]]:
    """Return the upright lines of deployments that went live, in the order of time."""
    live = sorted((row for row in deployments if row.finished_at), key=lambda row: row.finished_at or row.occurred_at)
    return [_mark(row) for row in live]


def _mark(deployment: Deployment) -> dict[str, Any]:
    is_rollback = deployment.kind == DeploymentKind.ROLLBACK
    return {
        "at": deployment.finished_at.timestamp() if deployment.finished_at else 0.0,
        "label": f"{deployment.version} rollback" if is_rollback else deployment.version,
        "kind": "rollback" if is_rollback else "deploy",
    }


def deployments_between(environment_ids: Iterable[int], start: datetime, end: datetime) -> list[Deployment]:
    """Return what went live in these environments between `start` and `end`."""
    return list(
        Deployment.objects.succeeded()
        .filter(environment__in=list(environment_ids), finished_at__range=(start, end))
        .order_by("finished_at")
    )


def line_chart(
    samples: Samples,
    *,
    unit: str,
    marks: Sequence[dict[str, Any]] = (),
    limit: tuple[float, str] | None = None,
    band: Band = None,
    band_from: float | None = None,
) -> Chart:
    """Return the data of one chart; `band` is what was expected from `band_from` on (everywhere without it)."""
    times, values = _with_gaps(samples)
    low, high = _band(times, band, band_from)
    return {
        "unit": unit,
        "times": [round(time, 3) for time in times],
        "values": [None if value is None else _short(value) for value in values],
        "low": low,
        "high": high,
        "marks": list(marks),
        "limit": {"value": limit[0], "label": limit[1]} if limit else None,
    }


def _band(times: Sequence[float], band: Band, since: float | None) -> tuple[list[float | None] | None, ...]:
    if band is None:
        return None, None
    inside = [since is None or time >= since for time in times]
    return tuple([_short(edge) if is_in else None for is_in in inside] for edge in band)


def _short(value: float) -> float:
    """Six significant figures: no screen shows more, and the page is half as long."""
    return float(f"{value:.6g}")


def _with_gaps(samples: Samples) -> tuple[list[float], list[float | None]]:
    times: list[float] = []
    values: list[float | None] = []
    runs = _runs(samples)
    for run in runs:
        if times:
            times.append((times[-1] + float(run.times[0])) / 2)
            values.append(None)
        share = max(round(POINTS * len(run.times) / max(len(samples.times), 1)), 2)
        thinned = thin(run.times, run.values, share)
        times.extend(thinned.times.tolist())
        values.extend(thinned.values.tolist())
    return times, values


def _runs(samples: Samples) -> list[Samples]:
    """Stretches without a gap."""
    if not len(samples.times):
        return []
    cuts = np.flatnonzero(np.diff(samples.times) > GAP_STEPS * ordinary_step(samples.times)) + 1
    return [
        Samples(times, values)
        for times, values in zip(np.split(samples.times, cuts), np.split(samples.values, cuts), strict=True)
    ]


def ordinary_step(times: Floats) -> float:
    """Return the seconds between two samples that three in four are not above; a minute where there is no telling.

    Not the median: while an environment is watched its checks are read more often than otherwise.
    """
    return float(np.quantile(np.diff(times), 0.75)) if len(times) > 1 else 60.0


@dataclass(frozen=True)
class Stretch:
    """What a line did between two deployments, for the table beside the chart."""

    label: str
    start: float
    end: float
    count: int
    median: float
    p95: float
    highest: float


def stretches(samples: Samples, marks: Sequence[dict[str, Any]]) -> list[Stretch]:
    """Cut a line at its marks and sum each part up; parts without samples are left out."""
    if not len(samples.times):
        return []
    first = f"before {marks[0]['label']}" if marks else "whole time"
    labels = [first, *(f"since {mark['label']}" for mark in marks)]
    cuts = np.searchsorted(samples.times, [mark["at"] for mark in marks])
    parts = zip(labels, np.split(samples.times, cuts), np.split(samples.values, cuts), strict=True)
    return [_stretch(label, times, values) for label, times, values in parts if len(times)]


def _stretch(label: str, times: Floats, values: Floats) -> Stretch:
    return Stretch(
        label=label,
        start=float(times[0]),
        end=float(times[-1]),
        count=len(times),
        median=float(np.median(values)),
        p95=float(np.quantile(values, 0.95)),
        highest=float(values.max()),
    )
