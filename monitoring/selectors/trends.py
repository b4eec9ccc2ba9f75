"""Trends: a line over weeks with the week before beneath it, what grew, and when a limit is reached."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from django.utils import timezone

from deployments.models import Environment
from monitoring import store
from monitoring.models import Series
from monitoring.selectors.charts import Chart, seconds, short
from monitoring.selectors.drawing import Drawn, Query, Read, draw, limit_of, read_query
from monitoring.selectors.marks import Mark, comparisons, deployment_marks, deployments_between
from monitoring.selectors.spans import Span
from monitoring.selectors.subjects import Subject, chosen, labels_of, series_of
from monitoring.store import Floats
from monitoring.trends import Capacity, Outlook, Part, bottleneck, capacity, matters, part_of
from postdeploy.lib import words

WEEK = timedelta(days=7)
HISTORY = timedelta(days=90)
HOUR = timedelta(hours=1)
#: Series of one metric that are looked through for what grew and for the first to be full.
MOST_PARTS = 40


@dataclass(frozen=True)
class Released:
    """What a line did while one release was live, and how that differs from the release before."""

    mark: Mark | None
    label: str
    at: datetime
    median: float
    p95: float
    change: str


@dataclass(frozen=True)
class Trend:
    """A line over a stretch of time, the same a week before, and what happened meanwhile."""

    query: Query
    chart: Chart | None
    now: Drawn | None
    before: Drawn | None
    marks: list[Mark]
    sentence: str
    releases: list[Released]
    bottleneck: str
    series_count: int


def trend(query: Query) -> Trend:
    """Return the trend of a subject in one environment, all its series as one line."""
    rows = chosen(series_of(query.subject, query.environments), dict(query.labels))
    span = query.span
    reads, grid = read_query(query, rows, span.start, span.end)
    marks = deployment_marks(
        deployments_between([environment.pk for environment in query.environments], span.start, span.end)
    )
    if not reads:
        return Trend(query, None, None, None, marks, _nothing(query), [], "", 0)
    now = draw(query.subject.name, reads, grid, query.how)
    earlier, week_grid = read_query(query, rows, span.start - WEEK, span.end - WEEK)
    week_grid = grid._replace(start=grid.start - WEEK.total_seconds())
    before = draw("a week before", earlier, week_grid, query.how)
    return Trend(
        query=query,
        chart=_chart(query, grid.times, now, before, marks),
        now=now,
        before=before,
        marks=marks,
        sentence=_sentence(query, now, before),
        releases=_releases(query, grid.times, now.values, marks),
        bottleneck=_what_grew(query, reads, marks),
        series_count=len(rows),
    )


def _chart(query: Query, times: Floats, now: Drawn, before: Drawn, marks: Sequence[Mark]) -> Chart | None:
    if not now.count:
        return None
    is_spread = bool(np.nanmax(now.high - now.low, initial=0.0) > 0) and query.how != "sum"
    return {
        "unit": query.subject.unit,
        "times": seconds(times),
        "values": short(now.values),
        "low": short(now.low) if is_spread else None,
        "high": short(now.high) if is_spread else None,
        "band": "least to greatest",
        "ghost": {"name": "a week before", "values": short(before.values)} if before.count else None,
        "marks": list(marks),
        "limit": limit_of(query.subject),
        "window": list(query.span.window),
    }


def _nothing(query: Query) -> str:
    return f"{query.subject.name} has sent nothing here yet."


def _sentence(query: Query, now: Drawn, before: Drawn) -> str:
    """What it is, and how that compares with the same time last week."""
    unit = query.subject.unit
    if now.median is None:
        return f"No data in {query.span.told}."
    told = f"Usually {words.quantity(_tidy(now.median), unit)} in {query.span.told}"
    if before.median is None:
        return f"{told}. There is nothing of the same time last week to compare it with."
    if not matters(Part("", before.median, now.median), least_share=0.05):
        return f"{told}, as in the same time last week."
    return f"{told}, {words.change(before.median, now.median, unit)} against the same time last week."


def _tidy(value: float) -> float:
    return float(f"{value:.3g}")


# --- releases ---------------------------------------------------------------------------------------------------------


def _releases(query: Query, times: Floats, values: Floats, marks: Sequence[Mark]) -> list[Released]:
    """What the line was between two marks, oldest first; stretches without samples are left out."""
    cuts = np.searchsorted(times, [mark["at"] for mark in marks])
    heads: list[Mark | None] = [None, *marks]
    found: list[Released] = []
    for head, part, at in zip(heads, np.split(values, cuts), [times[0], *(m["at"] for m in marks)], strict=True):
        known = part[~np.isnan(part)]
        if not len(known):
            continue
        median = float(np.median(known))
        change = words.change(found[-1].median, median, query.subject.unit) if found else ""
        label = head["label"] if head else "before"
        began = datetime.fromtimestamp(float(at), UTC)
        found.append(Released(head, label, began, _tidy(median), _tidy(float(np.quantile(known, 0.95))), change))
    return found


# --- what grew --------------------------------------------------------------------------------------------------------


def _what_grew(query: Query, reads: Sequence[Read], marks: Sequence[Mark]) -> str:
    """Which series grew most with the latest release that has samples on both sides, in words with numbers."""
    for since, cut, until, when in comparisons(marks, *query.span.window):
        parts = [part for read in reads[:MOST_PARTS] if (part := _part(read, since, cut, until))]
        if len(parts) > 1:
            return components_sentence(parts, query.subject, when)
    return ""


def _part(read: Read, since: float, cut: float, until: float) -> Part | None:
    if read.rolled is None:
        times, values = read.line.samples
    else:
        times, values = read.rolled.starts, read.rolled.total / read.rolled.count
    return part_of(read.line.name, values[(times >= since) & (times < cut)], values[(times >= cut) & (times < until)])


def components_sentence(parts: Sequence[Part], subject: Subject, when: str) -> str:
    """Return "handler /pay rose 310 → 450 ms with v1.42.0, 84 % of all growth; 3 others did not change."."""
    grown = bottleneck(parts, least_share=0.1)
    if grown is None:
        return f"None of the {len(parts)} series grew {when}."
    part, rest = grown.part, len(grown.unchanged)
    share = f", {round(grown.share * 100)}{words.NBSP}% of all growth" if grown.share < 1 else ""
    others = f"; {words.plural(rest, 'other')} did not change" if rest else ""
    return f"{part.name} rose {words.pair(_tidy(part.before), _tidy(part.after), subject.unit)} {when}{share}{others}."


# --- capacity ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outlooks:
    """When the series of a metric reach its limit, the first one first, and that in one sentence."""

    limit: float
    sentence: str
    rows: list[tuple[str, Capacity, str]]


def capacities(
    subject: Subject, environments: Sequence[Environment], *, limit: float, now: datetime, labels: dict[str, str]
) -> Outlooks:
    """Say when each series reaches `limit`, by the last 90 days; a metric that is bad when low falls to it."""
    rows = chosen(series_of(subject, environments), labels)[:MOST_PARTS]
    lines = _hourly(subject, rows, environments, now)
    found = [
        (name, capacity(*line, limit=limit, now=now.timestamp(), falling=subject.worse_when_lower))
        for name, line in lines.items()
    ]
    found.sort(key=lambda pair: (list(Outlook).index(pair[1].outlook), pair[1].reaches_at or 0.0))
    told = [(name, one, outlook_words(one, subject.unit, now)) for name, one in found]
    return Outlooks(limit, _first(told), told)


def _hourly(
    subject: Subject, rows: Sequence[Series], environments: Sequence[Environment], now: datetime
) -> dict[str, tuple[Floats, Floats]]:
    start = now - HISTORY
    if not subject.is_plain:
        query = Query(subject, environments, Span(start, now, ""), columns=2160)
        reads, _ = read_query(query, rows, start, now)
        return {read.line.name or subject.name: read.line.samples for read in reads}
    found = store.rollups([row.pk for row in rows], start, now, step=HOUR)
    return {
        ", ".join(f"{k} {v}" for k, v in sorted(labels_of(row).items())) or subject.name: (
            found[row.pk].starts,
            found[row.pk].total / found[row.pk].count,
        )
        for row in rows
    }


def _first(told: Iterable[tuple[str, Capacity, str]]) -> str:
    for name, _, sentence in told:
        return f"{name}: {sentence}"
    return "Nothing has been measured yet."


def outlook_words(one: Capacity, unit: str, now: datetime) -> str:
    """Return what is known of a limit in one sentence with its numbers."""
    limit = words.quantity(one.limit, unit)
    match one.outlook:
        case Outlook.TOO_LITTLE:
            return (
                f"too little history to say when it reaches {limit}: {_days(one.history_days)}, at least 3 days needed."
            )
        case Outlook.OVER:
            return f"it is at {words.quantity(_tidy(one.level or 0.0), unit)}, beyond {limit} already."
        case Outlook.STEADY:
            return f"no trend towards {limit}: it has stayed near {words.quantity(_tidy(one.level or 0.0), unit)}."
        case Outlook.AWAY:
            return f"it moves away from {limit}, by {words.quantity(_tidy(abs(one.per_day or 0.0)), unit)} a day."
        case Outlook.FAR:
            return f"it reaches {limit} later than {_days(one.history_days)} of history can tell."
        case _:
            return _reaches(one, limit, unit, now)


def _reaches(one: Capacity, limit: str, unit: str, now: datetime) -> str:
    grows = words.signed(_tidy(one.per_day or 0.0), unit)
    first, last = _date(one.earliest, now), _date(one.latest, now) if _is_near(one, now) else "much later"
    between = f" (between {first} and {last})" if first != last else ""
    return f"it reaches {limit} about {_date(one.reaches_at, now)}{between}, at {grows} a day."


def _is_near(one: Capacity, now: datetime) -> bool:
    return one.latest is not None and one.latest - now.timestamp() < 4 * 365 * 86_400.0


def _date(at: float | None, now: datetime) -> str:
    when = datetime.fromtimestamp(at or now.timestamp(), UTC)
    return words.date(timezone.localtime(when))


def _days(days: float) -> str:
    return words.duration(timedelta(days=days)) if days > 0 else "none"
