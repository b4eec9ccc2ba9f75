"""PURE: what is known of a deployment, from its status and its two monitoring periods. One word, one sentence.

The words, in lower case: `pending`, `watching`, `healthy`, `degraded`, `failed`, `inconclusive`, `blind`, `superseded`,
`cancelled`, `not_deployed`, `not_watched`.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

#: Of a deployment that was reported later than this only what would still be watched is watched.
LOOK_BACK = timedelta(days=7)

#: Results, worst first. What could not be seen outranks HEALTHY: unknown is not healthy.
WORST_FIRST = ("FAILED", "DEGRADED", "BLIND", "INCONCLUSIVE", "HEALTHY")
BAD = ("FAILED", "DEGRADED")

INITIAL, EXTENDED = "INITIAL", "EXTENDED"
UNTIL = ("initial", "extended")

PENDING, WATCHING, SUPERSEDED = "pending", "watching", "superseded"
_UNWATCHED = {
    "PENDING": (PENDING, "The deployment has not begun yet."),
    "RUNNING": (PENDING, "The deployment has not finished yet."),
    "CANCELLED": ("cancelled", "The deployment was cancelled, so there is nothing to watch."),
    "FAILED": ("not_deployed", "The pipeline failed, so there is nothing to watch."),
}
UNDECIDED = (PENDING, WATCHING)
WAIT, GO, STOP = "wait", "go", "stop"
DECISIONS = (WAIT, GO, STOP)
_DECIDED = {
    PENDING: (WAIT, "It is not live yet."),
    WATCHING: (WAIT, "No verdict has been reached yet."),
    "healthy": (GO, "Nothing got worse, and there was enough to judge by."),
    "degraded": (STOP, "Something got worse."),
    "failed": (STOP, "Something critical broke."),
    "inconclusive": (STOP, "There was too little to say that nothing got worse."),
    "blind": (STOP, "There was nothing to judge by."),
    "cancelled": (STOP, "The deployment was cancelled."),
    "not_deployed": (STOP, "The pipeline failed, so nothing went live."),
    "not_watched": (STOP, "It was reported too late to be watched, so nobody knows."),
}


@dataclass(frozen=True)
class Period:
    """One stage of the watch: when, what was decided, and what the latest look said."""

    stage: str
    status: str
    opens_at: datetime
    closes_at: datetime
    ended_at: datetime | None = None
    result: str | None = None
    decided_at: datetime | None = None
    next_look_at: datetime | None = None
    verdict_id: int | None = None
    so_far: str | None = None
    sentence: str = ""
    looked_at: datetime | None = None
    is_dry_run: bool = False

    @property
    def is_open(self) -> bool:
        """True while it runs."""
        return self.status == "OPEN"

    @property
    def is_overdue(self) -> bool:
        """True when it is over and its verdict has to wait: for a roll-out under way, or for the judge."""
        is_undecided = self.is_open and not self.result
        return is_undecided and self.next_look_at is not None and self.next_look_at > self.closes_at


@dataclass(frozen=True)
class Subject:
    """The deployment that is asked about. `waits_for` is the version whose roll-out holds an overdue verdict back."""

    id: uuid.UUID
    status: str
    is_too_old: bool = False
    superseded_by: str = ""
    superseded_by_id: uuid.UUID | None = None
    waits_for: str = ""


@dataclass(frozen=True)
class WatchState:
    """What is known of a deployment: one word for pages, API and gate, and the sentence that goes with it.

    `is_final`: the word is a verdict, or there will be none. `so_far`: the result that the latest look of the period
    under way leans to, in lower case. `verdict_id` is the look that sentence and findings come from. `is_dry_run`: its
    verdicts are recorded as they are, and nothing else comes of them. `waiting`: why a verdict that is due has not been
    reached, as a sentence.
    """

    deployment_id: uuid.UUID
    state: str
    sentence: str
    is_final: bool
    so_far: str | None = None
    initial: Period | None = None
    extended: Period | None = None
    verdict_id: int | None = None
    decided_at: datetime | None = None
    next_look_at: datetime | None = None
    ended_at: datetime | None = None
    superseded_by: str = ""
    superseded_by_id: uuid.UUID | None = None
    is_dry_run: bool = False
    waiting: str = ""

    @property
    def is_watching(self) -> bool:
        """True while a period runs, whether or not a verdict has been reached."""
        return any(period is not None and period.is_open for period in (self.initial, self.extended))


def watch_state(subject: Subject, periods: Sequence[Period], *, until: str | None = None) -> WatchState:
    """Return what is known of `subject`.

    `until` asks for one stage's answer, as the gate does: "initial", or "extended" for the whole watch. Without it
    the answer is the page's: the worst verdict that has been reached, even if the watch goes on.
    """
    if subject.status in _UNWATCHED:
        state, sentence = _UNWATCHED[subject.status]
        return WatchState(subject.id, state, sentence, is_final=state != PENDING)
    if not periods:
        return _without_periods(subject)
    asked = [period for period in periods if until != "initial" or period.stage == INITIAL]
    return _judged(subject, asked, periods, until)


def _without_periods(subject: Subject) -> WatchState:
    if subject.is_too_old:
        sentence = "It was reported too late to be watched."
        return WatchState(subject.id, "not_watched", sentence, is_final=True)
    return WatchState(subject.id, WATCHING, "The watch is about to begin.", is_final=False)


def _judged(subject: Subject, asked: Sequence[Period], periods: Sequence[Period], until: str | None) -> WatchState:
    state, source, is_final = _word(asked, until)
    stages = {period.stage: period for period in periods}
    looks = [period.next_look_at for period in asked if period.next_look_at]
    ends = [period.ended_at for period in periods]
    waiting = _waiting(asked, subject) if state == WATCHING else ""
    return WatchState(
        deployment_id=subject.id,
        state=state,
        sentence=waiting or _sentence(state, source, subject),
        is_final=is_final,
        so_far=_so_far(asked),
        initial=stages.get(INITIAL),
        extended=stages.get(EXTENDED),
        verdict_id=source.verdict_id if source else None,
        decided_at=source.decided_at if source and is_final else None,
        next_look_at=min(looks, default=None),
        ended_at=None if None in ends else max(end for end in ends if end),
        superseded_by=subject.superseded_by,
        superseded_by_id=subject.superseded_by_id,
        is_dry_run=any(period.is_dry_run for period in asked),
        waiting=waiting,
    )


def _word(asked: Sequence[Period], until: str | None) -> tuple[str, Period | None, bool]:
    """Return the state, the period its sentence comes from, and whether it is final."""
    decided = sorted((period for period in asked if period.result), key=lambda p: WORST_FIRST.index(p.result or ""))
    undecided = [period for period in asked if not period.result]
    worst = decided[0] if decided else None
    if worst and worst.result not in BAD:  # the longer it was seen, the more that says
        worst = max((period for period in decided if period.result == worst.result), key=lambda p: p.opens_at)
    # a page may show the initial verdict while the extended watch goes on; nothing stands for an undecided initial one
    is_whole = not any(until or period.stage == INITIAL for period in undecided)
    if worst and worst.result and (worst.result in BAD or is_whole):
        return worst.result.lower(), worst, True
    running = next((period for period in undecided if period.is_open), None)
    if running:
        seen = [period for period in undecided if period.verdict_id]
        return WATCHING, seen[-1] if seen else running, False
    return SUPERSEDED, undecided[-1] if undecided else None, True


def _waiting(asked: Sequence[Period], subject: Subject) -> str:
    """Why a verdict waits though its period is over; empty while none does."""
    overdue = next((period for period in asked if period.is_overdue), None)
    if overdue is None:
        return ""
    opening = f"The {overdue.stage.lower()} period is over"
    if subject.waits_for:
        return f"{opening}; its verdict waits until the roll-out of {subject.waits_for}, which began in it, has ended."
    return f"{opening}; its verdict will be reached soon."


def _so_far(asked: Sequence[Period]) -> str | None:
    leanings = [p.so_far for p in asked if p.is_open and not p.result and p.so_far]
    return min(leanings, key=WORST_FIRST.index).lower() if leanings else None


def _sentence(state: str, source: Period | None, subject: Subject) -> str:
    if state == SUPERSEDED:
        by = subject.superseded_by or "A newer deployment"
        return f"{by} replaced it before a verdict was reached."
    if source and source.sentence:
        return source.sentence
    return "Nothing has been looked at yet."


def decide(state: WatchState, *, is_dry_run: bool) -> tuple[str, str]:
    """Return what a pipeline shall do, `wait`, `go` or `stop`, and why in a sentence. Only a healthy one may go on.

    A dry run blocks nothing: it goes on at once, whatever is found.
    """
    if is_dry_run:
        return GO, "This environment's verdicts are a dry run: they are recorded and block nothing."
    if state.waiting:
        return WAIT, state.waiting
    if state.state == SUPERSEDED:
        by = state.superseded_by or "a newer deployment"
        return STOP, f"It was never cleared: {by} took its place, so wait for the verdict on that."
    return _DECIDED[state.state]
