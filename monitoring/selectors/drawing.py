"""Series of a subject read and summed up as lines on one grid: what the explorer and the trends draw."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np

from deployments.models import Environment
from monitoring import store
from monitoring.models import Series
from monitoring.selectors.buckets import QUANTILES, Grid, grid_of, sum_up, sum_up_rollups, usual_step
from monitoring.selectors.charts import Chart, seconds, short
from monitoring.selectors.lines import Samples
from monitoring.selectors.spans import Span
from monitoring.selectors.subjects import Line, Subject, labels_of, read_subject
from monitoring.store import Floats, Rollups
from postdeploy.lib import words

#: From here on roll-ups stand for samples, where they can.
ROLLED_FROM = timedelta(days=3)


@dataclass(frozen=True)
class Query:
    """What is asked: `split` is "environment", a label, or "" for one line; `compare` is a number of releases."""

    subject: Subject
    environments: Sequence[Environment]
    span: Span
    how: str = "mean"
    labels: Mapping[str, str] = field(default_factory=dict)
    split: str = ""
    compare: int = 0
    columns: int = 800


@dataclass(frozen=True)
class Drawn:
    """One line: its values on the grid, and what its samples were; `change` is against the line before."""

    name: str
    values: Floats
    low: Floats
    high: Floats
    count: int
    median: float | None
    p95: float | None
    lowest: float | None
    highest: float | None
    latest: float | None
    change: str = ""
    deployment: str = ""


@dataclass(frozen=True)
class Read:
    """One series with its samples, or with roll-ups in their place."""

    line: Line
    rolled: Rollups | None = None


def _is_rolled(query: Query, length: timedelta) -> bool:
    return length > ROLLED_FROM and query.subject.is_plain and query.how not in QUANTILES


def read_query(query: Query, rows: Sequence[Series], start: datetime, end: datetime) -> tuple[list[Read], Grid]:
    """Return the series with what is stored of them from `start` to `end`, and the grid that it fills."""
    environments = {row.pk: row for row in query.environments}
    first, last = start.timestamp(), end.timestamp()
    if _is_rolled(query, end - start):
        grid = grid_of(first, last, columns=query.columns, sample_step=300.0)
        found = store.rollups([row.pk for row in rows], start, end, step=timedelta(seconds=grid.step))
        return [
            Read(Line(environments[row.environment_id], labels_of(row), row.pk), found[row.pk]) for row in rows
        ], grid
    lines = read_subject(query.subject, rows, environments, start, end)
    step = usual_step([line.samples for line in lines])
    return [Read(line) for line in lines], grid_of(first, last, columns=query.columns, sample_step=step)


def draw(name: str, group: Sequence[Read], grid: Grid, how: str, deployment: str = "") -> Drawn:
    """Return several series as one line."""
    rolled = [read.rolled for read in group if read.rolled is not None]
    summed = sum_up_rollups(rolled, grid, how) if rolled else sum_up([read.line.samples for read in group], grid, how)
    known = summed.values[~np.isnan(summed.values)]
    values = np.concatenate([read.line.samples.values for read in group]) if not rolled else known
    count = sum(int(line.count.sum()) for line in rolled) if rolled else len(values)
    return Drawn(
        name=name,
        values=summed.values,
        low=summed.least,
        high=summed.greatest,
        count=count,
        median=_quantile(values, 0.5),
        p95=_quantile(values, 0.95),
        lowest=_edge(summed.least, np.nanmin),
        highest=_edge(summed.greatest, np.nanmax),
        latest=float(known[-1]) if len(known) else None,
        deployment=deployment,
    )


def _quantile(values: Floats, share: float) -> float | None:
    return float(np.quantile(values, share)) if len(values) else None


def _edge(values: Floats, of: Callable[[Floats], float]) -> float | None:
    return float(of(values)) if len(values) and not np.isnan(values).all() else None


def lines_chart(query: Query, grid: Grid, drawn: Sequence[Drawn]) -> Chart:
    """Return the data of a chart of these lines."""
    return {
        "unit": query.subject.unit,
        "times": seconds(grid.times),
        "lines": [{"name": line.name, "values": short(line.values)} for line in drawn],
        "limit": limit_of(query.subject),
    }


def limit_of(subject: Subject) -> dict[str, object] | None:
    """Return the hard limit of a metric as charts show it."""
    if subject.metric is None or subject.metric.hard_limit is None:
        return None
    value = subject.metric.hard_limit
    return {"value": value, "label": f"hard limit {words.quantity(value, subject.unit)}"}


def moved(read: Read, start: float) -> Read:
    """Return the same with its times counted from `start`."""
    line = read.line
    samples = Samples(line.samples.times - start, line.samples.values)
    rolled = replace(read.rolled, starts=read.rolled.starts - start) if read.rolled is not None else None
    return Read(Line(line.environment, line.labels, line.series_id, samples), rolled)
