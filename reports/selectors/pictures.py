"""Lines and histograms that stand beside findings and on cards."""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from deployments.models import Deployment
from monitoring.models import CheckState, Finding, HealthCheck, Series
from monitoring.selectors.charts import (
    GAP_STEPS,
    Chart,
    Stretch,
    deployment_marks,
    deployments_between,
    line_chart,
    ordinary_step,
    stretches,
)
from monitoring.selectors.lines import NOTHING, Samples, lines_of, response_times, series_of_checks, thin
from monitoring.selectors.marks import Mark
from postdeploy.lib import words

SPARK_POINTS = 90
SHORTEST, LONGEST = timedelta(minutes=15), timedelta(days=1)
#: How far back a small line may go; steps, so that the picture does not stretch with every second.
SPANS = tuple(timedelta(minutes=minutes) for minutes in (15, 30, 60, 120, 180, 360, 720, 1440))
BINS = 40
MINUTE = timedelta(minutes=1)


# --- findings ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Placebo:
    """How often changes of each size happened at ordinary moments, and this one: the shape of {% placebo %}."""

    counts: list[int]
    low: float
    high: float
    value: float
    label: str
    moments: int


def placebo_of(finding: Finding) -> Placebo | None:
    """Return the picture of a finding whose change was compared with ordinary moments."""
    facts = finding.facts if isinstance(finding.facts, dict) else {}
    picture = facts.get("picture")
    ordinary = _numbers(picture.get("ordinary")) if isinstance(picture, dict) else []
    changed = _numbers([facts.get("change")])
    if not ordinary or not changed:
        return None
    low, high = min(*ordinary, *changed, 0.0), max(*ordinary, *changed, 0.0)
    room = (high - low) * 0.05 or 1.0
    low, high = low - room, high + room
    counts = [0] * BINS
    for value in ordinary:
        counts[min(int((value - low) / (high - low) * BINS), BINS - 1)] += 1
    return Placebo(counts, low, high, changed[0], _change(facts), len(ordinary))


def _change(facts: Mapping[str, Any]) -> str:
    unit, known = str(facts.get("unit") or ""), _numbers([facts.get("before"), facts.get("after"), facts.get("change")])
    if len(known) == 3:
        return words.change(known[0], known[1], unit)
    return words.signed(known[-1], unit) if known else ""


def _numbers(values: Any) -> list[float]:
    if not isinstance(values, list):
        return []
    return [float(value) for value in values if isinstance(value, int | float) and not isinstance(value, bool)]


@dataclass(frozen=True)
class FindingPicture:
    """What is drawn beside one finding; both parts may be missing."""

    chart: Chart | None
    label: str
    stretches: list[Stretch]
    placebo: Placebo | None


def finding_pictures(
    findings: Sequence[Finding], deployment: Deployment, *, until: datetime
) -> dict[int, FindingPicture]:
    """Return the picture of each finding, by its key, in three queries; the line goes to `until`."""
    start, end = _window(deployment, until)
    series = _series_of(findings)
    samples = lines_of(set(series.values()), start, end)
    marks = deployment_marks(deployments_between([deployment.environment_id], start, end))
    return {
        finding.pk: _picture(finding, samples.get(series.get(finding.pk, 0), NOTHING), marks, deployment)
        for finding in findings
    }


def _window(deployment: Deployment, until: datetime) -> tuple[datetime, datetime]:
    """As long before the deployment as after it, between a quarter of an hour and a day."""
    live_at = deployment.finished_at or deployment.occurred_at
    before = min(max(until - live_at, SHORTEST), LONGEST)
    return live_at - before, until + MINUTE


def _series_of(findings: Iterable[Finding]) -> dict[int, int]:
    """The line that shows a finding: its own, of a check the response time."""
    checks = {finding.health_check_id for finding in findings if finding.health_check_id}
    of_checks = series_of_checks(pk for pk in checks if pk is not None)
    found = {}
    for finding in findings:
        response = of_checks.get((finding.health_check_id or 0, Series.RESPONSE_TIME))
        is_state = finding.series is not None and finding.series.aspect == Series.UP
        chosen = response if response and (finding.series_id is None or is_state) else finding.series_id
        if chosen:
            found[finding.pk] = chosen
    return found


def _picture(finding: Finding, samples: Samples, marks: Sequence[Mark], deployment: Deployment) -> FindingPicture:
    facts = finding.facts if isinstance(finding.facts, dict) else {}
    is_response = finding.health_check_id is not None
    unit = "ms" if is_response else str(facts.get("unit") or "")
    since = deployment.finished_at.timestamp() if deployment.finished_at else None
    band = None if is_response and facts.get("unit") != "ms" else _band(facts)
    chart = line_chart(samples, unit=unit, marks=marks, limit=_limit(finding, unit), band=band, band_from=since)
    return FindingPicture(
        chart=chart if len(samples.times) else None,
        label=finding.sentence,
        stretches=stretches(samples, marks),
        placebo=placebo_of(finding),
    )


def _band(facts: Mapping[str, Any]) -> tuple[float, float] | None:
    picture = facts.get("picture")
    band = picture.get("band") if isinstance(picture, dict) else None
    edges = _numbers([band.get("low"), band.get("high")]) if isinstance(band, dict) else []
    return (edges[0], edges[1]) if len(edges) == 2 else None


def _limit(finding: Finding, unit: str) -> tuple[float, str] | None:
    metric = finding.series.metric if finding.series else None
    if metric is None or metric.hard_limit is None:
        return None
    return metric.hard_limit, f"hard limit {words.quantity(metric.hard_limit, unit)}"


# --- cards ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Spark:
    """A small line: the response time of one check, and where deployments lie in it."""

    check: HealthCheck
    points: list[float | None]
    band: tuple[float, float] | None
    marks: list[tuple[float, str]]
    latest: str
    expected: str
    label: str
    start: datetime
    end: datetime


def sparks(chosen: Mapping[int, HealthCheck], live: Mapping[int, Deployment | None], now: datetime) -> dict[int, Spark]:
    """Return the line of the check `chosen` for each environment, by its key, in three queries for all of them."""
    spans = {pk: _span(live.get(pk), now) for pk in chosen}
    first = now - max(spans.values(), default=SHORTEST)
    samples = response_times({check.pk for check in chosen.values()}, first, now + MINUTE)
    deployments = deployments_between(chosen, first, now)
    found = {}
    for pk, check in chosen.items():
        own = [row for row in deployments if row.environment_id == pk]
        begin, end = _grid(spans[pk], now)
        line = _since(samples[check.pk], begin)
        if len(line.times) > 1:
            found[pk] = _spark(check, line, own, max(begin, float(line.times[0])), end)
    return found


def _grid(span: timedelta, now: datetime) -> tuple[float, float]:
    """Where the picture begins and ends, moved on by whole slots only, so that it stands still in between."""
    slot = span.total_seconds() / SPARK_POINTS
    end = math.ceil(now.timestamp() / slot) * slot
    return end - span.total_seconds(), end


def _span(deployment: Deployment | None, now: datetime) -> timedelta:
    """Far enough back to show what was before the deployment, in one of the steps."""
    if deployment is None or deployment.finished_at is None:
        return LONGEST
    wanted = 4 * (now - deployment.finished_at)
    return next((span for span in SPANS if span >= wanted), LONGEST)


def _since(samples: Samples, begin: float) -> Samples:
    inside = samples.times >= begin
    return Samples(samples.times[inside], samples.values[inside])


def _spark(check: HealthCheck, samples: Samples, deployments: Sequence[Deployment], begin: float, end: float) -> Spark:
    marks = [(_share(row, begin, end), "rollback" if row.kind == "ROLLBACK" else "deploy") for row in deployments]
    band = _usual(samples, deployments)
    is_down = check.state == CheckState.DOWN and check.paused_at is None
    latest = "no answer" if is_down else words.quantity(round(float(samples.values[-1])), "ms")
    expected = f"before {words.number(round(band[0]))} to {words.number(round(band[1]))}" if band else ""
    return Spark(
        check=check,
        points=_evenly(thin(samples.times, samples.values, SPARK_POINTS), begin, end),
        band=band,
        marks=[(share, kind) for share, kind in marks if 0 <= share <= 1],
        latest=latest,
        expected=expected,
        label=f"Response time of {check.name}: {latest} now{f', {expected} ms' if expected else ''}",
        start=datetime.fromtimestamp(begin - begin % 60, UTC),
        end=datetime.fromtimestamp(end - end % 60, UTC),
    )


def _share(deployment: Deployment, begin: float, end: float) -> float:
    at = deployment.finished_at.timestamp() if deployment.finished_at else begin - 1
    return (at - begin) / (end - begin) if end > begin else 0.0


def _usual(samples: Samples, deployments: Sequence[Deployment]) -> tuple[float, float] | None:
    """What nine in ten readings were between before the first deployment in the picture; None where there are few."""
    first = min((row.finished_at.timestamp() for row in deployments if row.finished_at), default=None)
    before = sorted(samples.values[samples.times < first].tolist()) if first is not None else []
    if len(before) < 10:
        return None
    return before[len(before) // 20], before[-1 - len(before) // 20]


def _evenly(samples: Samples, begin: float, end: float) -> list[float | None]:
    """Put the samples on a grid of equal steps; a slot without one is a gap."""
    slots: list[float | None] = [None] * SPARK_POINTS
    for at, value in zip(samples.times.tolist(), samples.values.tolist(), strict=True):
        slot = min(int((at - begin) / (end - begin) * SPARK_POINTS), SPARK_POINTS - 1) if end > begin else 0
        known = slots[slot]
        slots[slot] = value if known is None else max(known, value)
    slot_seconds = (end - begin) / SPARK_POINTS or 1.0
    return _bridged(slots, at_most=int(GAP_STEPS * ordinary_step(samples.times) / slot_seconds) + 2)


def _bridged(slots: list[float | None], *, at_most: int) -> list[float | None]:
    """Fill the slots between two samples that merely lie further apart than the grid; longer gaps stay."""
    known = [index for index, value in enumerate(slots) if value is not None]
    for left, right in itertools.pairwise(known):
        if 1 < right - left <= at_most:
            low, high = slots[left] or 0.0, slots[right] or 0.0
            for index in range(left + 1, right):
                slots[index] = low + (high - low) * (index - left) / (right - left)
    return slots
