"""One reading for somebody who is writing a check: what came back, each condition by itself, where the time went."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from monitoring.conditions import Answer, Condition
from monitoring.probes.facts import Facts
from monitoring.probes.kinds import Check, see
from monitoring.probes.readings import Reading, StepSeen, clause, excerpt, judged
from postdeploy.lib.addresses import Network


@dataclass(frozen=True, slots=True)
class Result:
    """One condition: what it asks, whether it holds, and what was found."""

    words: str
    ok: bool
    found: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """What came back. Without an answer there are no results, and `reading` says why."""

    reading: Reading
    results: tuple[Result, ...] = ()
    body: str = ""
    address: str = ""
    redirects: int = 0
    certificate: str = ""
    steps: tuple[StepSeen, ...] = ()


def try_check(
    check: Check, networks: Iterable[Network | str], *, now: datetime | None = None, facts: Facts | None = None
) -> Trial:
    """Read a check once, over a fresh connection, and look at each of its conditions."""
    seen = see(check, networks, now=now, facts=facts)
    answer = seen.answer if seen.failure is None else None
    return Trial(
        reading=judged(seen, check.conditions, check.hidden),
        results=tuple(_result(condition, answer, check.hidden) for condition in check.conditions) if answer else (),
        body=excerpt(seen.answer.body, check.hidden) if seen.answer else "",
        address=seen.address or "",
        redirects=seen.redirects,
        certificate=seen.certificate,
        steps=seen.steps,
    )


def _result(condition: Condition, answer: Answer, hidden: tuple[str, ...]) -> Result:
    complaint = condition.complaint(answer)
    return Result(condition.words, complaint is None, clause(complaint or condition.found(answer), hidden))
