"""What is drawn beside a finding: the line with the deployment and what was expected, up and down, small lines."""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from django.utils import timezone

from deployments.models import Deployment
from monitoring.models import Finding, Outage, Series, Verdict
from monitoring.selectors.charts import (
    Chart,
    Stretch,
    deployment_marks,
    deployments_between,
    line_chart,
    short,
    stretches,
)
from monitoring.selectors.lines import NOTHING, Samples, lines_of, series_of_checks, thin
from monitoring.selectors.marks import Mark
from postdeploy.lib import words
from reports.selectors.finding_facts import Expected, Placebo, expected_of, facts_of, numbers, placebo_of
from reports.selectors.pictures import LONGEST, MINUTE, SHORTEST, SPARK_POINTS, evenly

SLOTS = 90
#: What a shaded stretch of the past is called that says nothing of what is normal.
LEFT_OUT = "left out"
#: How far before and after the deployment a small line of the table goes.
SPARK_SPAN = timedelta(hours=6)
#: Before a band of a check's response time is drawn there are so many readings; nine in ten of them lay in it.
_READINGS = 20

Times = tuple[float, float]


# --- all of one finding -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Strip:
    """Up and down of a check over the picture's time: the shape of {% heartbeat %}."""

    beats: list[dict[str, Any]]
    marks: list[int]
    label: str
    start: datetime
    end: datetime


@dataclass(frozen=True)
class FindingPicture:
    """What is drawn beside one finding; every part may be missing. `label` is the picture in words."""

    chart: Chart | None
    label: str
    stretches: list[Stretch]
    expected: str
    placebo: Placebo | None
    strip: Strip | None


@dataclass(frozen=True)
class _Scene:
    """What all pictures of a page share."""

    deployment: Deployment
    start: datetime
    end: datetime
    samples: Mapping[int, Samples]
    lines: Mapping[int, int]
    ups: Mapping[int, int]
    marks: Sequence[Mark]
    outages: Mapping[int, Sequence[Outage]]
    left_out: Sequence[Times]

    @property
    def since(self) -> float | None:
        """When it went live."""
        return self.deployment.finished_at.timestamp() if self.deployment.finished_at else None

    def line(self, finding: Finding) -> Samples:
        """The values that show a finding."""
        return self.samples.get(self.lines.get(finding.pk, 0), NOTHING)

    def up(self, finding: Finding) -> Samples:
        """The readings of a finding's check: 1 up, 0 down."""
        return self.samples.get(self.ups.get(finding.pk, 0), NOTHING)

    def span(self, finding: Finding) -> Times:
        """What its picture spans: from the first value on to the end, so that a silence is seen.

        It moves on with each value and each whole minute only, so that a page on which nothing happens stays the same.
        """
        known = [part.times for part in (self.line(finding), self.up(finding)) if len(part.times)]
        first = max(self.start.timestamp(), min((float(times[0]) for times in known), default=0.0))
        return first, max((self.end - MINUTE).timestamp(), first + 1, *(float(times[-1]) for times in known))


def finding_pictures(
    findings: Sequence[Finding], deployment: Deployment, *, until: datetime
) -> dict[int, FindingPicture]:
    """Return the picture of each finding, by its key, in a fixed number of queries; the line goes to `until`."""
    start, end = _window(deployment, until)
    lines, ups = _series_of(findings)
    scene = _Scene(
        deployment=deployment,
        start=start,
        end=end,
        samples=lines_of({*lines.values(), *ups.values()}, start, end),
        lines=lines,
        ups=ups,
        marks=deployment_marks(deployments_between([deployment.environment_id], start, end)),
        outages=_outages(findings, start, end),
        left_out=left_out_of(findings),
    )
    return {finding.pk: _picture(finding, scene) for finding in findings}


def _window(deployment: Deployment, until: datetime) -> tuple[datetime, datetime]:
    """As long before the deployment as after it, between a quarter of an hour and a day; to the minute."""
    live_at = deployment.finished_at or deployment.occurred_at
    until = until.replace(second=0, microsecond=0)
    before = min(max(until - live_at, SHORTEST), LONGEST)
    return live_at - before, until + MINUTE


def _series_of(findings: Iterable[Finding]) -> tuple[dict[int, int], dict[int, int]]:
    """The line that shows a finding: its own, of a check the response time; and of a check also the one of up and
    down."""
    checks = {finding.health_check_id for finding in findings if finding.health_check_id}
    of_checks = series_of_checks(pk for pk in checks if pk is not None)
    lines, ups = {}, {}
    for finding in findings:
        check = finding.health_check_id or 0
        response, up = (of_checks.get((check, aspect)) for aspect in (Series.RESPONSE_TIME, Series.UP))
        chosen = response if response and (finding.series_id is None or _is_state(finding)) else finding.series_id
        if chosen:
            lines[finding.pk] = chosen
        if up:
            ups[finding.pk] = up
    return lines, ups


def _is_state(finding: Finding) -> bool:
    """Whether a finding is of a check's being up, not of its response time."""
    return finding.series is not None and finding.series.aspect == Series.UP


def _outages(findings: Iterable[Finding], start: datetime, end: datetime) -> Mapping[int, Sequence[Outage]]:
    checks = {finding.health_check_id for finding in findings if finding.health_check_id}
    found: defaultdict[int, list[Outage]] = defaultdict(list)
    rows = Outage.objects.filter(health_check__in=checks, began_at__lt=end).exclude(ended_at__lt=start)
    for row in rows.order_by("began_at") if checks else ():
        found[row.health_check_id].append(row)
    return found


def left_out_of(findings: Sequence[Finding]) -> list[Times]:
    """Return what said nothing of what is normal, and planned work since, as the verdict of the findings kept it."""
    verdict = findings[0].verdict_id if findings else None
    if verdict is None:
        return []
    kept = Verdict.objects.filter(pk=verdict).values_list("inputs__window__left_out", "inputs__planned").first()
    pairs = [numbers(pair) for found in kept or () if isinstance(found, list) for pair in found]
    return [(pair[0], pair[1]) for pair in pairs if len(pair) == 2]


def _picture(finding: Finding, scene: _Scene) -> FindingPicture:
    facts, samples = facts_of(finding), scene.line(finding)
    is_response = finding.health_check_id is not None
    unit = "ms" if is_response else str(facts.get("unit") or "")
    expected = None if is_response and facts.get("unit") != "ms" else expected_of(facts, scene.since)
    band = "" if expected else "usual before"
    expected = expected or (_usual(samples, scene.since) if is_response else None)
    span, limit = scene.span(finding), _limit(finding, unit)
    chart = line_chart(samples, unit=unit, marks=scene.marks, limit=limit, window=span)
    if expected:
        _with_band(chart, expected, scene.since)
    chart |= {"band": band} if band else {}
    chart["spans"] = _spans(finding, scene)
    told = expected.told(unit) if expected else ""
    return FindingPicture(
        chart=chart if len(samples.times) else None,
        label=f"{finding.sentence} {band.capitalize() or 'Expected'}: {told}." if told else finding.sentence,
        stretches=stretches(samples, scene.marks),
        expected=told,
        placebo=placebo_of(finding),
        strip=_strip(finding, scene),
    )


def _limit(finding: Finding, unit: str) -> tuple[float, str] | None:
    metric = finding.series.metric if finding.series else None
    if metric is None or metric.hard_limit is None:
        return None
    return metric.hard_limit, f"hard limit {words.quantity(metric.hard_limit, unit)}"


def _spans(finding: Finding, scene: _Scene) -> list[dict[str, Any]]:
    """What is shaded: what was left out of the baseline, and when a check was down."""
    first, last = scene.start.timestamp(), scene.end.timestamp()
    spans = [(start, end, LEFT_OUT) for start, end in scene.left_out]
    for outage in scene.outages.get(finding.health_check_id or 0, ()):
        spans.append((outage.began_at.timestamp(), outage.ended_at.timestamp() if outage.ended_at else last, "down"))
    return [
        {"from": max(start, first), "to": min(end, last), "label": label}
        for start, end, label in spans
        if start < last and end > first
    ]


# --- the band ---------------------------------------------------------------------------------------------------------


def _usual(samples: Samples, since: float | None) -> Expected | None:
    """What nine in ten values were between before the deployment."""
    before = samples.values[samples.times < since] if since is not None else samples.values[:0]
    if len(before) < _READINGS:
        return None
    low, high = np.quantile(before, [0.05, 0.95])
    return Expected(np.array([since]), np.array([low]), np.array([high]), np.inf)


def _with_band(chart: Chart, expected: Expected, since: float | None) -> None:
    """Put the edges at the times of the chart that lie between the deployment and the end of what was expected."""
    times = np.array(chart["times"], float)
    begin = since if since is not None else float(expected.times[0])
    inside = (times >= begin) & (times <= expected.until)
    for name, edge in (("low", expected.low), ("high", expected.high)):
        values = np.where(inside, np.interp(times, expected.times, edge), np.nan)
        chart[name] = short(values)


# --- up and down ------------------------------------------------------------------------------------------------------


def _strip(finding: Finding, scene: _Scene) -> Strip | None:
    up, (first, last) = scene.up(finding), scene.span(finding)
    if finding.health_check_id is None or not len(up.times):
        return None
    slots = np.clip(((up.times - first) / (last - first) * SLOTS).astype(int), 0, SLOTS - 1)
    counts = np.bincount(slots, minlength=SLOTS)
    failed = np.bincount(slots[up.values < 0.5], minlength=SLOTS)
    width = (last - first) / SLOTS
    beats = [_beat(first + place * width, int(counts[place]), int(failed[place])) for place in range(SLOTS)]
    share = words.share(float((up.values >= 0.5).sum()), len(up.values))
    return Strip(
        beats=_bridged(beats, counts),
        marks=[int((mark["at"] - first) / width) for mark in scene.marks if first <= mark["at"] < last],
        label=f"{finding.name}: up at {share} of {words.plural(len(up.values), 'reading')}, {int(failed.sum())} failed",
        start=datetime.fromtimestamp(first, UTC),
        end=datetime.fromtimestamp(last, UTC),
    )


def _beat(at: float, count: int, failed: int) -> dict[str, Any]:
    moment = timezone.localtime(datetime.fromtimestamp(at, UTC))
    said = f"{failed} of {words.plural(count, 'reading')} failed" if count else "no reading"
    state = "down" if failed else "up" if count else "none"
    return {"state": state, "height": 0.5, "title": f"{moment:%H:%M}: {said}"}


def _bridged(beats: list[dict[str, Any]], counts: np.ndarray[Any, Any]) -> list[dict[str, Any]]:
    """A slot without a reading between two that have one is no gap: readings lie further apart than slots."""
    filled = np.flatnonzero(counts)
    usual = int(np.quantile(np.diff(filled), 0.75)) if len(filled) > 1 else 1
    for left, right in itertools.pairwise(filled.tolist()):
        if 1 < right - left <= 2 * usual:
            for place in range(left + 1, right):
                beats[place] = {**beats[left], "title": ""}
    return beats


# --- small lines ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SmallLine:
    """One line of the table as a small picture: the shape of {% spark %}."""

    points: list[float | None]
    band: tuple[float, float] | None
    marks: list[tuple[float, str]]
    label: str


def small_lines(findings: Sequence[Finding], deployment: Deployment, *, until: datetime) -> dict[int, SmallLine]:
    """Return the small line of each finding that has samples, by its key, in four queries.

    It ends where the next deployment begins. Of whether a check is up it shows just that.
    """
    live_at = deployment.finished_at or deployment.occurred_at
    start, end = _window(deployment, min(until, live_at + SPARK_SPAN))
    start, end = max(start, live_at - SPARK_SPAN), min(end, _next_begins(deployment, live_at, end))
    lines, ups = _series_of(findings)
    lines |= {finding.pk: ups[finding.pk] for finding in findings if finding.pk in ups and _is_state(finding)}
    samples = lines_of(set(lines.values()), start, end)
    span = (start.timestamp(), end.timestamp())
    found = {}
    for finding in findings:
        line = samples.get(lines.get(finding.pk, 0), NOTHING)
        if len(line.times) > 1:
            found[finding.pk] = _small(finding, line, deployment, span)
    return found


def _next_begins(deployment: Deployment, live_at: datetime, end: datetime) -> datetime:
    """When the next deployment that went live began to roll out; `end` where there is none until then."""
    later = deployments_between([deployment.environment_id], live_at, end)
    begun = [row.started_at or row.finished_at for row in later if row.pk != deployment.pk]
    return min((at for at in begun if at and at > live_at), default=end)


def _small(finding: Finding, line: Samples, deployment: Deployment, span: Times) -> SmallLine:
    begin, end = max(span[0], float(line.times[0])), span[1]
    at = ((deployment.finished_at or deployment.occurred_at).timestamp() - begin) / ((end - begin) or 1.0)
    expected = None if finding.health_check_id else expected_of(facts_of(finding), None)
    return SmallLine(
        points=evenly(thin(line.times, line.values, SPARK_POINTS), begin, end),
        band=(float(np.median(expected.low)), float(np.median(expected.high))) if expected else None,
        marks=[(at, "rollback" if deployment.kind == "ROLLBACK" else "deploy")] if 0 <= at <= 1 else [],
        label=finding.sentence,
    )
