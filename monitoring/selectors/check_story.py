"""The story of one check: where its time goes, its outages, its latest failures, and what is planned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet

from deployments.models import Deployment
from monitoring import store
from monitoring.models import Failure, HealthCheck, Outage, Series
from monitoring.selectors.charts import COLUMNS, Chart, Stretch, line_chart, phases_chart, stretches
from monitoring.selectors.checks import AVAILABILITY_OVER, CheckRow, check_rows
from monitoring.selectors.lines import NOTHING, Samples, series_of_checks
from monitoring.selectors.locations import Location, locations
from monitoring.selectors.maintenance import Planned, planned, shaded, windows_over
from monitoring.selectors.marks import Mark, comparisons, deployment_marks, deployments_between
from monitoring.selectors.spans import RANGES, Span, latest_span
from monitoring.trends import Part, bottleneck, part_of
from postdeploy.lib import words

#: What a reading's time is made of, in the order of time; the rest is the body and our own reading of it.
PHASES = (("dns", "DNS"), ("connect", "Connect"), ("tls", "TLS"), ("first_byte", "First byte"))
REST = "Rest"
#: A phase that grew by less, in milliseconds, is no bottleneck.
LEAST_MS = 3.0
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class OutageStory:
    """An outage, how long it lasted, and the deployment that had gone live before it."""

    outage: Outage
    lasted: timedelta
    deployment: Deployment | None
    after: timedelta | None


@dataclass(frozen=True)
class CheckStory:
    """All that the page of one check shows."""

    row: CheckRow
    location: Location | None
    span: Span
    chart: Chart | None
    chart_label: str
    where_it_goes: str
    stretches: list[Stretch]
    latest_phases: list[tuple[str, float]]
    outages: list[OutageStory]
    outage_count: int
    failures: list[Failure]
    maintenance: list[Planned]


def check_story(
    check: HealthCheck,
    *,
    now: datetime,
    over: timedelta = RANGES["3h"],
    span: Span | None = None,
    columns: int = COLUMNS,
) -> CheckStory:
    """Return the story of one check; its chart goes `over` so much until now, or over `span`."""
    (row,) = check_rows([check], now=now, with_titles=True)
    span = span or latest_span(over, now)
    lines = _lines(check, span)
    total = lines[Series.RESPONSE_TIME]
    marks = deployment_marks(deployments_between([check.environment_id], span.start, span.end))
    windows = windows_over(check, span.start)
    recent = check.outages.between(now - AVAILABILITY_OVER, now)
    return CheckStory(
        row=row,
        location=next(iter(locations(check.location)), None) if check.location else None,
        span=span,
        chart=_chart(check, lines, marks, span, columns) | {"spans": shaded(windows, span)}
        if len(total.times)
        else None,
        chart_label=_chart_label(check, total, span),
        where_it_goes=_where_it_goes(lines, marks, span),
        stretches=stretches(total, marks),
        latest_phases=_latest(lines),
        outages=_outage_stories(check, recent, now),
        outage_count=recent.count(),
        failures=list(check.failures.order_by("-scheduled_at")[:10]),
        maintenance=planned(windows, now),
    )


# --- where the time goes ----------------------------------------------------------------------------------------------


def _lines(check: HealthCheck, span: Span) -> dict[str, Samples]:
    aspects = {Series.RESPONSE_TIME, *(aspect for aspect, _ in PHASES)}
    series = {aspect: pk for (_, aspect), pk in series_of_checks([check.pk]).items() if aspect in aspects}
    found = store.read(list(series.values()), span.start, span.end + MINUTE)
    return {aspect: found.get(series.get(aspect, 0), NOTHING) for aspect in aspects}


def _chart(check: HealthCheck, lines: Mapping[str, Samples], marks: Sequence[Mark], span: Span, columns: int) -> Chart:
    total = lines[Series.RESPONSE_TIME]
    limit_ms = check.max_response_ms
    limit = (limit_ms, f"limit {words.quantity(limit_ms, 'ms')}") if limit_ms else None
    phases = [(name, lines[aspect]) for aspect, name in PHASES if len(lines[aspect].times)]
    if not phases:
        return line_chart(total, unit="ms", marks=marks, limit=limit, columns=columns, window=span.window)
    return phases_chart(total, phases, rest=REST, marks=marks, limit=limit, columns=columns, window=span.window)


def _chart_label(check: HealthCheck, samples: Samples, span: Span) -> str:
    if not len(samples.times):
        return f"{check.name}: no answers in {span.told}"
    low, high = words.number(round(samples.values.min())), words.quantity(round(samples.values.max()), "ms")
    what = "Run time" if check.ping_key else "Response time"
    return f"{what} of {check.name} over {span.told}: {low} to {high}"


def _where_it_goes(lines: Mapping[str, Samples], marks: Sequence[Mark], span: Span) -> str:
    """One sentence: which phase grew with the latest deployment that has readings on both sides, and which did not."""
    for since, cut, until, when in comparisons(marks, *span.window) if marks else ():
        found = (_part(name, lines[aspect], since, cut, until) for aspect, name in PHASES)
        if parts := [part for part in found if part]:
            return phases_sentence(parts, when)
    return ""


def _part(name: str, samples: Samples, since: float, cut: float, until: float) -> Part | None:
    before = samples.values[(samples.times >= since) & (samples.times < cut)]
    return part_of(name, before, samples.values[(samples.times >= cut) & (samples.times < until)])


def phases_sentence(parts: Sequence[Part], when: str) -> str:
    """Return "First byte rose 50 → 168 ms with v1.42.0. DNS, connect and TLS did not change."; "" without parts."""
    if not parts:
        return ""
    grown = bottleneck(parts, least=LEAST_MS)
    if grown is None:
        return f"No phase grew {when}."
    told = words.pair(_whole(grown.part.before), _whole(grown.part.after), "ms")
    rest = f" {_listed(grown.unchanged)} did not change." if grown.unchanged else ""
    return f"{grown.part.name} rose {told} {when}.{rest}"


def _whole(ms: float) -> float:
    return round(ms) if ms >= 10 else round(ms, 1)


def _listed(names: Sequence[str]) -> str:
    """DNS, connect and TLS."""
    told = [name if index == 0 or name.isupper() else name[:1].lower() + name[1:] for index, name in enumerate(names)]
    return told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}"


def _latest(lines: Mapping[str, Samples]) -> list[tuple[str, float]]:
    """The phases of the latest reading in the picture that has them."""
    return [(name, _whole(float(lines[aspect].values[-1]))) for aspect, name in PHASES if len(lines[aspect].times)]


# --- outages ----------------------------------------------------------------------------------------------------------


def _outage_stories(check: HealthCheck, outages: QuerySet[Outage], now: datetime) -> list[OutageStory]:
    rows = list(outages.order_by("-began_at")[:20])
    if not rows:
        return []
    near = deployments_between([check.environment_id], rows[-1].began_at - timedelta(days=7), now)
    return [_outage_story(row, near, now) for row in rows]


def _outage_story(outage: Outage, deployments: Sequence[Deployment], now: datetime) -> OutageStory:
    before = [row for row in deployments if row.finished_at and row.finished_at <= outage.began_at]
    deployment = before[-1] if before else None
    after = outage.began_at - deployment.finished_at if deployment and deployment.finished_at else None
    return OutageStory(outage, (outage.ended_at or now) - outage.began_at, deployment, after)
