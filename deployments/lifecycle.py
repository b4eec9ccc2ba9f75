"""How a deployment stands, from everything that was reported of it. Pure: the order of arrival does not matter.

The rules:
- An *end* (succeeded, failed, cancelled) beats everything that is not one; nothing goes back from it.
- Of two different ends the later one counts, and of two at the same time the worse one.
- An end reported again, with a later time, does not move the end.
- The start is the first one reported that does not lie after the end; without one the start is unknown.
- A deployment that was queued and started is running, whatever the times say.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

PENDING, RUNNING, SUCCEEDED, FAILED, CANCELLED = "PENDING", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED"
#: Who wins at the same instant: the worse end.
RANK = {PENDING: 0, RUNNING: 1, CANCELLED: 2, SUCCEEDED: 3, FAILED: 4}
ENDS = {SUCCEEDED, FAILED, CANCELLED}


@dataclass(frozen=True, order=True)
class Fact:
    """One reported status and when it was reached."""

    at: datetime
    status: str


@dataclass(frozen=True)
class Standing:
    """What the facts amount to, and which of them made it so."""

    status: str
    queued_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    applied: frozenset[Fact]

    def note(self, fact: Fact) -> str:
        """Say why `fact` changed nothing; empty when it did."""
        if fact in self.applied:
            return ""
        if fact.status in ENDS:
            return f"Another end counts: {self.status.lower()}."
        if self.finished_at and fact.at > self.finished_at:
            return "Lies after the end, so it changes nothing."
        return "An earlier report of the same counts."


def standing(facts: Iterable[Fact]) -> Standing:
    """Return how a deployment with these facts (at least one) stands."""
    known = sorted(set(facts))
    end = _end([fact for fact in known if fact.status in ENDS])
    start = _first(known, RUNNING, not_after=end)
    queued = _first(known, PENDING, not_after=start or end)
    applied = [fact for fact in (queued, start, end) if fact]
    return Standing(
        status=applied[-1].status,
        queued_at=queued.at if queued else None,
        started_at=start.at if start else None,
        finished_at=end.at if end else None,
        applied=frozenset(applied),
    )


def _end(ends: list[Fact]) -> Fact | None:
    if not ends:
        return None
    status = max(ends, key=lambda fact: (fact.at, RANK[fact.status])).status
    others = [(fact.at, RANK[fact.status]) for fact in ends if fact.status != status]
    return next(f for f in ends if f.status == status and (not others or (f.at, RANK[f.status]) > max(others)))


def _first(facts: list[Fact], status: str, *, not_after: Fact | None) -> Fact | None:
    fitting = [fact for fact in facts if fact.status == status and (not_after is None or fact.at <= not_after.at)]
    return fitting[0] if fitting else None
