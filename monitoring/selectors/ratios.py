"""Series of ratios: two metrics' series with the same environment and labels, divided; such as the average of a
histogram from its sum and count."""

from collections.abc import Callable, Collection
from datetime import datetime

import numpy as np
from django.db.models import Q

from monitoring import measures, store
from monitoring.models import Metric, Series
from monitoring.store import NOTHING, Samples

#: Counters are divided by what they grew in each minute; senders report at least so often.
STEP = 60.0
_Key = tuple[int, int, str]
#: How samples are read: `store.read`, or what stands in for it.
Read = Callable[[Collection[int], datetime, datetime], dict[int, Samples]]


def ratio_lines(
    rows: Collection[Series], start: datetime, end: datetime, *, read: Read = store.read
) -> dict[int, Samples]:
    """Return the quotient of each series of a ratio, by its id; `rows` know their metric. Two queries and one read."""
    parts = _parts(rows)
    raw = read([part.pk for part in parts.values()], start, end)
    return {row.pk: _line(row, row.metric, parts, raw) for row in rows if row.metric is not None}


def with_parts(series_ids: Collection[int]) -> set[int]:
    """Return the ids of these series, and of those that the ratios among them are computed of. Two queries."""
    rows = Series.objects.filter(pk__in=list(series_ids), metric__numerator__isnull=False).select_related("metric")
    ratios = [row for row in rows if row.metric is not None and row.metric.is_ratio]
    return {*series_ids, *(part.pk for part in _parts(ratios).values())} if ratios else set(series_ids)


def _parts(rows: Collection[Series]) -> dict[_Key, Series]:
    metrics = [row.metric for row in rows if row.metric is not None]
    wanted = {pk for metric in metrics for pk in (metric.numerator_id, metric.denominator_id)}
    found = Series.objects.filter(
        Q(environment__in={row.environment_id for row in rows}, labels_digest__in={row.labels_digest for row in rows}),
        metric__in=wanted,
    ).select_related("metric")
    return {(part.metric_id or 0, part.environment_id, part.labels_digest): part for part in found}


def _line(row: Series, metric: Metric, parts: dict[_Key, Series], raw: dict[int, Samples]) -> Samples:
    part, whole = (
        parts.get((pk or 0, row.environment_id, row.labels_digest))
        for pk in (metric.numerator_id, metric.denominator_id)
    )
    if part is None or whole is None or part.metric is None:
        return NOTHING
    divide = measures.ratio if part.metric.is_counter else _at_once
    times, values = divide(raw[part.pk], raw[whole.pk], STEP)
    return Samples(times, values * metric.scale)


def _at_once(part: measures.Line, whole: measures.Line, step: float) -> measures.Line:
    """Divide what was measured at the same time; nothing has no shares."""
    times, tops, bottoms = np.intersect1d(part[0], whole[0], assume_unique=True, return_indices=True)
    counts = whole[1][bottoms] != 0
    return times[counts], part[1][tops[counts]] / whole[1][bottoms[counts]]
