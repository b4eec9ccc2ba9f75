"""Rules and alerts as their pages show them, each list in a fixed number of queries."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.db.models import Count, Max, Q, QuerySet

from deployments.models import Project
from monitoring.models import Alert, AlertRule, AlertState, RuleKind, Series, Usefulness
from monitoring.selectors.lines import Samples, read_lines
from monitoring.selectors.previews import Part
from monitoring.selectors.rule_words import rule_sentence, subject_of_rule, unit_of_subject
from postdeploy.lib import words
from postdeploy.lib.sheets import Sheet, sheet_of

STRIP_OVER = timedelta(days=7)
SPARK_OVER = timedelta(hours=24)
SPARK_POINTS = 96
#: Rules on one sheet of the list.
PAGE = 50
#: From so many answers on a rule that is mostly noise is told so.
ENOUGH_ANSWERS = 3
MOSTLY = 0.5
RULE_PARTS = ("environment", "metric", "health_check", "objective__environment")
FIRING, PENDING, NO_DATA, QUIET, PAUSED, BROKEN, NEW = (
    "firing",
    "pending",
    "no_data",
    "quiet",
    "paused",
    "broken",
    "new",
)
#: The order of the list: what needs somebody first.
STATES = (FIRING, BROKEN, PENDING, NO_DATA, NEW, QUIET, PAUSED)


@dataclass(frozen=True)
class Score:
    """What people said of a rule's firings."""

    useful: int = 0
    noise: int = 0
    late: int = 0

    @property
    def answers(self) -> int:
        """How many firings somebody answered for."""
        return self.useful + self.noise + self.late

    @property
    def noise_percent(self) -> int:
        """The share of answered firings that were not useful."""
        return round(100 * self.noise / self.answers) if self.answers else 0

    @property
    def is_mostly_noise(self) -> bool:
        """True when most firings were not worth it, and enough people said so."""
        return self.answers >= ENOUGH_ANSWERS and self.noise / self.answers > MOSTLY

    @property
    def sentence(self) -> str:
        """The score in words: "useful 3 of 5; 40 % noise"."""
        if not self.answers:
            return "no answers yet"
        late = f", {self.late} too late" if self.late else ""
        return f"useful {self.useful} of {self.answers}{late}; {words.quantity(self.noise_percent, '%')} noise"


@dataclass(frozen=True)
class RuleRow:
    """One line of the rules page."""

    rule: AlertRule
    state: str
    sentence: str
    firing: int
    pending: int
    last_fired_at: datetime | None
    fired_in_strip: int
    score: Score
    strip: list[Part]
    points: list[float | None]
    spark_label: str

    @property
    def silence(self) -> str:
        """Why it has no data, in a sentence."""
        silent, count = self.rule.silent_count, self.rule.series_count
        if not count:
            return "It matches nothing that is measured."
        of = "" if count == 1 else f" of {'any' if silent == count else words.number(silent)} of its {count:,} series"
        compared = ", none to compare with" if self.rule.kind == RuleKind.RATE_OF_CHANGE else ""
        return f"No samples{of} to judge by{compared}, or planned maintenance."

    @property
    def strip_label(self) -> str:
        """What the strip shows, for those who cannot see it."""
        often = {0: "never", 1: "once", 2: "twice"}.get(self.fired_in_strip, f"{self.fired_in_strip} times")
        return f"{self.rule.name} fired {often} in the last 7 d"


@dataclass(frozen=True)
class RulesPage:
    """The list of rules: a sheet of those that the filter leaves, what needs somebody first, and how many there are."""

    rows: list[RuleRow]
    sheet: Sheet[AlertRule]
    counts: dict[str, int]
    total: int
    sentence: str


def rules_page(
    rules: QuerySet[AlertRule], *, now: datetime, text: str = "", state: str = "", page: str = ""
) -> RulesPage:
    """Return a sheet of `rules` whose names or subjects have all words of `text`, in a fixed number of queries."""
    everything = list(rules.select_related(*RULE_PARTS))
    counts = _counts(everything, now)
    states = {rule.pk: _state(rule, counts) for rule in everything}
    named = [rule for rule in everything if _is_named(rule, text)]
    shown = [rule for rule in named if state in ("", states[rule.pk])]
    sheet = sheet_of(sorted(shown, key=lambda rule: _order(rule, states[rule.pk])), page, PAGE)
    of_each = Counter(states[rule.pk] for rule in named)
    return RulesPage(
        rows=_rows(sheet.rows, counts, now),
        sheet=sheet,
        counts={name: of_each[name] for name in STATES if of_each[name] or name == state},
        total=len(named),
        sentence=sentence_of([(rule, states[rule.pk]) for rule in sorted(everything, key=lambda r: r.name.lower())]),
    )


def rule_rows(rules: QuerySet[AlertRule], *, now: datetime) -> list[RuleRow]:
    """Return the rows of a few `rules`, what needs somebody first; four queries and one read of samples."""
    found = list(rules.select_related(*RULE_PARTS))
    rows = _rows(found, _counts(found, now), now)
    return sorted(rows, key=lambda row: _order(row.rule, row.state))


def _order(rule: AlertRule, state: str) -> tuple[int, str, int]:
    return STATES.index(state), rule.name.lower(), rule.pk


def _is_named(rule: AlertRule, text: str) -> bool:
    parts = (rule.name, subject_of_rule(rule), rule.environment.name if rule.environment else "")
    told = " ".join(parts).casefold()
    return all(word in told for word in text.casefold().split())


def _state(rule: AlertRule, counts: dict[int, dict[str, Any]]) -> str:
    own = counts.get(rule.pk, {})
    return state_of(rule, firing=own.get("firing", 0), pending=own.get("pending", 0))


def _rows(rules: Sequence[AlertRule], counts: dict[int, dict[str, Any]], now: datetime) -> list[RuleRow]:
    strips, lines = _strips(rules, now), _lines(rules, now)
    return [_row(rule, counts.get(rule.pk, {}), strips.get(rule.pk, []), lines.get(rule.pk)) for rule in rules]


def _row(rule: AlertRule, counts: dict[str, Any], strip: list[Part], points: list[float | None] | None) -> RuleRow:
    firing, pending = counts.get("firing", 0), counts.get("pending", 0)
    return RuleRow(
        rule=rule,
        state=state_of(rule, firing=firing, pending=pending),
        sentence=rule_sentence(rule),
        firing=firing,
        pending=pending,
        last_fired_at=counts.get("last"),
        fired_in_strip=counts.get("lately", 0),
        score=Score(counts.get("useful", 0), counts.get("noise", 0), counts.get("late", 0)),
        strip=strip,
        points=points or [],
        spark_label=f"{subject_of_rule(rule)} in the last 24 h, in {unit_of_subject(rule) or 'units'}",
    )


def state_of(rule: AlertRule, *, firing: int, pending: int) -> str:
    """Return one word for a rule; missing data is never quiet."""
    if rule.paused_at is not None:
        return PAUSED
    if firing:
        return FIRING
    if rule.error:
        return BROKEN
    if pending:
        return PENDING
    if rule.judged_until is None:
        return NEW
    return NO_DATA if rule.silent_count or not rule.series_count else QUIET


def rule_states(rules: Sequence[AlertRule]) -> dict[int, str]:
    """Return the word of each rule, in one query."""
    counts = Alert.objects.open().filter(rule__in=rules).order_by().values("rule")
    found = counts.annotate(
        firing=Count("pk", filter=Q(state=AlertState.FIRING)), pending=Count("pk", filter=Q(state=AlertState.PENDING))
    )
    by_rule = {row["rule"]: row for row in found}
    nothing = {"firing": 0, "pending": 0}
    return {
        rule.pk: state_of(
            rule,
            firing=by_rule.get(rule.pk, nothing)["firing"],
            pending=by_rule.get(rule.pk, nothing)["pending"],
        )
        for rule in rules
    }


def _counts(rules: Sequence[AlertRule], now: datetime) -> dict[int, dict[str, Any]]:
    fired = Q(fired_at__isnull=False)
    rows = Alert.objects.filter(rule__in=rules).order_by().values("rule")
    found = rows.annotate(
        firing=Count("pk", filter=Q(state=AlertState.FIRING)),
        pending=Count("pk", filter=Q(state=AlertState.PENDING)),
        last=Max("fired_at"),
        lately=Count("pk", filter=fired & Q(fired_at__gt=now - STRIP_OVER)),
        useful=Count("pk", filter=Q(answer=Usefulness.YES)),
        noise=Count("pk", filter=Q(answer=Usefulness.NO)),
        late=Count("pk", filter=Q(answer=Usefulness.LATE)),
    )
    return {row["rule"]: dict(row) for row in found}


def score_of(rule: AlertRule) -> Score:
    """Return what people said of the firings of `rule`."""
    counts = rule.alerts.order_by().values("answer").annotate(count=Count("pk"))
    by_answer = {row["answer"]: row["count"] for row in counts}
    return Score(*(by_answer.get(answer, 0) for answer in (Usefulness.YES, Usefulness.NO, Usefulness.LATE)))


def _strips(rules: Iterable[AlertRule], now: datetime) -> dict[int, list[Part]]:
    rows = Alert.objects.filter(rule__in=list(rules)).filter(
        Q(resolved_at__isnull=True) | Q(resolved_at__gt=now - STRIP_OVER)
    )
    found: dict[int, list[Part]] = {}
    for alert in rows.order_by("began_at"):
        found.setdefault(alert.rule_id, []).extend(strip_of(alert, now - STRIP_OVER, now))
    return found


def strip_of(alert: Alert, start: datetime, end: datetime) -> list[Part]:
    """Return the stretches of one alert on a strip from `start` to `end`."""
    stops = [("PENDING", alert.began_at, alert.fired_at or end), ("FIRING", alert.fired_at, alert.resolved_at or end)]
    parts = []
    for state, first, last in stops:
        if first is not None and last > start:
            place = max((first - start) / (end - start), 0.0)
            parts.append(Part(state, place, min((last - start) / (end - start), 1.0) - place))
    return parts


def _lines(rules: Sequence[AlertRule], now: datetime) -> dict[int, list[float | None]]:
    """What the first series of each rule measured lately, thinned; one query and one read."""
    series = _first_series(rules)
    found = read_lines(list(series.values()), now - SPARK_OVER, now)
    return {rule: _points(found[row.pk], now) for rule, row in series.items() if row.pk in found}


def _first_series(rules: Sequence[AlertRule]) -> dict[int, Series]:
    projects = {rule.project_id for rule in rules}
    metrics = [rule.metric_id for rule in rules if rule.metric_id]
    aspects = [rule.aspect for rule in rules if rule.aspect]
    rows = Series.objects.filter(Q(metric__in=metrics) | Q(aspect__in=aspects), environment__project__in=projects)
    candidates = list(rows.select_related("metric", "health_check").order_by("pk")[:5000])
    return {rule.pk: row for rule in rules if (row := next((s for s in candidates if _is_of(rule, s)), None))}


def _is_of(rule: AlertRule, series: Series) -> bool:
    if rule.environment_id and series.environment_id != rule.environment_id:
        return False
    if rule.metric_id:
        return series.metric_id == rule.metric_id and rule.labels.items() <= series.labels.items()
    is_aspect = bool(rule.aspect) and series.aspect == rule.aspect
    return is_aspect and rule.health_check_id in (None, series.health_check_id)


def _points(samples: Samples, now: datetime) -> list[float | None]:
    """The mean of each slot of the spark, None where nothing was measured: a gap is a gap."""
    if not len(samples.times):
        return []
    start = (now - SPARK_OVER).timestamp()
    slots = ((samples.times - start) / SPARK_OVER.total_seconds() * SPARK_POINTS).astype(np.int64)
    slots = np.clip(slots, 0, SPARK_POINTS - 1)
    counts = np.bincount(slots, minlength=SPARK_POINTS)
    totals = np.bincount(slots, weights=samples.values, minlength=SPARK_POINTS)
    return [float(total / count) if count else None for total, count in zip(totals, counts, strict=True)]


# --- alerts -----------------------------------------------------------------------------------------------------------


def alerts_of_project(project: Project, *, rule: int | None = None, state: str = "") -> QuerySet[Alert]:
    """Return what fired in `project`, the latest first."""
    rows = Alert.objects.fired().of(project).select_related("rule", "environment", "answered_by")
    rows = rows.filter(rule=rule) if rule else rows
    rows = rows.filter(state=state) if state else rows
    return rows.order_by("-fired_at", "-pk")


def sentence_of(rules: Sequence[tuple[AlertRule, str]]) -> str:
    """Return what somebody came to the rules page for, of all rules and their states."""
    states = Counter(state for _, state in rules)
    firing = [rule.name for rule, state in rules if state == FIRING]
    if not rules:
        return "No alert rule yet"
    if firing:
        names = ", ".join(firing[:2]) + (f" and {len(firing) - 2} more" if len(firing) > 2 else "")
        return f"{words.plural(len(firing), 'rule fires', 'rules fire')}: {names}"
    blind = states[NO_DATA] + states[BROKEN]
    if blind:
        return f"Nothing fires, but {words.plural(blind, 'rule cannot', 'rules cannot')} be judged"
    if waiting := states[PENDING]:
        return f"Nothing fires; {words.plural(waiting, 'rule is', 'rules are')} pending"
    judged = states[QUIET]
    return f"Nothing fires: {words.plural(judged, 'rule', 'rules')} judged" if judged else "No rule has been judged yet"
