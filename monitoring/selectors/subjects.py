"""What can be drawn: the metrics of a project, and what its checks measure, under one kind of name."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from deployments.models import Environment, Project
from monitoring import measures, store
from monitoring.models import BadDirection, Metric, MetricKind, Series
from monitoring.selectors.lines import is_counter, read_lines
from monitoring.store import NOTHING, Samples
from monitoring.store.buckets import roll_up

#: What checks measure, by the key it has in an address: name, unit, aspect.
OF_CHECKS = {
    "check.response_time": ("Response time of checks", "ms", Series.RESPONSE_TIME),
    "check.dns": ("DNS of checks", "ms", "dns"),
    "check.connect": ("Connect of checks", "ms", "connect"),
    "check.tls": ("TLS of checks", "ms", "tls"),
    "check.first_byte": ("First byte of checks", "ms", "first_byte"),
    "check.up": ("Availability of checks", "%", Series.UP),
}
#: Numbers of these kinds add up over hosts and handlers; others are averaged.
ADD_UP = {MetricKind.THROUGHPUT, MetricKind.BUSINESS_COUNT, MetricKind.ERROR_COUNT}
#: A ratio is formed in buckets of so many seconds.
RATIO_STEP = 60.0


@dataclass(frozen=True)
class Subject:
    """A measured thing: a metric, or an aspect of checks."""

    key: str
    name: str
    unit: str
    metric: Metric | None = None
    aspect: str = ""

    @property
    def adds_up(self) -> bool:
        """Tell whether numbers of several series are added, not averaged."""
        return self.metric is not None and MetricKind(self.metric.kind) in ADD_UP

    @property
    def is_plain(self) -> bool:
        """Tell whether what is stored is what is drawn, so that roll-ups can stand for it."""
        return self.aspect != Series.UP and not (self.metric and (self.metric.is_counter or self.metric.is_ratio))

    @property
    def worse_when_lower(self) -> bool:
        """Tell whether falling is what is bad."""
        return self.aspect == Series.UP or (
            self.metric is not None and BadDirection(self.metric.bad_direction) is BadDirection.DOWN
        )


@dataclass(frozen=True)
class Line:
    """One series of a subject: where it was measured, its labels, and its samples; `series_id` is 0 for a ratio."""

    environment: Environment
    labels: dict[str, str]
    series_id: int
    samples: Samples = NOTHING
    step: float = field(default=60.0)

    @property
    def name(self) -> str:
        """Return its labels in words, "" without any."""
        return ", ".join(f"{name} {value}" for name, value in sorted(self.labels.items()))


def subjects_of(project: Project) -> list[Subject]:
    """Return all that can be drawn of a project, metrics by name first."""
    return [subject_of(metric) for metric in Metric.objects.of(project).order_by("name", "pk")] + [
        Subject(key, name, unit, aspect=aspect) for key, (name, unit, aspect) in OF_CHECKS.items()
    ]


def subject_of(metric: Metric) -> Subject:
    """Return a metric as something that can be drawn; a counter is drawn as its rate."""
    return Subject(metric.key, metric.name, metric.line_unit, metric)


# --- its series -------------------------------------------------------------------------------------------------------


def series_of(subject: Subject, environments: Collection[Environment]) -> QuerySet[Series]:
    """Return the rows that hold a subject's numbers; of a ratio those of its numerator."""
    rows = Series.objects.filter(environment__in=list(environments)).select_related("metric", "health_check")
    if subject.metric is None:
        return rows.filter(aspect=subject.aspect, health_check__isnull=False).order_by("health_check__name", "pk")
    metric = subject.metric.numerator_id if subject.metric.is_ratio else subject.metric.pk
    return rows.filter(metric=metric).order_by("environment_id", "labels_digest", "pk")


def labels_of(row: Series) -> dict[str, str]:
    """Return the labels of a series; of a check's its name and its component."""
    if row.health_check is None:
        return {str(name): str(value) for name, value in row.labels.items()}
    return {"check": row.health_check.name} | (
        {"component": row.health_check.component} if row.health_check.component else {}
    )


def chosen(rows: Iterable[Series], labels: dict[str, str]) -> list[Series]:
    """Return the rows that carry all these labels."""
    return [row for row in rows if labels.items() <= labels_of(row).items()]


def read_subject(
    subject: Subject, rows: Sequence[Series], environments: dict[int, Environment], start: datetime, end: datetime
) -> list[Line]:
    """Return the lines of `rows` with their samples: counters as rates, availability in per cent, ratios formed."""
    if subject.metric is not None and subject.metric.is_ratio:
        found = _ratios(subject.metric, rows, start, end)
    else:
        found = read_lines(rows, start, end)
    if subject.aspect == Series.UP:
        found = {pk: Samples(samples.times, samples.values * 100.0) for pk, samples in found.items()}
    return [Line(environments[row.environment_id], labels_of(row), row.pk, found[row.pk]) for row in rows]


def _ratios(metric: Metric, rows: Sequence[Series], start: datetime, end: datetime) -> dict[int, Samples]:
    """Each numerator's series over the denominator's with the same environment and labels."""
    wholes: dict[tuple[int, str], Series] = {
        (row.environment_id, row.labels_digest): row
        for row in Series.objects.filter(
            metric=metric.denominator_id, environment__in={row.environment_id for row in rows}
        ).select_related("metric")
    }
    pairs = {row.pk: (row, wholes.get((row.environment_id, row.labels_digest))) for row in rows}
    raw = store.read([part.pk for pair in pairs.values() for part in pair if part], start, end)
    return {pk: _ratio(part, whole, raw, metric.scale) for pk, (part, whole) in pairs.items()}


def _ratio(part: Series, whole: Series | None, raw: dict[int, Samples], scale: float) -> Samples:
    if whole is None:
        return NOTHING
    if is_counter(part) and is_counter(whole):
        times, values = measures.ratio(raw[part.pk], raw[whole.pk], RATIO_STEP)
        return Samples(times, values * scale)
    return _quotient(raw[part.pk], raw[whole.pk], scale)


def _quotient(part: Samples, whole: Samples, scale: float) -> Samples:
    """Two gauges, bucket by bucket; nothing has no shares."""
    tops, bottoms = (roll_up(*line, RATIO_STEP) for line in (part, whole))
    shared = [(top, bottom) for top, bottom in _joined(tops, bottoms) if bottoms.total[bottom]]
    if not shared:
        return NOTHING
    left, right = (list(column) for column in zip(*shared, strict=True))
    means = (tops.total[left] / tops.count[left]) / (bottoms.total[right] / bottoms.count[right])
    return Samples(tops.starts[left], means * scale)


def _joined(tops: Any, bottoms: Any) -> list[tuple[int, int]]:
    at = {start: index for index, start in enumerate(bottoms.starts.tolist())}
    return [(index, at[start]) for index, start in enumerate(tops.starts.tolist()) if start in at]
