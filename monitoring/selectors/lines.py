"""Samples as people mean them: a counter as its rate per second, a ratio divided, everything else as it was sent."""

from collections.abc import Collection, Iterable
from datetime import datetime

from monitoring import measures, store
from monitoring.models import Series
from monitoring.selectors.ratios import Read, ratio_lines
from monitoring.store import NOTHING, Samples, thin

__all__ = [
    "NOTHING",
    "Read",
    "Samples",
    "is_counter",
    "lines_of",
    "read_lines",
    "response_times",
    "series_of_checks",
    "thin",
    "unit_of",
]


def read_lines(
    rows: Collection[Series], start: datetime, end: datetime, *, read: Read = store.read
) -> dict[int, Samples]:
    """Return the samples of each series from `start` to before `end`, by its id; `rows` know their metric."""
    ratios = [row for row in rows if row.metric is not None and row.metric.is_ratio]
    found = read([row.pk for row in rows], start, end)
    for row in rows:
        if is_counter(row):
            found[row.pk] = Samples(*measures.rate(*found[row.pk]))
    return found | ratio_lines(ratios, start, end, read=read) if ratios else found


def lines_of(
    series_ids: Collection[int], start: datetime, end: datetime, *, read: Read = store.read
) -> dict[int, Samples]:
    """Return the same for series of which only the ids are known; one that is gone has no samples."""
    rows = list(Series.objects.filter(pk__in=list(series_ids)).select_related("metric"))
    found = read_lines(rows, start, end, read=read)
    return {series: found.get(series, NOTHING) for series in series_ids}


def series_of_checks(check_ids: Iterable[int]) -> dict[tuple[int, str], int]:
    """Return the ids of the series of checks, by check and aspect."""
    rows = Series.objects.filter(health_check__in=list(check_ids)).values_list("health_check_id", "aspect", "pk")
    return {(check, aspect): pk for check, aspect, pk in rows if check is not None}


def response_times(check_ids: Collection[int], start: datetime, end: datetime) -> dict[int, Samples]:
    """Return the response times of checks in milliseconds, by the id of the check; empty where there are none."""
    rows = Series.objects.filter(health_check__in=list(check_ids), aspect=Series.RESPONSE_TIME)
    series = {check: pk for check, pk in rows.values_list("health_check_id", "pk") if check is not None}
    found = store.read(list(series.values()), start, end)
    return {check: found.get(series.get(check, 0), NOTHING) for check in check_ids}


def is_counter(row: Series) -> bool:
    """Tell whether a series only ever counts up, so that its rate is what people mean."""
    return row.metric is not None and row.metric.is_counter


def unit_of(row: Series) -> str:
    """Return the unit of the line: of a counter per second, of a check milliseconds."""
    if row.metric is None:
        return "ms"
    return row.metric.line_unit
