"""What a rule would have done: the same functions as the sweep, over stored history, before anything is saved."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from monitoring import rules
from monitoring.models import Alert, AlertRule, RuleKind
from monitoring.rules import FIRING, PENDING, Condition, Stretch
from monitoring.rules.values import Floats
from monitoring.selectors.rule_words import alert_sentence, unit_of_rule
from monitoring.selectors.rules import Reading, RuleFault, at, condition_of, readings, step_of, watched_by
from monitoring.store import thin
from postdeploy.lib import words

PREVIEW_OVER = timedelta(days=7)
#: A preview looks at so many series; the rest is said in words.
PREVIEW_SERIES = 12
#: Points of the picture.
POINTS = 300
NO_DATA = "NO_DATA"


@dataclass(frozen=True)
class Firing:
    """One time the rule would have fired."""

    subject: str
    environment: str
    fired_at: datetime
    ended_at: datetime | None
    sentence: str


@dataclass(frozen=True)
class Part:
    """A stretch of a strip: `state` is PENDING, FIRING or NO_DATA; `start` and `width` are shares of the strip."""

    state: str
    start: float
    width: float


@dataclass(frozen=True)
class Line:
    """One thing that the rule looks at: its strip, and the values for its picture (None is a gap)."""

    subject: str
    environment: str
    firings: tuple[Firing, ...]
    parts: tuple[Part, ...]
    points: tuple[tuple[float, float | None], ...]
    measured: float

    @property
    def span(self) -> tuple[float, float] | None:
        """The lowest and the highest value of the picture, None without any."""
        known = [value for _, value in self.points if value is not None]
        return (min(known), max(known)) if known else None


@dataclass(frozen=True)
class Preview:
    """A rule over stored history, the line that fired most first."""

    start: datetime
    end: datetime
    lines: tuple[Line, ...]
    left_off: int
    threshold: float
    clear: float
    unit: str

    @property
    def firings(self) -> list[Firing]:
        """All firings, the latest first."""
        found = [firing for line in self.lines for firing in line.firings]
        return sorted(found, key=lambda firing: firing.fired_at, reverse=True)

    @property
    def sentence(self) -> str:
        """What it comes to: "Would have fired 3 times in the last 7 d."."""
        over = words.period(self.end - self.start)
        if not self.lines:
            return "It matches nothing that is measured: it would say nothing."
        if not any(line.measured for line in self.lines):
            return (
                f"Nothing it looks at was measured in the last {over}: nobody can tell how often it would have fired."
            )
        count = len(self.firings)
        if not count:
            return f"Would not have fired in the last {over}."
        often = {1: "once", 2: "twice"}.get(count, f"{words.number(count)} times")
        return f"Would have fired {often} in the last {over}."

    @property
    def note(self) -> str:
        """What the picture leaves out, or why it may mislead."""
        parts = []
        if self.left_off:
            parts.append(f"{words.plural(self.left_off, 'further series', 'further series')} not looked at here.")
        worst = min((line.measured for line in self.lines), default=1.0)
        if 0 < worst < 0.9:
            parts.append(f"Measured in {words.quantity(round(100 * worst), '%')} of the time only: gaps say nothing.")
        return " ".join(parts)


def preview(rule: AlertRule, *, now: datetime, over: timedelta = PREVIEW_OVER) -> Preview:
    """Return what `rule`, saved or not, would have done in the time `over` before `now`; RuleFault when too much."""
    watched, condition = watched_by(rule), condition_of(rule)
    moments = rules.moments_between((now - over).timestamp(), now.timestamp(), step_of(rule))
    found = readings(rule, watched[:PREVIEW_SERIES], moments)
    lines = [_line(rule, condition, reading) for reading in found]
    lines.sort(key=lambda line: (-len(line.firings), -line.measured))
    return Preview(
        start=now - over,
        end=now,
        lines=tuple(lines),
        left_off=max(len(watched) - PREVIEW_SERIES, 0),
        threshold=condition.threshold,
        clear=condition.clear_at,
        unit=unit_of_rule(rule),
    )


def preview_of_alert(alert: Alert, *, start: datetime, end: datetime) -> Preview | None:
    """Return how what `alert` is about went from `start` to `end`, by its rule as it is now; None when it is gone."""
    try:
        watched = [one for one in watched_by(alert.rule) if one.key == alert.key]
    except RuleFault:
        return None
    condition = condition_of(alert.rule)
    moments = rules.moments_between(start.timestamp(), end.timestamp(), step_of(alert.rule))
    lines = tuple(_line(alert.rule, condition, reading) for reading in readings(alert.rule, watched, moments))
    if not lines:
        return None
    return Preview(start, end, lines, 0, condition.threshold, condition.clear_at, unit_of_rule(alert.rule))


def _line(rule: AlertRule, condition: Condition, reading: Reading) -> Line:
    walked = rules.walk(condition, reading.moments, reading.values)
    start, end = float(reading.moments[0]), float(reading.moments[-1])
    shown = rules.stretches(walked.transitions, start=start)
    value_at = {change.at: change.value for change in walked.transitions}
    watched = reading.watched
    firings = tuple(
        Firing(
            subject=watched.subject,
            environment=watched.environment.name,
            fired_at=at(part.start),
            ended_at=None if part.end is None else at(part.end),
            sentence=alert_sentence(rule, watched.subject, watched.environment.name, value_at[part.start]),
        )
        for part in shown
        if part.state == FIRING
    )
    return Line(
        subject=watched.subject,
        environment=watched.environment.name,
        firings=firings,
        parts=tuple(_parts([*_silences(reading), *shown], start, end)),
        points=tuple(_points(reading)),
        measured=float(np.isfinite(reading.values).mean()),
    )


def _parts(stretches: Sequence[Stretch], start: float, end: float) -> list[Part]:
    whole = max(end - start, 1.0)
    parts = []
    for part in stretches:
        first = min(max((part.start - start) / whole, 0.0), 1.0)
        last = min(max(((end if part.end is None else part.end) - start) / whole, 0.0), 1.0)
        parts.append(Part(part.state, first, last - first))
    order = {NO_DATA: 0, PENDING: 1, FIRING: 2}
    return sorted(parts, key=lambda part: order[part.state])


def _silences(reading: Reading) -> list[Stretch]:
    """Where nothing could be told."""
    silent = np.isnan(reading.values)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], silent, [False]]).astype(np.int8)))
    last = len(reading.moments) - 1
    return [
        Stretch(NO_DATA, float(reading.moments[first]), float(reading.moments[min(after, last)]))
        for first, after in edges.reshape(-1, 2)
    ]


def _points(reading: Reading) -> list[tuple[float, float | None]]:
    """The values thinned to the pixels there are, with their place (0 to 1); a gap is a None."""
    start, whole = float(reading.moments[0]), max(float(reading.moments[-1] - reading.moments[0]), 1.0)
    known = np.isfinite(reading.values)
    cuts = np.flatnonzero(np.diff(known.astype(np.int8))) + 1
    found: list[tuple[float, float | None]] = []
    for times, values in zip(np.split(reading.moments, cuts), np.split(reading.values, cuts), strict=True):
        if not len(times):
            continue
        if not np.isfinite(values[0]):
            found.append(((float(times[0]) - start) / whole, None))
            continue
        found.extend(_thinned(times, values, len(reading.moments), start, whole))
    return found


def _thinned(times: Floats, values: Floats, total: int, start: float, whole: float) -> list[tuple[float, float | None]]:
    share = max(round(POINTS * len(times) / total), 2)
    few = thin(times, values, share)
    return [((float(t) - start) / whole, float(v)) for t, v in zip(few.times, few.values, strict=True)]


def can_be_drawn(rule: AlertRule) -> bool:
    """Tell whether the value of `rule` says something as a line; silence is a saw."""
    return rule.kind != RuleKind.ABSENCE
