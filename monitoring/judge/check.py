"""One health check: judged by its own conditions, with or without a history."""

from dataclasses import dataclass

import numpy as np

from monitoring.judge import phrases
from monitoring.judge.chances import binomial_tail
from monitoring.judge.facts import (
    CheckFacts,
    Finding,
    FindingResult,
    Floats,
    OutageFacts,
    Reason,
    Series,
    Subject,
    Window,
)

#: Separate failures that a check without a history may have, as a share of its readings.
_FORGIVEN = 0.02
#: So many separate failures make a check flap, however good its past was.
_LEAST_FAILURES = 3
_LEAST_COVERAGE = 0.5


@dataclass(frozen=True, slots=True)
class _Readings:
    """What the readings of one side say: how many, how many failed, in how many runs, and the run at the end."""

    count: int
    failed: int
    runs: int
    trailing: int
    began_at: float | None

    @classmethod
    def of(cls, series: Series) -> "_Readings":
        down = series.values < 0.5
        trailing = int(np.argmax(~down[::-1])) if (~down).any() else int(down.size)
        begins = down & ~np.append(False, down[:-1])[: down.size]
        return cls(
            count=int(down.size),
            failed=int(down.sum()),
            runs=int(begins.sum()),
            trailing=trailing,
            began_at=float(series.times[-trailing]) if trailing else None,
        )


def judge_check(
    up: Series, facts: CheckFacts, window: Window, outage: OutageFacts | None = None, had_before: bool = True
) -> Finding:
    """The finding for one check.

    ``up`` has 1 for a good reading and 0 for a failed one, from before and after the deployment. ``outage`` is the
    latest one that lasted into the period, if any. Without ``had_before`` there is nothing to compare with.
    """
    readings = up.clean()
    start, end = window.deployed_at, window.judged_until + 1e-6
    before = readings.between(-np.inf, start) if had_before else Series.empty()
    after = readings.between(max(window.opens_at, start), end)
    settled = readings.between(window.judged_from, end)
    sides = (_Readings.of(before), _Readings.of(after), _Readings.of(settled))
    state = _Side(facts, window, *sides, gap=_gap(after, window), step=_step(after, facts))
    result, reasons, sentence, chance = _ruling(state, outage)
    up_before, up_after = _up_share(state.before), _up_share(state.settled)
    return Finding(
        key=facts.key,
        name=facts.name,
        subject=Subject.CHECK,
        result=result,
        sentence=sentence,
        reasons=(*reasons, *([Reason.MUTED] if facts.is_muted else [])),
        unit="%",
        before=up_before,
        after=up_after,
        change=None if up_before is None or up_after is None else up_after - up_before,
        score=_score(result, chance),
        chance=chance,
        coverage_before=_coverage(before.times, facts),
        coverage_after=round(state.coverage, 4),
        is_critical=facts.is_critical,
        is_muted=facts.is_muted,
        must_have_data=facts.must_have_data,
    )


@dataclass(frozen=True, slots=True)
class _Side:
    """All that the rules look at. ``gap`` is the time without a reading before this look, ``step`` between two."""

    facts: CheckFacts
    window: Window
    before: _Readings
    after: _Readings
    settled: _Readings
    gap: float
    step: float

    @property
    def coverage(self) -> float:
        """Share of the readings that were due since the deployment."""
        begin = max(self.window.opens_at, self.window.deployed_at)
        due = max(1.0, (self.window.judged_until - begin) / self.step)
        return min(1.0, self.after.count / due)


Ruling = tuple[FindingResult, tuple[Reason, ...], str, float | None]


def _ruling(side: _Side, outage: OutageFacts | None) -> Ruling:
    name = side.facts.name
    if not side.after.count:
        reason = Reason.GONE_SILENT if side.before.count else Reason.NO_DATA
        return FindingResult.NO_DATA, (reason,), f"{name}: no readings since the deployment.", None
    if outage or side.after.trailing >= side.facts.failure_threshold:
        return _down(side, outage)
    return _too_little(side) or _flapping(side) or _well(side)


def _down(side: _Side, outage: OutageFacts | None) -> Ruling:
    """An outage that is or was, or one that its readings show before it has a record."""
    name, now = side.facts.name, side.window.judged_until
    began_at = outage.began_at if outage else side.after.began_at or now
    cause = f": {outage.cause}" if outage and outage.cause else ""
    if outage and outage.ended_at is not None and outage.ended_at <= now:
        return _recovered(side, outage, cause)
    lasted = phrases.duration(now - began_at)
    if began_at < side.window.deployed_at:
        sentence = f"{name} was already down before the deployment and still is, for {lasted}{cause}."
        return FindingResult.INCONCLUSIVE, (Reason.WAS_DOWN,), sentence, None
    row = f", {phrases.plural(side.after.trailing, 'reading')} in a row" if side.after.trailing else ""
    return FindingResult.REGRESSED, (Reason.DOWN,), f"{name} has been down for {lasted}{cause}{row}.", 0.0


def _recovered(side: _Side, outage: OutageFacts, cause: str) -> Ruling:
    name, ended_at = side.facts.name, outage.ended_at or side.window.judged_until
    lasted = phrases.duration(ended_at - outage.began_at)
    if outage.began_at < side.window.deployed_at:
        sentence = f"{name} was down before the deployment and is up again, after {lasted}{cause}."
        return FindingResult.IMPROVED, (Reason.RECOVERED,), sentence, None
    if ended_at <= side.window.judged_from:
        sentence = f"{name} was down for {lasted} while the deployment settled and is up since{cause}."
        return FindingResult.UNCHANGED, (Reason.RECOVERED,), sentence, None
    sentence = f"{name} was down for {lasted} after the deployment and is up again{cause}."
    return FindingResult.REGRESSED, (Reason.RECOVERED,), sentence, 0.0


def _too_little(side: _Side) -> Ruling | None:
    name = side.facts.name
    needed = max(_LEAST_FAILURES, side.facts.failure_threshold)
    if side.settled.count < needed:
        sentence = f"{name}: too little to judge, {side.settled.count} of {needed} readings since the deployment."
    elif side.gap > max(3 * side.step, 0.25 * (side.window.judged_until - side.window.judged_from)):
        sentence = f"{name}: no reading for the last {phrases.duration(side.gap)}."
        return FindingResult.INCONCLUSIVE, (Reason.GONE_SILENT,), sentence, None
    elif side.coverage < _LEAST_COVERAGE:
        taken = phrases.quantity(round(100 * side.coverage), "%")
        sentence = f"{name}: too little to judge, {taken} of the readings were taken."
    else:
        return None
    return FindingResult.INCONCLUSIVE, (Reason.TOO_LITTLE,), sentence, None


def _flapping(side: _Side) -> Ruling | None:
    """Too many separate failures for its past; a run counts once, since failures come in runs."""
    settled, before = side.settled, side.before
    if settled.runs < _LEAST_FAILURES:
        return None
    usual = max(_FORGIVEN, (before.runs + 1) / (before.count + 2)) if before.count else _FORGIVEN
    chance = binomial_tail(settled.runs, settled.count, usual)
    if chance > side.facts.chance_limit:
        return None
    past = f", {before.failed} of {before.count:,} before the deployment" if before.count else ""
    sentence = f"{side.facts.name} flaps: {settled.failed} of {settled.count:,} readings failed{past}."
    return FindingResult.REGRESSED, (Reason.FLAPPING,), sentence, chance


def _well(side: _Side) -> Ruling:
    settled = side.settled
    if not settled.failed:
        sentence = f"{side.facts.name} is up: {phrases.plural(settled.count, 'reading')}, none failed."
    else:
        sentence = f"{side.facts.name} is up: {settled.failed} of {settled.count:,} readings failed, which is ordinary."
    return FindingResult.UNCHANGED, (Reason.ORDINARY,), sentence, 1.0


def _gap(after: Series, window: Window) -> float:
    return window.judged_until - float(after.times[-1]) if len(after) else window.judged_until - window.judged_from


def _step(after: Series, facts: CheckFacts) -> float:
    """Seconds between two readings: as planned, or as they really came (a late report finds slower ones)."""
    real = float(np.median(np.diff(after.times))) if len(after) > _LEAST_FAILURES else 0.0
    return max(facts.step_seconds, real, 1e-3)


def _up_share(readings: _Readings) -> float | None:
    return 100.0 * (1 - readings.failed / readings.count) if readings.count else None


def _coverage(times: Floats, facts: CheckFacts) -> float:
    if times.size < 2:
        return 0.0
    return round(min(1.0, (times.size - 1) / max(1.0, float(times[-1] - times[0]) / facts.step_seconds)), 4)


def _score(result: FindingResult, chance: float | None) -> float:
    """Downs are beyond any metric's score; a flapping check counts by its chance."""
    if result is not FindingResult.REGRESSED or chance is None:
        return 0.0
    return 100.0 if chance == 0 else float(min(30.0, -np.log10(chance)))
