"""How an environment changed: what grew since the latest release, phase by phase and metric by metric."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from deployments.models import Environment, Project
from monitoring import store
from monitoring.models import HealthCheck, Series
from monitoring.selectors.check_story import PHASES, phases_sentence
from monitoring.selectors.marks import Mark, comparisons, deployment_marks, deployments_between
from monitoring.selectors.spans import Span
from monitoring.selectors.subjects import OF_CHECKS, Subject, subjects_of
from monitoring.store import Floats, Rollups
from monitoring.trends import Part, matters, part_of
from postdeploy.lib import words

WEEK = timedelta(days=7)
#: Slots that medians are taken of, and how many points the small line has.
SLOTS = 96
LEAST_SLOT = timedelta(minutes=1)
#: So many lines are drawn; the others are named.
MOST_LINES = 40
LEAST_MS = 3.0


@dataclass(frozen=True)
class TrendRow:
    """One line of the page: a metric, or the response time of one check."""

    key: str
    subject: Subject
    name: str
    check_name: str
    metric_id: int | None
    check_id: int | None
    points: list[float | None]
    now: float | None
    week_ago: float | None
    told: str
    is_worse: bool

    @property
    def still(self) -> dict[str, object]:
        """Return the line as charts.js's still picture wants it, its times in slots."""
        return {"times": list(range(len(self.points))), "values": self.points} if self.now is not None else {}

    @property
    def label(self) -> str:
        """Return the line in words."""
        return f"{self.name}: {self.told}"


@dataclass(frozen=True)
class EnvironmentTrends:
    """The page: what grew, in sentences, and a line for everything that is measured."""

    environment: Environment
    span: Span
    marks: list[Mark]
    rows: list[TrendRow]
    left_out: list[str]
    phases: list[tuple[HealthCheck, str]]
    sentence: str


def environment_trends(project: Project, environment: Environment, span: Span) -> EnvironmentTrends:
    """Return the trends of an environment, in a number of queries that does not depend on what is measured there."""
    marks = deployment_marks(deployments_between([environment.pk], span.start, span.end))
    rows = list(Series.objects.filter(environment=environment).select_related("health_check", "metric").order_by("pk"))
    slot = _slot(span)
    now = store.rollups([row.pk for row in rows], span.start, span.end, step=slot)
    plain = [row.pk for row in rows if row.metric_id or row.aspect == Series.RESPONSE_TIME]
    before = store.rollups(plain, span.start - WEEK, span.end - WEEK, step=slot)
    found = _lines(project, rows, now, before, span)
    return EnvironmentTrends(
        environment=environment,
        span=span,
        marks=marks,
        rows=found[:MOST_LINES],
        left_out=[row.name for row in found[MOST_LINES:]],
        phases=_phases(rows, now, marks, span),
        sentence=_sentence(found, environment),
    )


def _slot(span: Span) -> timedelta:
    minutes = max(round(span.length / SLOTS / LEAST_SLOT), 1)
    return timedelta(minutes=next((step for step in (1, 2, 5, 15, 30, 60, 180, 360, 720) if step >= minutes), 1440))


def _sentence(rows: Sequence[TrendRow], environment: Environment) -> str:
    worse = [row.name for row in rows if row.is_worse]
    if not rows:
        return f"Nothing is measured in {environment.name} yet"
    if not worse:
        return f"Nothing in {environment.name} is worse than a week before"
    return f"{len(worse)} of {len(rows)} lines of {environment.name} are worse than a week before"


# --- lines ------------------------------------------------------------------------------------------------------------


def _lines(
    project: Project, rows: Sequence[Series], now: Mapping[int, Rollups], before: Mapping[int, Rollups], span: Span
) -> list[TrendRow]:
    by_metric: dict[int, list[Series]] = {}
    checks: list[Series] = []
    for row in rows:
        if row.metric_id is not None:
            by_metric.setdefault(row.metric_id, []).append(row)
        elif row.aspect == Series.RESPONSE_TIME and row.health_check:
            checks.append(row)
    subjects = {subject.metric.pk: subject for subject in subjects_of(project) if subject.metric}
    name, unit, aspect = OF_CHECKS["check.response_time"]
    of_checks = Subject("check.response_time", name, unit, aspect=aspect)
    found = [_row(subjects[pk], group, now, before, span) for pk, group in by_metric.items() if pk in subjects]
    found += [_row(of_checks, [row], now, before, span) for row in checks]
    return sorted(found, key=lambda row: (not row.is_worse, row.name.casefold()))


def _row(
    subject: Subject, group: Sequence[Series], now: Mapping[int, Rollups], before: Mapping[int, Rollups], span: Span
) -> TrendRow:
    check = group[0].health_check if subject.metric is None else None
    points = _together(subject, [now[row.pk] for row in group], span)
    earlier = _together(subject, [before[row.pk] for row in group], span, shift=WEEK.total_seconds())
    today, week_ago = _median(points), _median(earlier)
    return TrendRow(
        key=f"metric-{subject.metric.pk}" if subject.metric else f"check-{check.pk if check else 0}",
        subject=subject,
        name=f"{check.name} response time" if check else subject.name,
        check_name=check.name if check else "",
        metric_id=subject.metric.pk if subject.metric else None,
        check_id=check.pk if check else None,
        points=[None if value != value else value for value in points.tolist()],
        now=today,
        week_ago=week_ago,
        told=_told(subject, today, week_ago),
        is_worse=_is_worse(subject, today, week_ago),
    )


def _together(subject: Subject, rolled: Sequence[Rollups], span: Span, shift: float = 0.0) -> Floats:
    """Several series in the slots of the page as one line; NaN where there is nothing."""
    is_counter = subject.metric is not None and subject.metric.is_counter
    slot = _slot(span).total_seconds()
    first = span.window[0] // slot * slot
    size = int((span.window[1] - first) // slot) + 1
    sums, counts = np.zeros(size), np.zeros(size)
    for line in rolled:
        places = ((line.starts + shift - first) // slot).astype(np.int64)
        inside = (places >= 0) & (places < size)
        values = _rates(line) if is_counter else line.total / np.maximum(line.count, 1)
        inside &= ~np.isnan(values)
        np.add.at(sums, places[inside], values[inside])
        np.add.at(counts, places[inside], 1)
    width = max(len(rolled), 1) if subject.adds_up else 1
    found: Floats = np.divide(sums * width, counts, out=np.full(size, np.nan), where=counts > 0)
    return found


def _rates(line: Rollups) -> Floats:
    """What a counter grew by per second in each slot; NaN where it began again, or one sample says nothing."""
    width = float(np.min(np.diff(line.starts), initial=86_400.0)) if len(line.starts) > 1 else 60.0
    filled = width * line.count / max(int(line.count.max(initial=1)), 1)
    tells = (line.last >= line.first) & (line.count > 1)
    rates: Floats = np.where(tells, (line.last - line.first) / filled, np.nan)
    return rates


def _median(points: Floats) -> float | None:
    known = points[~np.isnan(points)]
    return float(f"{float(np.median(known)):.3g}") if len(known) else None


def _told(subject: Subject, now: float | None, week_ago: float | None) -> str:
    if now is None:
        return "no data"
    if week_ago is None:
        return f"{words.quantity(now, subject.unit)}, nothing a week before"
    if not matters(Part("", week_ago, now), least_share=0.05):
        return f"{words.quantity(now, subject.unit)}, as a week before"
    return f"{words.pair(week_ago, now, subject.unit)} in a week ({words.change(week_ago, now, subject.unit)})"


def _is_worse(subject: Subject, now: float | None, week_ago: float | None) -> bool:
    if now is None or week_ago is None:
        return False
    least = subject.metric.least_change if subject.metric else 0.2
    part = Part("", week_ago, now) if not subject.worse_when_lower else Part("", now, week_ago)
    return part.growth > 0 and matters(part, least_share=least)


# --- phases -----------------------------------------------------------------------------------------------------------


def _phases(
    rows: Sequence[Series], now: Mapping[int, Rollups], marks: Sequence[Mark], span: Span
) -> list[tuple[HealthCheck, str]]:
    """A sentence for each check in which a phase grew with the latest release."""
    for since, cut, until, when in comparisons(marks, *span.window):
        if found := _grown_phases(rows, now, since, cut, until):
            return [(check, phases_sentence(parts, when)) for check, parts in found]
    return []


def _grown_phases(
    rows: Sequence[Series], now: Mapping[int, Rollups], since: float, cut: float, until: float
) -> list[tuple[HealthCheck, list[Part]]]:
    names = dict(PHASES)
    parts: dict[int, list[Part]] = {}
    checks: dict[int, HealthCheck] = {}
    for row in rows:
        if row.health_check is None or row.aspect not in names:
            continue
        checks[row.health_check.pk] = row.health_check
        line = now[row.pk]
        values = line.total / np.maximum(line.count, 1)
        is_before = (line.starts >= since) & (line.starts < cut)
        is_after = (line.starts >= cut) & (line.starts < until)
        if part := part_of(names[row.aspect], values[is_before], values[is_after], least=3):
            parts.setdefault(row.health_check.pk, []).append(part)
    order = list(names.values())
    return [
        (checks[pk], sorted(found, key=lambda part: order.index(part.name)))
        for pk, found in parts.items()
        if any(part.growth > 0 and matters(part, least=LEAST_MS) for part in found)
    ]
