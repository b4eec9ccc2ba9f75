"""Small lines on cards: the response time of one check of each environment."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from deployments.models import Deployment
from monitoring.models import CheckState, HealthCheck
from monitoring.selectors.charts import GAP_STEPS, deployments_between, ordinary_step
from monitoring.selectors.lines import Samples, response_times, thin
from postdeploy.lib import words

SPARK_POINTS = 90
SHORTEST, LONGEST = timedelta(minutes=15), timedelta(days=1)
#: How far back a small line may go; steps, so that the picture does not stretch with every second.
SPANS = tuple(timedelta(minutes=minutes) for minutes in (15, 30, 60, 120, 180, 360, 720, 1440))
MINUTE = timedelta(minutes=1)


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
        points=evenly(thin(samples.times, samples.values, SPARK_POINTS), begin, end),
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


def evenly(samples: Samples, begin: float, end: float) -> list[float | None]:
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
