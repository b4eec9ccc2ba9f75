"""How right the verdicts of a project were, as far as people said: as a whole, and metric by metric."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from deployments.models import Deployment, Environment, Project
from monitoring.accuracy import EXPECTED, NOT_US, NOT_WORSE, SAID, UNKNOWN, US, WORSE, Score, said_of
from monitoring.models import MonitoringPeriod, Ruling
from monitoring.selectors.metric_record import MetricRecord, metric_records, share_words
from monitoring.watch import WORST_FIRST

#: Lines of each list.
LINES = 50

_SAID_WORDS = {WORSE: "Called worse", NOT_WORSE: "Nothing got worse", UNKNOWN: "Could not tell"}
_MEANINGS = {
    (WORSE, US): "right", (WORSE, NOT_US): "false alarm", (NOT_WORSE, US): "missed", (UNKNOWN, US): "missed",
    (NOT_WORSE, NOT_US): "right",
}  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """How often one thing was said and ruled, and what that means."""

    count: int
    meaning: str

    @property
    def words(self) -> str:
        """What it means, of several in the plural."""
        return f"{self.meaning}s" if self.meaning == _MEANINGS[WORSE, NOT_US] and self.count > 1 else self.meaning


@dataclass(frozen=True)
class Case:
    """A deployment whose verdict was wrong, or waits for a ruling."""

    deployment: Deployment
    result: str
    ruling: Ruling | None = None

    @property
    def is_missed(self) -> bool:
        """True when it was us and was not called worse; else it is a false alarm."""
        return self.ruling is not None and self.ruling.kind == US


@dataclass(frozen=True)
class VerdictRecord:
    """What the page shows."""

    score: Score
    wrong: list[Case] = field(default_factory=list)
    unruled: list[Case] = field(default_factory=list)
    metrics: list[MetricRecord] = field(default_factory=list)
    wrong_count: int = 0
    unruled_count: int = 0

    @property
    def precision(self) -> str:
        """In words."""
        return share_words(self.score.precision)

    @property
    def recall(self) -> str:
        """In words."""
        return share_words(self.score.recall)

    @property
    def table(self) -> list[tuple[str, list[Cell]]]:
        """What was said, and how it was ruled: us, not us, expected, by nobody."""
        return [
            (_SAID_WORDS[said], [self._cell(said, ruling) for ruling in (US, NOT_US, EXPECTED, "")]) for said in SAID
        ]

    def _cell(self, said: str, ruling: str) -> Cell:
        return Cell(self.score.count(said, ruling), _MEANINGS.get((said, ruling), ""))

    @property
    def headline(self) -> str:
        """How right the judge was, in one sentence."""
        precision = self.score.precision
        if not self.score.total:
            return "No verdict has been reached yet"
        if not self.score.ruled:
            return "Nobody has said yet how right the verdicts were"
        if not precision.is_enough:
            return "Too few rulings to say how right the verdicts were"
        return f"{precision.hits} of {precision.of} alarms were right"


def verdict_record(
    project: Project, *, since: datetime | None = None, environment: Environment | None = None
) -> VerdictRecord:
    """Return how right the verdicts were on what went live at `since` or later; in seven queries at most."""
    results = _results(project, since, environment)
    rulings = _rulings(results)
    whole = {pk: ruling for (pk, key), ruling in rulings.items() if not key}
    cases = [(pk, result, whole.get(pk)) for pk, result in results.items()]
    wrong = [(pk, result, ruling) for pk, result, ruling in cases if ruling and _is_wrong(result, ruling)]
    unruled = [(pk, result, None) for pk, result, ruling in cases if not ruling and said_of(result) == WORSE]
    shown = [pk for pk, *_ in (*wrong[:LINES], *unruled[:LINES])]
    rows = Deployment.objects.select_related("environment").in_bulk(shown)
    return VerdictRecord(
        score=Score.of((result, ruling.kind if ruling else "") for _, result, ruling in cases),
        wrong=[Case(rows[pk], result, ruling) for pk, result, ruling in wrong[:LINES]],
        unruled=[Case(rows[pk], result) for pk, result, _ in unruled[:LINES]],
        metrics=metric_records(project, results, rulings),
        wrong_count=len(wrong),
        unruled_count=len(unruled),
    )


def _results(project: Project, since: datetime | None, environment: Environment | None) -> dict[uuid.UUID, str]:
    """The word of each deployment that has one, the latest first: the worst of its two periods."""
    rows = MonitoringPeriod.objects.of(project).filter(result__isnull=False)
    if since:
        rows = rows.filter(deployment__finished_at__gte=since)
    if environment:
        rows = rows.filter(environment=environment)
    results: dict[uuid.UUID, str] = {}
    for pk, result in rows.order_by("-deployment__finished_at", "-deployment").values_list("deployment", "result"):
        word = str(result)
        results[pk] = min(results.get(pk, word), word, key=WORST_FIRST.index)
    return results


def _rulings(results: Mapping[uuid.UUID, str]) -> dict[tuple[uuid.UUID, str], Ruling]:
    rows = Ruling.objects.current().filter(deployment__in=list(results)).select_related("by")
    return {(row.deployment_id, row.key): row for row in rows}


def _is_wrong(result: str, ruling: Ruling) -> bool:
    is_worse = said_of(result) == WORSE
    return ruling.kind == (NOT_US if is_worse else US)
