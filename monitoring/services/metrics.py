"""Taking in samples of metrics; what is not known yet is made, with a sensible guess at what it is."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from deployments.models import Environment, Project
from monitoring import store
from monitoring.catalogue import guess
from monitoring.formats.samples import Point
from monitoring.models import Metric, Series

#: Labels multiply; beyond this a label is most likely an id.
MAX_SERIES_OF_PROJECT = 2000

SeriesKey = tuple[str, str]


class TooManySeries(Exception):
    """The samples would make more series than a project may have; the text is a sentence."""


@dataclass(frozen=True, slots=True)
class Ingested:
    """How many samples were new, and how many had been stored before."""

    accepted: int
    known: int


def ingest(*, environment: Environment, points: Sequence[Point], now: datetime) -> Ingested:
    """Store `points` of `environment`; a sample that is stored already changes nothing.

    Raises TooManySeries, and then nothing is stored.
    """
    with transaction.atomic():
        metrics = _metrics(environment.project, points, now)
        series = _series(environment, metrics, points, now)
        ids = [series[point.series] for point in points]
        new = _count_new(ids, points)
        store.append(ids, [store.microseconds(point.at) for point in points], [point.value for point in points])
    return Ingested(accepted=new, known=len(points) - new)


def _count_new(series_ids: Sequence[int], points: Sequence[Point]) -> int:
    if not points:
        return 0
    times = [point.at for point in points]
    stored = store.read(set(series_ids), min(times), max(times) + timedelta(microseconds=1))
    known = {(series, at) for series, samples in stored.items() for at in samples.times.tolist()}
    return len({(series, at.timestamp()) for series, at in zip(series_ids, times, strict=True)} - known)


def _metrics(project: Project, points: Iterable[Point], now: datetime) -> dict[str, Metric]:
    units: dict[str, str] = {}
    for point in points:
        units[point.metric] = units.get(point.metric) or point.unit
    found = _known_metrics(project, units)
    missing = [_guessed(project, key, unit, now) for key, unit in units.items() if key not in found]
    if not missing:
        return found
    Metric.objects.bulk_create(missing, ignore_conflicts=True)
    return _known_metrics(project, units)


def _known_metrics(project: Project, keys: Iterable[str]) -> dict[str, Metric]:
    return {metric.key: metric for metric in Metric.objects.filter(project=project, key__in=list(keys))}


def _guessed(project: Project, key: str, unit: str, now: datetime) -> Metric:
    found = guess(key, unit)
    return Metric(
        project=project,
        key=key,
        name=found.name,
        unit=found.unit,
        kind=found.kind,
        category=found.category,
        bad_direction=found.bad_direction,
        created_at=now,
    )


def _series(
    environment: Environment, metrics: Mapping[str, Metric], points: Iterable[Point], now: datetime
) -> dict[SeriesKey, int]:
    wanted = {point.series: point for point in points}
    found = _known_series(environment, metrics)
    missing = [
        Series(
            environment=environment,
            metric=metrics[key[0]],
            labels=dict(point.labels),
            labels_digest=key[1],
            created_at=now,
        )
        for key, point in wanted.items()
        if key not in found
    ]
    if not missing:
        return found
    _refuse_too_many(environment.project, len(missing))
    Series.objects.bulk_create(missing, ignore_conflicts=True)
    return _known_series(environment, metrics)


def _known_series(environment: Environment, metrics: Mapping[str, Metric]) -> dict[SeriesKey, int]:
    rows = Series.objects.filter(environment=environment, metric__in=list(metrics.values()))
    return {(key, digest): pk for key, digest, pk in rows.values_list("metric__key", "labels_digest", "pk") if key}


def _refuse_too_many(project: Project, new: int) -> None:
    has = Series.objects.filter(metric__project=project).count()
    if has + new > MAX_SERIES_OF_PROJECT:
        raise TooManySeries(
            f"These samples would make {new} new series; the project has {has} and may have {MAX_SERIES_OF_PROJECT}."
            " A label with many values, such as an id, is the usual cause: leave it out."
        )
