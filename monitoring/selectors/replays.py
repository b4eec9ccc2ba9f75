"""What a replay goes through, what it asked in words, and what came of it."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import Exists, OuterRef

from deployments.models import Deployment
from monitoring.accuracy import WORSE, Score, said_of
from monitoring.changes import Changes
from monitoring.models import MonitoringPeriod, Replay, ReplayedVerdict, Ruling, RulingKind, Verdict
from monitoring.selectors.metric_record import share_words
from monitoring.selectors.rulings import rulings_of
from postdeploy.lib import words

#: A replay goes through so many deployments, the newest ones.
MOST_DEPLOYMENTS = 500


def replayable(replay: Replay) -> list[uuid.UUID]:
    """Return the deployments that `replay` judges once more, the newest first: those of which a watch had ended."""
    periods = MonitoringPeriod.objects.over().filter(deployment=OuterRef("pk"), ended_at__lte=replay.requested_at)
    verdicts = Verdict.objects.filter(period=OuterRef("pk"), looked_at__lte=replay.requested_at)
    looked_at = periods.filter(Exists(verdicts))
    rows = Deployment.objects.of(replay.project).filter(Exists(looked_at))
    if replay.environment_id:
        rows = rows.filter(environment=replay.environment_id)
    return list(rows.order_by("-finished_at", "-pk").values_list("pk", flat=True)[:MOST_DEPLOYMENTS])


# --- what was asked ---------------------------------------------------------------------------------------------------

_OF_METRIC = {
    "is_critical": ("critical", "not critical"),
    "is_muted": ("muted", "not muted"),
    "must_have_data": ("must have data", "need not have data"),
}


def change_words(changes: Changes) -> list[str]:
    """Return what is changed, one phrase a change; of nothing that all is as it was."""
    said = []
    if changes.chance_limit is not None:
        said.append(f"a change is real at a chance of at most {percent(changes.chance_limit)}")
    if changes.settle_seconds is not None:
        said.append(f"settling time {words.period(changes.settle_seconds)}")
    if changes.baseline_seconds is not None:
        said.append(f"{words.period(changes.baseline_seconds)} of history")
    if changes.reference is not None:
        said.append(f"compared with {changes.reference_version or 'the hours before'}")
    if changes.configured is not None:
        said.append("metrics as they are configured now")
    said += [f"{key}: {words_of_metric(fields)}" for key, fields in changes.metrics.items()]
    return said or ["nothing changed but perhaps the judge"]


def words_of_metric(fields: Any) -> str:
    """Return the changed fields of one metric: "least change 20 %, muted"."""
    said = []
    if "least_change" in fields:
        said.append(f"least change {percent(fields['least_change'])}")
    for name, label in (("least_change_absolute", "least change in units"), ("hard_limit", "hard limit")):
        if name in fields:
            said.append(f"{label} {'none' if fields[name] is None else words.number(fields[name])}")
    said += [yes if fields[name] else no for name, (yes, no) in _OF_METRIC.items() if name in fields]
    return ", ".join(said)


def percent(share: float) -> str:
    """Return "0.8 %": three digits at most, so that small limits can be told apart."""
    return f"{share * 100:.3g}\u00a0%"


# --- what came of it --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """One deployment, then and now, and what a person ruled."""

    row: ReplayedVerdict
    ruling: Ruling | None

    @property
    def is_better(self) -> bool:
        """True when the word of now agrees with the ruling, and that of then did not."""
        return self._agrees(self.row.result_now) and not self._agrees(self.row.result_then)

    @property
    def is_worse(self) -> bool:
        """True when the word of then agreed with the ruling, and that of now does not."""
        return self._agrees(self.row.result_then) and not self._agrees(self.row.result_now)

    @property
    def tells(self) -> str:
        """Why a change matters, in a few words; empty where nobody ruled or nothing crossed the line."""
        then, now = said_of(self.row.result_then), said_of(self.row.result_now)
        ruling = self.ruling.kind if self.ruling and not self.row.problem else ""
        if ruling == RulingKind.US and then != now and WORSE in (then, now):
            return "found, and it was us" if now == WORSE else "missed, and it was us"
        if ruling == RulingKind.NOT_US and then != now and WORSE in (then, now):
            return "a new false alarm" if now == WORSE else "a false alarm fewer"
        return ""

    @property
    def rank(self) -> tuple[int, int]:
        """What matters most first: changes that people's rulings speak against, then for, then others."""
        then, now = said_of(self.row.result_then), said_of(self.row.result_now)
        if not self.row.is_changed:
            return (4, 0)
        if self.is_worse or self.is_better:
            return (0 if self.is_worse else 1, 0)
        return (2 if WORSE in (then, now) and then != now else 3, 0)

    def _agrees(self, result: str) -> bool:
        if self.ruling is None or self.ruling.kind == RulingKind.EXPECTED:
            return False
        return (said_of(result) == WORSE) == (self.ruling.kind == RulingKind.US)


@dataclass(frozen=True)
class ReplayReport:
    """What a replay found so far; scores are over the same deployments, those that could be judged once more."""

    replay: Replay
    lines: Sequence[Line]

    @cached_property
    def judged(self) -> list[Line]:
        """Those that could be judged once more."""
        return [line for line in self.lines if not line.row.problem]

    @cached_property
    def changed(self) -> list[Line]:
        """Those whose word would be another, what matters most first."""
        return sorted((line for line in self.judged if line.row.is_changed), key=lambda line: line.rank)

    @cached_property
    def touched(self) -> list[Line]:
        """Those of which only findings differ."""
        return [line for line in self.judged if not line.row.is_changed and line.row.differences]

    @cached_property
    def problems(self) -> list[Line]:
        """Those that could not be judged once more."""
        return [line for line in self.lines if line.row.problem]

    @cached_property
    def noted(self) -> list[Line]:
        """Those that were not judged quite as asked."""
        return [line for line in self.judged if line.row.note]

    @cached_property
    def then(self) -> Score:
        """How right the verdicts were."""
        return Score.of((line.row.result_then, _kind(line)) for line in self.judged)

    @cached_property
    def now(self) -> Score:
        """How right they would have been."""
        return Score.of((line.row.result_now, _kind(line)) for line in self.judged)

    @property
    def same_count(self) -> int:
        """How many would be the very same, findings and all."""
        return len(self.judged) - len(self.changed) - len(self.touched)

    @property
    def rule_versions(self) -> list[str]:
        """The judges of then that are not the one of now."""
        return sorted({line.row.rule_version for line in self.judged} - {self.replay.rule_version, ""})

    @property
    def precision(self) -> tuple[str, str]:
        """Then and now, in words."""
        return share_words(self.then.precision), share_words(self.now.precision)

    @property
    def recall(self) -> tuple[str, str]:
        """Then and now, in words."""
        return share_words(self.then.recall), share_words(self.now.recall)

    @property
    def done_share(self) -> float:
        """How much of it is done, 0 to 1."""
        return min(len(self.lines) / self.replay.total, 1.0) if self.replay.total else 1.0

    @property
    def progress_label(self) -> str:
        """How much of it is done, for those who do not see the bar."""
        return f"{len(self.lines)} of {words.plural(self.replay.total, 'deployment')}"

    @property
    def headline(self) -> str:
        """What came of it, in one sentence."""
        judged, changed = len(self.judged), len(self.changed)
        if not judged:
            return "None of them could be judged once more."
        if not changed and judged == 1:
            return "The verdict would have been the same."
        if not changed:
            return f"All {words.plural(judged, 'verdict')} would have been the same."
        more = self.now_alarms - self.then_alarms
        alarms = f"{words.plural(abs(more), 'alarm')} {'more' if more > 0 else 'fewer'}" if more else "as many alarms"
        return f"{changed:,} of {words.plural(judged, 'verdict')} would have been another: {alarms}."

    @property
    def then_alarms(self) -> int:
        """Deployments that were called worse."""
        return sum(said_of(line.row.result_then) == WORSE for line in self.judged)

    @property
    def now_alarms(self) -> int:
        """Deployments that would be called worse."""
        return sum(said_of(line.row.result_now) == WORSE for line in self.judged)


def _kind(line: Line) -> str:
    return line.ruling.kind if line.ruling else ""


def report_of(replay: Replay) -> ReplayReport:
    """Return what `replay` found so far, in two queries."""
    rows = list(replay.verdicts.select_related("deployment__environment").order_by("-deployment__finished_at", "pk"))
    rulings = rulings_of(row.deployment_id for row in rows)
    return ReplayReport(replay, [Line(row, rulings.get(row.deployment_id)) for row in rows])
