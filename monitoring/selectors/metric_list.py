"""All metrics of a project: the latest value in each environment, and the last day as a small line."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from deployments.models import Environment, Project
from monitoring import measures, store
from monitoring.models import Metric, MetricCategory, Series
from monitoring.selectors.subjects import Subject, subject_of
from monitoring.store import Rollups, Sample
from postdeploy.lib import words
from postdeploy.lib.sheets import Sheet, sheet_of

DAY = timedelta(days=1)
#: Slots of the small line, and how wide each is.
SLOTS, SLOT = 96, timedelta(minutes=15)
#: A metric that has sent nothing for this long is silent.
SILENT_AFTER = timedelta(minutes=15)
#: The small lines of so many series are read; a list of more shows the latest values only.
MOST_SPARKS = 400
#: Metrics on one sheet of the list.
PAGE = 100


@dataclass(frozen=True)
class Cell:
    """A metric in one environment; `value` is None where nothing ever came."""

    environment: Environment
    value: float | None
    at: datetime | None
    is_silent: bool
    series: int


@dataclass(frozen=True)
class MetricRow:
    """One metric as a line of the list; `points` are of `shown_in`, with None for gaps."""

    metric: Metric
    subject: Subject
    cells: list[Cell]
    points: list[float | None]
    shown_in: Environment | None
    label: str


@dataclass(frozen=True)
class MetricsPage:
    """The list: a sheet of metrics by category, and how many there are; `are_drawn`: their lines were read."""

    groups: list[tuple[str, list[MetricRow]]]
    sheet: Sheet[Metric]
    are_drawn: bool
    environments: list[Environment]
    total: int
    silent: int
    sentence: str


def metrics_page(
    project: Project,
    environments: Sequence[Environment],
    *,
    now: datetime,
    text: str = "",
    category: str = "",
    page: str = "",
) -> MetricsPage:
    """Return a sheet of the metrics of `project` whose name or key has all words of `text`.

    The number of queries is fixed; lines of the last day are read for what is on the sheet.
    """
    metrics = list(Metric.objects.of(project).order_by("name", "pk"))
    shown = [metric for metric in metrics if _matches(metric, text, category)]
    series = _series(shown, environments)
    order = {category.value: place for place, category in enumerate(MetricCategory)}
    sheet = sheet_of(sorted(shown, key=lambda metric: order.get(metric.category, len(order))), page, PAGE)
    on_it = {metric.pk for metric in sheet.rows}
    ids = [row.pk for (metric, _), rows in series.items() if metric in on_it for row in rows]
    latest = _latest(series, shown)
    slots = store.rollups(ids, now - DAY, now, step=SLOT) if len(ids) <= MOST_SPARKS else {}
    rows = [_row(metric, environments, series, latest, slots, now) for metric in shown]
    silent = sum(
        not row.metric.is_ratio and all(cell.is_silent or cell.value is None for cell in row.cells) for row in rows
    )
    return MetricsPage(
        groups=_grouped(row for row in rows if row.metric.pk in on_it),
        sheet=sheet,
        are_drawn=len(ids) <= MOST_SPARKS,
        environments=list(environments),
        total=len(metrics),
        silent=silent,
        sentence=_sentence(len(rows), silent),
    )


def _latest(series: Mapping[tuple[int, int], list[Series]], metrics: Sequence[Metric]) -> dict[int, Sample]:
    """The newest value of each series; of a counter the rate between its newest two."""
    counters = {metric.pk for metric in metrics if metric.is_counter}
    rates = [row.pk for (metric, _), rows in series.items() if metric in counters for row in rows]
    found = store.latest([row.pk for (metric, _), rows in series.items() if metric not in counters for row in rows])
    for pk, samples in store.tail(rates, 2).items():
        times, values = measures.rate(*samples)
        if len(times):
            found[pk] = Sample(datetime.fromtimestamp(times[-1], UTC), float(values[-1]))
    return found


def _matches(metric: Metric, text: str, category: str) -> bool:
    told = f"{metric.name} {metric.key} {metric.description}".casefold()
    return category in ("", metric.category) and all(word in told for word in text.casefold().split())


def _series(metrics: Sequence[Metric], environments: Sequence[Environment]) -> dict[tuple[int, int], list[Series]]:
    rows = Series.objects.filter(environment__in=list(environments), metric__in=metrics).order_by("pk")
    found: defaultdict[tuple[int, int], list[Series]] = defaultdict(list)
    for row in rows:
        if row.metric_id is not None:
            found[row.metric_id, row.environment_id].append(row)
    return found


def _row(
    metric: Metric,
    environments: Sequence[Environment],
    series: Mapping[tuple[int, int], list[Series]],
    latest: Mapping[int, Sample],
    slots: Mapping[int, Rollups],
    now: datetime,
) -> MetricRow:
    subject = subject_of(metric)
    cells = [_cell(subject, environment, series.get((metric.pk, environment.pk), []), latest, now)
             for environment in environments]  # fmt: skip
    shown_in = next((cell.environment for cell in cells if cell.value is not None), None)
    rows = series.get((metric.pk, shown_in.pk), []) if shown_in else []
    points = _points(subject, [slots[row.pk] for row in rows if row.pk in slots], now)
    return MetricRow(metric, subject, cells, points, shown_in, _label(subject, shown_in, points))


def _cell(
    subject: Subject, environment: Environment, rows: Sequence[Series], latest: Mapping[int, Sample], now: datetime
) -> Cell:
    """The latest samples of all series together: added up or averaged, as the metric's numbers go."""
    found = [latest[row.pk] for row in rows if row.pk in latest]
    if not found:
        return Cell(environment, None, None, is_silent=False, series=len(rows))
    newest = max(sample.at for sample in found)
    fresh = [sample.value for sample in found if sample.at > newest - SILENT_AFTER]
    value = sum(fresh) if subject.adds_up else sum(fresh) / len(fresh)
    return Cell(environment, value, newest, is_silent=newest < now - SILENT_AFTER, series=len(rows))


def _points(subject: Subject, rolled: Sequence[Rollups], now: datetime) -> list[float | None]:
    """The last day in slots; of a counter what it grew by."""
    sums, counts = np.zeros(SLOTS), np.zeros(SLOTS)
    is_counter = subject.metric is not None and subject.metric.is_counter
    first = now.timestamp() - SLOTS * SLOT.total_seconds()
    for line in rolled:
        places = ((line.starts - first) // SLOT.total_seconds()).astype(np.int64)
        values = np.maximum(line.last - line.first, 0.0) if is_counter else line.total / np.maximum(line.count, 1)
        inside = (places >= 0) & (places < SLOTS) & ((line.last >= line.first) | (not is_counter))
        np.add.at(sums, places[inside], values[inside])
        np.add.at(counts, places[inside], 1)
    if not counts.any():
        return []
    adds = subject.adds_up or is_counter
    return [None if not n else float(s if adds else s / n) for s, n in zip(sums, counts, strict=True)]


def _label(subject: Subject, environment: Environment | None, points: Iterable[float | None]) -> str:
    known = [point for point in points if point is not None]
    if environment is None or not known:
        return f"{subject.name}: nothing in the last day"
    low, high = words.quantity(_tidy(min(known)), subject.unit), words.quantity(_tidy(max(known)), subject.unit)
    return f"{subject.name} in {environment.name}, last 24{words.NBSP}h: {low} to {high}"


def _tidy(value: float) -> float:
    return float(f"{value:.3g}")


def _grouped(rows: Iterable[MetricRow]) -> list[tuple[str, list[MetricRow]]]:
    groups: dict[str, list[MetricRow]] = {}
    for category in MetricCategory:
        groups[category] = []
    for row in rows:
        groups.setdefault(row.metric.category, []).append(row)
    return [(str(MetricCategory(name).label), found) for name, found in groups.items() if found]


def _sentence(shown: int, silent: int) -> str:
    if not shown:
        return "No metrics"
    if not silent:
        return f"{words.plural(shown, 'metric')}, all sending"
    return f"{words.plural(shown, 'metric')}, {silent} silent"
