"""What alert rules look at, and the values they see there: the same for the sweep, a preview and a proof."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from deployments.models import Environment
from monitoring import rules
from monitoring.models import Alert, AlertRule, AlertState, Objective, RuleKind, Series, Speed
from monitoring.rules import Condition, Line
from monitoring.rules.conditions import ABOVE
from monitoring.rules.values import Floats, Spans
from monitoring.selectors.lines import read_lines
from monitoring.selectors.objectives import tally_of
from monitoring.selectors.quiet import Subject, quiet_spans
from monitoring.selectors.rule_words import subject_of_series

#: More series than this are most likely one label too many.
MAX_SERIES_OF_RULE = 200
#: A burn is well again when it is this far below its limit.
BURN_CLEAR = 0.8
BURN_STEP = 60.0


class RuleFault(Exception):
    """A rule that cannot be judged; the text is a sentence for people."""


@dataclass(frozen=True)
class Watched:
    """One thing that a rule looks at: a series, or an objective."""

    key: str
    environment: Environment
    subject: str
    since: datetime
    series: Series | None = None
    objective: Objective | None = None

    @property
    def health_check_id(self) -> int | None:
        """The check that is measured, if it is one."""
        subject = self.series or self.objective
        return subject.health_check_id if subject else None


@dataclass(frozen=True)
class Reading:
    """What a rule saw of one thing: its value at each moment (seconds since 1970), NaN where it could not tell."""

    watched: Watched
    moments: Floats
    values: Floats


def condition_of(rule: AlertRule) -> Condition:
    """Return what `rule` asks, as the pure rules take it."""
    if rule.kind == RuleKind.BURN_RATE:
        return Condition(rule.kind, 1.0, ABOVE, BURN_CLEAR, hold=float(rule.hold_seconds))
    if rule.kind == RuleKind.ABSENCE:
        silence = float(rule.window_seconds)
        return Condition(rule.kind, silence, ABOVE, silence, hold=float(rule.hold_seconds), window=silence)
    return Condition(
        kind=rule.kind,
        threshold=rule.threshold,
        direction=rule.direction,
        clear=rule.clear_threshold,
        hold=float(rule.hold_seconds),
        aggregate=rule.aggregate,
        window=float(rule.window_seconds),
        versus=rule.versus,
        is_relative=rule.is_relative,
    )


def step_of(rule: AlertRule) -> float:
    """Return how often `rule` is judged, in seconds."""
    return BURN_STEP if rule.kind == RuleKind.BURN_RATE else rules.step_of(float(rule.window_seconds))


def watched_by(rule: AlertRule) -> list[Watched]:
    """Return what `rule` looks at now; RuleFault when that is too much."""
    if rule.kind == RuleKind.BURN_RATE:
        return [_objective(rule.objective)] if rule.objective else []
    found = list(_series(rule)[: MAX_SERIES_OF_RULE + 1])
    if len(found) > MAX_SERIES_OF_RULE:
        raise RuleFault(
            f"It matches more than {MAX_SERIES_OF_RULE} series. Name a label or an environment, to watch fewer."
        )
    return [
        Watched(f"series:{row.pk}", row.environment, subject_of_series(row), row.created_at, series=row)
        for row in found
    ]


def _objective(objective: Objective) -> Watched:
    key = f"objective:{objective.pk}"
    return Watched(key, objective.environment, objective.name, objective.created_at, objective=objective)


def _series(rule: AlertRule) -> "Sequence[Series]":
    rows = Series.objects.filter(environment__project=rule.project_id)
    if rule.environment_id:
        rows = rows.filter(environment=rule.environment_id)
    if rule.metric_id:
        rows = rows.filter(metric=rule.metric_id, labels__contains=rule.labels or {})
    else:
        rows = rows.filter(aspect=rule.aspect, health_check__isnull=False, health_check__paused_at__isnull=True)
        rows = rows.filter(health_check=rule.health_check_id) if rule.health_check_id else rows
    return rows.select_related("environment", "metric", "health_check").order_by("pk")  # type: ignore[return-value]


def readings(rule: AlertRule, watched: Sequence[Watched], moments: Floats) -> list[Reading]:
    """Return the values of `rule` at `moments` (sorted, seconds since 1970) for each of `watched`."""
    if not watched or not len(moments):
        return []
    spans = _quiet(rule, watched, moments)
    if rule.kind == RuleKind.BURN_RATE:
        return [_burn(rule, one, moments, spans[one.key]) for one in watched if one.objective]
    return _of_series(rule, watched, moments, spans)


def _quiet(rule: AlertRule, watched: Sequence[Watched], moments: Floats) -> dict[str, Spans]:
    """Maintenance from where the first value looks back to."""
    back = max(burn.long for burn in rules.SLOW) if rule.kind == RuleKind.BURN_RATE else look_back_of(rule)
    subjects = [Subject(one.key, one.environment, one.health_check_id) for one in watched]
    return quiet_spans(subjects, at(float(moments[0]) - back), at(float(moments[-1]) + 1))


def look_back_of(rule: AlertRule) -> float:
    """Return how much history before a moment the value of `rule` needs, in seconds."""
    return rules.look_back(condition_of(rule)) + step_of(rule)


def _of_series(
    rule: AlertRule, watched: Sequence[Watched], moments: Floats, spans: Mapping[str, Spans]
) -> list[Reading]:
    condition = condition_of(rule)
    needed = rules.needed(condition, float(moments[0]) - step_of(rule), float(moments[-1]))
    lines = _read([one.series for one in watched if one.series], needed)
    found = []
    for one in watched:
        line = lines[one.series.pk] if one.series else rules.NOTHING
        since = max(needed[0][0], min(one.since.timestamp(), _first(line)))
        values = rules.values_at(condition, line, moments, since=since, spans=spans[one.key])
        found.append(Reading(one, moments, values))
    return found


def _read(series: Sequence[Series], stretches: Sequence[tuple[float, float]]) -> dict[int, Line]:
    parts = [read_lines(series, at(start), at(end) + timedelta(microseconds=1)) for start, end in stretches]
    return {
        row.pk: Line(*(np.concatenate(columns) for columns in zip(*(part[row.pk] for part in parts), strict=True)))
        for row in series
    }


def _first(line: Line) -> float:
    """Samples may be older than the row of their series: what was sent late counts."""
    return float(line.times[0]) if len(line.times) else np.inf


def _burn(rule: AlertRule, one: Watched, moments: Floats, spans: Spans) -> Reading:
    burns = rules.FAST if rule.speed == Speed.FAST else rules.SLOW
    objective = one.objective
    if objective is None:
        raise RuleFault("It has no objective.")
    start = float(moments[0]) - max(burn.long for burn in burns) - BURN_STEP
    tally = tally_of(objective, at(start), at(float(moments[-1]) + 1), spans=spans)
    values = rules.burn_values(tally, moments, burns, objective.target)
    return Reading(one, moments, np.where(rules.quiet_at(moments, spans), np.nan, values))


def at(seconds: float) -> datetime:
    """Return a moment of the rules as an aware time."""
    return datetime.fromtimestamp(float(seconds), UTC)


# --- proof ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Clean:
    """Until when what an alert was about was measured, and its latest breach; `why` when it cannot be told."""

    breached_at: datetime | None = None
    measured_at: datetime | None = None
    why: str = ""
    is_firing: bool = False


def clean_since(alert: Alert, *, since: datetime, now: datetime) -> Clean:
    """Tell by measurement how what `alert` was about has been from `since` on."""
    rule = alert.rule
    open_one = Alert.objects.open().filter(rule=rule, key=alert.key).first()
    if open_one is not None and open_one.state == AlertState.FIRING:
        return Clean(why=f"{rule.name} still fires: {alert.subject}.", is_firing=True)
    if rule.paused_at is not None:
        return Clean(why=f"The rule {rule.name} is paused: nothing is measured.")
    watched = [one for one in watched_by(rule) if one.key == alert.key]
    moments = rules.moments_between(since.timestamp(), now.timestamp(), step_of(rule))
    found = readings(rule, watched, moments)
    seen = np.flatnonzero(np.isfinite(found[0].values)) if found else np.empty(0, dtype=np.int64)
    if not len(seen):
        return Clean(why=f"{alert.subject} has not been measured since.")
    condition = condition_of(rule)
    breaches = [place for place in seen if condition.breaches(float(found[0].values[place]))]
    return Clean(at(moments[breaches[-1]]) if breaches else None, at(moments[seen[-1]]))
