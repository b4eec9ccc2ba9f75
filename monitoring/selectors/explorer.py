"""The metrics explorer: any measured thing, any environment and labels, as lines, as a table and as CSV."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from deployments.models import Deployment, Environment
from monitoring.models import Series
from monitoring.selectors.buckets import WAYS, Grid, grid_of
from monitoring.selectors.charts import Chart
from monitoring.selectors.drawing import Drawn, Query, Read, draw, lines_chart, moved, read_query
from monitoring.selectors.marks import deployment_marks, deployments_between
from monitoring.selectors.subjects import chosen, labels_of, series_of
from postdeploy.lib import words

#: So many series are read and so many lines are drawn; what is left out is said.
MOST_SERIES, MOST_LINES, MOST_RELEASES = 60, 8, 6
SPLIT_BY_ENVIRONMENT = "environment"


@dataclass(frozen=True)
class Exploration:
    """What the explorer found: lines on one grid, the chart of them, and what was left out, in sentences."""

    query: Query
    grid: Grid
    lines: list[Drawn]
    chart: Chart | None
    notes: list[str]
    label_values: dict[str, list[str]]

    @property
    def label(self) -> str:
        """Return the chart in words."""
        told = [f"{line.name} {words.quantity(line.median, self.query.subject.unit)}" for line in self.lines]
        how = WAYS[self.query.how].lower()
        return f"{self.query.subject.name}, {how}, {self.query.span.told}. Medians: {', '.join(told) or 'no data'}"


def explore(query: Query) -> Exploration:
    """Answer a query in a number of database queries that does not depend on how many series match."""
    everything = list(series_of(query.subject, query.environments))
    rows = chosen(everything, dict(query.labels))
    notes = []
    if len(rows) > MOST_SERIES:
        notes.append(f"{len(rows)} series match; the first {MOST_SERIES} are read. Choose labels to narrow them.")
        rows = rows[:MOST_SERIES]
    if query.compare:
        return _releases(query, rows, notes, _label_values(everything))
    lines, grid = read_query(query, rows, query.span.start, query.span.end)
    groups = _grouped(query, lines)
    if len(groups) > MOST_LINES:
        notes.append(f"{len(groups)} lines; the first {MOST_LINES} are drawn. Choose labels, or split by less.")
        groups = dict(list(groups.items())[:MOST_LINES])
    drawn = [draw(name or query.subject.name, group, grid, query.how) for name, group in groups.items()]
    marks = deployment_marks(
        deployments_between([row.pk for row in query.environments], query.span.start, query.span.end)
    )
    chart = lines_chart(query, grid, drawn) | {"marks": marks, "window": list(query.span.window)} if drawn else None
    return Exploration(query, grid, drawn, chart, notes, _label_values(everything))


def _label_values(rows: Iterable[Series]) -> dict[str, list[str]]:
    found: dict[str, set[str]] = {}
    for row in rows:
        for name, value in labels_of(row).items():
            found.setdefault(name, set()).add(value)
    return {name: sorted(values)[:200] for name, values in sorted(found.items())}


def _grouped(query: Query, lines: Sequence[Read]) -> dict[str, list[Read]]:
    groups: dict[str, list[Read]] = {}
    for read in lines:
        line = read.line
        name = (
            line.environment.name
            if query.split == SPLIT_BY_ENVIRONMENT
            else line.labels.get(query.split, f"no {query.split}")
            if query.split
            else ""
        )
        groups.setdefault(name, []).append(read)
    return groups


# --- this release against those before --------------------------------------------------------------------------------


def _releases(
    query: Query, rows: Sequence[Series], notes: list[str], label_values: dict[str, list[str]]
) -> Exploration:
    """The latest releases of the first environment, newest first, each from its start until the next one."""
    environment, now = query.environments[0], query.span.end
    if len(query.environments) > 1:
        notes.append(f"Releases are compared in one environment: {environment.name}.")
    rows = [row for row in rows if row.environment_id == environment.pk]
    grid = grid_of(0.0, query.span.length.total_seconds(), columns=query.columns, sample_step=60.0)
    drawn: list[Drawn] = []
    for release, start, end in _stretches(environment, query, now):
        lines, _ = read_query(query, rows, start, end)
        shifted = [moved(read, start.timestamp()) for read in lines]
        drawn.append(draw(release.version, shifted, grid, query.how, str(release.pk)))
    drawn = [_compared(line, drawn[index + 1 :], query.subject.unit) for index, line in enumerate(drawn)]
    if not drawn:
        notes.append(f"Nothing has gone live in {environment.name} yet.")
    chart = lines_chart(query, grid, drawn) | {"relative": True, "marks": [], "window": None} if drawn else None
    return Exploration(query, grid, drawn, chart, notes, label_values)


def _stretches(
    environment: Environment, query: Query, now: datetime
) -> Iterable[tuple[Deployment, datetime, datetime]]:
    live = Deployment.objects.succeeded().filter(environment=environment, finished_at__lte=now)
    following = now
    for release in live.order_by("-finished_at")[: min(query.compare, MOST_RELEASES)]:
        start = release.finished_at or now
        if following > start:
            yield release, start, min(following, start + query.span.length)
        following = start


def _compared(line: Drawn, earlier: Sequence[Drawn], unit: str) -> Drawn:
    """The line with what changed against the latest of the `earlier` ones that has data."""
    before = next((one for one in earlier if one.median is not None), None)
    if before is None or before.median is None or line.median is None:
        return line
    return replace(line, change=f"{words.change(before.median, line.median, unit)} against {before.name}")


# --- as a table -------------------------------------------------------------------------------------------------------


def as_rows(found: Exploration) -> tuple[list[str], list[list[object]]]:
    """Return the header and the rows of the lines; times are ISO 8601 in UTC, or seconds since a release."""
    unit = f" ({found.query.subject.unit})" if found.query.subject.unit else ""
    is_relative = bool(found.query.compare)
    header = ["seconds since release" if is_relative else "time", *(f"{line.name}{unit}" for line in found.lines)]
    columns = [line.values.tolist() for line in found.lines]
    rows: list[list[object]] = []
    for index, at in enumerate(found.grid.times.tolist()):
        cells = [None if column[index] != column[index] else column[index] for column in columns]
        if any(cell is not None for cell in cells):
            rows.append([round(at) if is_relative else datetime.fromtimestamp(at, UTC).isoformat(), *cells])
    return header, rows
