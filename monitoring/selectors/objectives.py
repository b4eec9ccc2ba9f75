"""What objectives counted: their tallies, read as roll-ups so that 30 days are as cheap as an hour."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np

from monitoring import rules, store
from monitoring.models import Metric, Objective, ObjectiveKind, Series
from monitoring.rules import Line, Tally
from monitoring.rules.values import Spans

MINUTE = timedelta(minutes=1)


def tally_of(
    objective: Objective, start: datetime, end: datetime, *, step: timedelta = MINUTE, spans: Spans = ()
) -> Tally:
    """Return what `objective` counted between `start` and `end`, in buckets of `step`; `spans` are left out."""
    if objective.kind == ObjectiveKind.CHECK:
        return _of_check(objective, start, end, step, spans)
    part, whole = (_counted(objective, metric, start, end, step) for metric in (objective.part, objective.whole))
    seconds = step.total_seconds()
    if objective.kind == ObjectiveKind.BAD:
        return rules.cut(part, whole, step=seconds, spans=spans)
    good = rules.cut(part, whole, step=seconds, spans=spans)
    return Tally(good.times, np.maximum(good.total - good.bad, 0.0), good.total)


def _of_check(objective: Objective, start: datetime, end: datetime, step: timedelta, spans: Spans) -> Tally:
    rows = Series.objects.filter(health_check=objective.health_check_id, aspect=Series.UP)
    series = list(rows.values_list("pk", flat=True))
    bad, total = [rules.NOTHING], [rules.NOTHING]
    for found in store.rollups(series, start, end, step=step).values():
        ends = found.starts + step.total_seconds()
        bad.append(Line(ends, found.count - found.total))
        total.append(Line(ends, found.count.astype(np.float64)))
    return rules.by_time(rules.cut(_joined(bad), _joined(total), step=step.total_seconds(), spans=spans))


def _counted(objective: Objective, metric: Metric | None, start: datetime, end: datetime, step: timedelta) -> Line:
    """How many of `metric` there were: the growth of a counter, the sum of what was sent otherwise."""
    if metric is None:
        return rules.NOTHING
    rows = Series.objects.filter(metric=metric, environment=objective.environment_id)
    found = store.rollups(list(rows.values_list("pk", flat=True)), start, end, step=step)
    is_counter = getattr(metric, "is_counter", False)
    parts = [
        rules.increments(Line(one.starts + step.total_seconds(), one.last))
        if is_counter
        else Line(one.starts + step.total_seconds(), one.total)
        for one in found.values()
    ]
    return _joined(parts)


def _joined(lines: Sequence[Line]) -> Line:
    if not lines:
        return rules.NOTHING
    return Line(np.concatenate([line.times for line in lines]), np.concatenate([line.values for line in lines]))
