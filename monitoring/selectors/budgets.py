"""Objectives as their page shows them: what was counted, how much of the error budget is left, how it went."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from django.db.models import Count, QuerySet

from monitoring import rules
from monitoring.models import Objective
from monitoring.rules.values import Spans
from monitoring.selectors.objectives import tally_of
from monitoring.selectors.quiet import Subject, quiet_spans
from postdeploy.lib import words
from postdeploy.lib.sheets import Sheet, sheet_of

#: Buckets weigh alike: long ones would make a minute of readings count for all of it.
STEP = timedelta(minutes=5)
RECENT = timedelta(hours=1)
POINTS = 90
#: Objectives on one sheet of the page, and on one page of the API: each of them reads what it counted.
SHEET, MOST_OBJECTIVES = 20, 50
#: Less than this share of the budget left is worth a warning.
LITTLE = 0.25


@dataclass(frozen=True)
class ObjectiveRow:
    """One line of the objectives page; `left` is a share of the budget, None when nothing was counted."""

    objective: Objective
    good_percent: float | None
    left: float | None
    points: tuple[float | None, ...]
    burn: float | None
    guards: int

    @property
    def state(self) -> str:
        """One of the states that the pages show."""
        if self.left is None:
            return "no_data"
        if self.left <= 0:
            return "failed"
        return "degraded" if self.left < LITTLE else "healthy"

    @property
    def word(self) -> str:
        """The state in words."""
        return {"no_data": "No data", "failed": "Broken", "degraded": "Little left", "healthy": "Kept"}[self.state]

    @property
    def left_words(self) -> str:
        """What is left of the budget: "64 %", "overspent by 30 %", "no data"."""
        if self.left is None:
            return "no data"
        if self.left < 0:
            return f"overspent by {words.quantity(round(-100 * self.left), '%')}"
        return words.quantity(round(100 * self.left), "%")

    @property
    def good_words(self) -> str:
        """The share that was good."""
        return "no data" if self.good_percent is None else words.share(self.good_percent, 100)

    @property
    def target_words(self) -> str:
        """What was promised, exactly: 99.99 % is not 100 %."""
        return f"{self.objective.target_percent:g}{words.NBSP}%"

    @property
    def burn_words(self) -> str:
        """How fast the budget burnt in the last hour."""
        return "no data" if self.burn is None else f"{words.number(round(self.burn, 2))} times"

    @property
    def label(self) -> str:
        """What the picture shows."""
        return f"Error budget of {self.objective.name} over {self.objective.window_days} d: {self.left_words} left"


def objectives_page(objectives: QuerySet[Objective], *, page: str, now: datetime) -> Sheet[ObjectiveRow]:
    """Return one sheet of `objectives` with what is left of each, the least left first; `page` is what was asked for.

    Only what is shown is read: the cost does not grow with the number of objectives.
    """
    sheet = sheet_of(list(objectives.values_list("pk", flat=True)), page, SHEET)
    rows = objective_rows(objectives.filter(pk__in=list(sheet.rows)), now=now) if sheet.rows else []
    return Sheet(rows, sheet.number, sheet.sheets, sheet.total, sheet.size)


def objective_rows(objectives: QuerySet[Objective], *, now: datetime) -> list[ObjectiveRow]:
    """Return the rows of `objectives`, the least left first; each of them costs a handful of queries."""
    rows = objectives.select_related("environment", "health_check", "part", "whole").annotate(guards=Count("rules"))
    shown = list(rows)
    begin = min((now - objective.window for objective in shown), default=now)
    quiet = quiet_spans([Subject(str(row.pk), row.environment, row.health_check_id) for row in shown], begin, now)
    found = [_row(objective, quiet[str(objective.pk)], now) for objective in shown]
    return sorted(found, key=lambda row: (row.left is not None, row.left or 0.0))


def _row(objective: Objective, spans: Spans, now: datetime) -> ObjectiveRow:
    start = now - objective.window
    tally = tally_of(objective, start, now, step=STEP, spans=spans)
    recent = tally_of(objective, now - RECENT - timedelta(minutes=1), now, spans=spans)
    total, bad = float(tally.total.sum()), float(tally.bad.sum())
    burnt = rules.burn_rate(recent, np.array([now.timestamp()]), RECENT.total_seconds(), objective.target)
    line = rules.burn_down(tally, objective.target, start.timestamp(), now.timestamp(), POINTS)
    return ObjectiveRow(
        objective=objective,
        good_percent=100 * (total - bad) / total if total > 0 else None,
        left=rules.budget_left(tally, objective.target),
        points=tuple(float(value) if np.isfinite(value) else None for value in line.values),
        burn=float(burnt[0]) if np.isfinite(burnt[0]) else None,
        guards=getattr(objective, "guards", 0),
    )


def objectives_sentence(sheet: Sheet[ObjectiveRow]) -> str:
    """Return what somebody came to the page for; of one sheet of several that it speaks of this one."""
    sentence = _sentence(sheet.rows)
    return sentence if sheet.sheets == 1 else f"On this page {sentence[:1].lower()}{sentence[1:]}"


def _sentence(rows: Sequence[ObjectiveRow]) -> str:
    if not rows:
        return "No objective yet"
    broken = [row for row in rows if row.state == "failed"]
    if broken:
        names = ", ".join(row.objective.name for row in broken[:2])
        return f"{words.plural(len(broken), 'objective is', 'objectives are')} broken: {names}"
    blind = sum(row.state == "no_data" for row in rows)
    kept = len(rows) - blind
    if not kept:
        return "Nothing was counted for any objective"
    sentence = f"{kept} of {words.plural(len(rows), 'objective is', 'objectives are')} kept"
    return f"{sentence}, {blind} not measured" if blind else sentence
