"""One metric: did it change after the deployment, for the worse, and enough to matter?"""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from monitoring.judge import phrases
from monitoring.judge.evidence import REACH_50, Evidence, gather
from monitoring.judge.facts import BadDirection, Finding, FindingResult, MetricFacts, Reason, Series, Subject, Window
from monitoring.judge.grid import Grid, lay_out
from monitoring.judge.moments import quantile
from monitoring.judge.ranks import MIN_AFTER, MIN_BEFORE

#: Above the limit and yet too rare to be called ordinary.
SUSPICION = 0.03
#: What has gone back to less than this share of its change has healed: a restart, not a regression. With fewer steps
#: than this the last quarter is too short to say so.
HEALED = 0.3
_HEALING_STEPS = 24
#: While the period runs, a change in the first steps may be the restart: it has to last so many steps, and to be there
#: still in the last of them.
_RESTART_STEPS = 6
_LASTING = 0.7
_LONGEST_FORECAST_MINUTES = 7 * 24 * 60


def judge_metric(baseline: Series, after: Series, facts: MetricFacts, window: Window, seed: int = 0) -> Finding:
    """The finding for one metric.

    ``baseline`` and ``after`` may be one and the same series: only what lies before and after the deployment is used.
    ``seed`` is for methods that draw numbers; this one does not, and gives the same finding for the same input.
    """
    grid = lay_out(baseline, after, facts, window)
    finding = _unjudged(grid, facts)
    if finding is None:
        evidence = gather(grid) if _is_enough(grid) else None
        finding = _too_little(grid, facts) if evidence is None else _judged(grid, facts, evidence, window)
    return _with_limit(finding, grid, facts)


def _finding(
    grid: Grid, facts: MetricFacts, result: FindingResult, reason: Reason, sentence: str, **more: Any
) -> Finding:
    return Finding(
        key=facts.key,
        name=facts.name,
        subject=Subject.METRIC,
        result=result,
        sentence=sentence,
        reasons=(reason, *([Reason.MUTED] if facts.is_muted else [])),
        unit=facts.unit,
        coverage_before=round(grid.coverage_before, 4),
        coverage_after=round(grid.coverage_after, 4),
        is_critical=facts.is_critical,
        is_muted=facts.is_muted,
        must_have_data=facts.must_have_data,
        weight=facts.weight,
        **more,
    )


# What cannot be judged.


def _unjudged(grid: Grid, facts: MetricFacts) -> Finding | None:
    had, has = int(np.isfinite(grid.before).sum()), int(np.isfinite(grid.judged).sum())
    if not has and had:
        sentence = f"{facts.name}: no values since the deployment, {phrases.plural(had, 'value')} before it."
        return _finding(grid, facts, FindingResult.NO_DATA, Reason.GONE_SILENT, sentence)
    if not has:
        sentence = f"{facts.name}: no data, neither before nor after the deployment."
        return _finding(grid, facts, FindingResult.NO_DATA, Reason.NO_DATA, sentence)
    if not had:
        sentence = f"{facts.name} has no history from before the deployment, so it was not judged."
        level = _typical(grid)
        return _finding(grid, facts, FindingResult.INCONCLUSIVE, Reason.NO_HISTORY, sentence, after=level)
    return None


def _is_enough(grid: Grid) -> bool:
    return int(np.isfinite(grid.judged).sum()) >= MIN_AFTER and int(np.isfinite(grid.before).sum()) >= MIN_BEFORE


def _too_little(grid: Grid, facts: MetricFacts) -> Finding:
    had, has = int(np.isfinite(grid.before).sum()), int(np.isfinite(grid.judged).sum())
    if has < MIN_AFTER:
        sentence = f"{facts.name}: too little to judge, {has} of {MIN_AFTER} values since the deployment."
        minutes = (MIN_AFTER - has) * grid.step / 60
        return _finding(
            grid, facts, FindingResult.INCONCLUSIVE, Reason.TOO_LITTLE, sentence, minutes_to_settle=round(minutes, 1)
        )
    sentence = f"{facts.name}: too little to judge, {had} of {MIN_BEFORE} values from before the deployment."
    return _finding(grid, facts, FindingResult.INCONCLUSIVE, Reason.TOO_LITTLE, sentence, after=_typical(grid))


def _typical(grid: Grid) -> float:
    return float(np.nanmedian(grid.judged)) * grid.size


# What can.


def _judged(grid: Grid, facts: MetricFacts, found: Evidence, window: Window) -> Finding:
    is_over, change = window.looked_at >= window.closes_at, found.after - found.before
    ruling = _ruling(grid, facts, found)
    if not is_over and ruling.result is FindingResult.REGRESSED and _may_be_restart(grid, found):
        ruling = _Ruling(FindingResult.INCONCLUSIVE, Reason.RESTARTING)
    worst = max((found.side(sign) for sign in facts.bad_direction.signs), key=lambda side: side.score)
    finding = _finding(
        grid,
        facts,
        ruling.result,
        ruling.reason,
        _sentence(facts, found, ruling),
        because=worst.because,
        before=found.before,
        after=found.after,
        change=change,
        change_low=found.low,
        change_high=found.high,
        relative_change=phrases.ratio(change, found.before),
        relative_low=phrases.ratio(found.low, found.before),
        relative_high=phrases.ratio(found.high, found.before),
        score=worst.score,
        chance=worst.chance,
        rarity=found.rarities[change > 0] if found.rarities else None,
        smallest_visible_change=_visible(facts, found),
        minutes_to_settle=_minutes_to_settle(grid, found) if ruling.reason is Reason.ORDINARY else None,
        picture=_picture(grid, found, window),
    )
    return replace(finding, reasons=(*finding.reasons, *_notes(grid, found)))


def _notes(grid: Grid, found: Evidence) -> list[Reason]:
    """What there is to say of the metric itself."""
    known = np.concatenate([grid.before, grid.judged])
    notes = [] if found.rarities else [Reason.SHORT_HISTORY]
    return [*notes, Reason.NEVER_MOVES] if np.nanmin(known) == np.nanmax(known) else notes


class _Ruling(NamedTuple):
    result: FindingResult
    reason: Reason


def _ruling(grid: Grid, facts: MetricFacts, found: Evidence) -> _Ruling:
    went_up, matters = found.after > found.before, _matters(facts, found)
    is_worse = (1 if went_up else -1) in facts.bad_direction.signs
    if any(_is_unsteady(facts, found, sign) for sign in facts.bad_direction.signs):
        return _Ruling(FindingResult.REGRESSED, Reason.UNSTEADY)
    side = found.side(1 if went_up else -1)
    chance = side.chance if is_worse else side.shift_chance
    has_healed = found.late_share < HEALED and grid.judged.size >= _HEALING_STEPS
    if chance <= facts.chance_limit and matters and not has_healed:
        return _Ruling(FindingResult.REGRESSED if is_worse else FindingResult.IMPROVED, Reason.CHANGED)
    if _went_silent(grid):
        return _Ruling(FindingResult.INCONCLUSIVE, Reason.GONE_SILENT)
    if chance <= facts.chance_limit:
        return _Ruling(FindingResult.UNCHANGED, Reason.HEALED if matters else Reason.TOO_SMALL_TO_MATTER)
    if chance <= SUSPICION and matters and is_worse and not has_healed:
        return _Ruling(FindingResult.INCONCLUSIVE, Reason.ORDINARY)
    return _Ruling(FindingResult.UNCHANGED, Reason.ORDINARY)


def _may_be_restart(grid: Grid, found: Evidence) -> bool:
    steps = grid.judged.size
    return steps < _RESTART_STEPS or (steps < _HEALING_STEPS and found.late_share < _LASTING)


def _is_unsteady(facts: MetricFacts, found: Evidence, sign: int) -> bool:
    """Whether that is what speaks for it, and no shift that matters does."""
    side = found.side(sign)
    has_shifted = side.shift_chance <= facts.chance_limit and _matters(facts, found)
    return side.is_unsteady and side.chance <= facts.chance_limit and not has_shifted


def _matters(facts: MetricFacts, found: Evidence) -> bool:
    """Whether the change reaches what was set as the least that matters."""
    change = abs(found.after - found.before)
    if change == 0 or change < (facts.least_change_absolute or 0.0):
        return False
    return change >= facts.least_change * abs(found.before)


def _went_silent(grid: Grid) -> bool:
    late = grid.judged[-max(2, grid.judged.size // 4) :]
    return grid.judged.size >= 8 and not np.isfinite(late).any()


def _visible(facts: MetricFacts, found: Evidence) -> float:
    return min(abs(found.visible[sign > 0]) for sign in facts.bad_direction.signs)


def _minutes_to_settle(grid: Grid, found: Evidence) -> float | None:
    """Until a change of this size could be found, if noise averages out: its strength grows as the root of time."""
    needed = grid.judged.size * ((REACH_50 / max(abs(found.strength), 0.1)) ** 2 - 1)
    minutes = max(grid.step, needed * grid.step) / 60
    return round(minutes, 1) if minutes <= _LONGEST_FORECAST_MINUTES else None


def _picture(grid: Grid, found: Evidence, window: Window) -> dict[str, Any]:
    known = grid.before[np.isfinite(grid.before)]
    near = grid.before[-max(4 * grid.after.size, 48) :]
    near = near[np.isfinite(near)]
    values = near if near.size else known
    low, high = ((quantile(values, share) - quantile(values, 0.5)) * grid.size for share in (0.05, 0.95))
    floor = 0.0 if known.min() >= 0 else -np.inf
    return {
        "band": {"low": max(floor, found.before + low), "high": found.before + high},
        "ordinary": list(found.ordinary),
        "change": found.after - found.before,
        "forecast": _forecast(grid, found, window.deployed_at),
    }


def _forecast(grid: Grid, found: Evidence, start: float) -> dict[str, Any]:
    low, expected, high = ([float(f"{value:.5g}") for value in values] for values in found.forecast)
    step = grid.after.size * grid.step / max(1, len(expected))
    return {"start": start, "step": step, "expected": expected, "low": low, "high": high}


# In words.


def _sentence(facts: MetricFacts, found: Evidence, ruling: _Ruling) -> str:
    went_up, reason = found.after > found.before, ruling.reason
    pair = phrases.pair(found.before, found.after, facts.unit)
    change = phrases.change(found.before, found.after, found.low, found.high, facts.unit)
    if reason is Reason.UNSTEADY:
        times = phrases.number(found.scatter)
        return f"{facts.name} became unsteady: its values lie {times} times as far apart as before."
    if ruling.result is FindingResult.UNCHANGED and reason is Reason.ORDINARY:
        return f"{facts.name} did not change beyond the ordinary: {pair} ({change})."
    said = f"{facts.name} {'rose' if went_up else 'fell'} {pair} ({change})"
    if reason is Reason.TOO_SMALL_TO_MATTER:
        return f"{said}, which is less than what matters here."
    if reason is Reason.HEALED:
        return f"{said} and has gone back since."
    if reason is Reason.GONE_SILENT:
        return f"{facts.name} stopped: no values of late, before that {pair}."
    if reason is Reason.RESTARTING:
        return f"{said}, which so soon after a deployment may still be its restart."
    is_unclear = ruling.result is FindingResult.INCONCLUSIVE
    return f"{said}. {_rarity_sentence(found, went_up=went_up, is_unclear=is_unclear)}"


def _rarity_sentence(found: Evidence, *, went_up: bool, is_unclear: bool) -> str:
    if found.rarities:
        said = f"A change this big happened at {phrases.rarity(*found.rarities[went_up])}"
    else:
        said = "The history is too short to say how often that happens"
    if not is_unclear:
        return f"{said}."
    if found.rarities and not found.rarities[went_up][0]:
        return f"{said}, which are too few to call it rare."
    return f"{said}: it cannot be told apart from an ordinary moment."


# The hard limit: a condition of its own, history or not.


def _with_limit(finding: Finding, grid: Grid, facts: MetricFacts) -> Finding:
    seconds = _seconds_beyond(grid, facts)
    if seconds is None or facts.hard_limit is None:
        return finding
    limit = phrases.quantity(facts.hard_limit, facts.unit)
    said = f"The hard limit of {limit} was exceeded for {phrases.duration(seconds)}."
    keeps = finding.result is FindingResult.REGRESSED
    return replace(
        finding,
        result=FindingResult.REGRESSED,
        reasons=(Reason.HARD_LIMIT, *finding.reasons),
        sentence=f"{finding.sentence} {said}" if keeps else f"{facts.name}: {said[0].lower()}{said[1:]}",
        is_hard_limit_broken=True,
    )


def _seconds_beyond(grid: Grid, facts: MetricFacts) -> float | None:
    """For how long values were beyond the limit, if most are, also of late, and they were not before."""
    judged = grid.judged[np.isfinite(grid.judged)]
    if facts.hard_limit is None or judged.size < MIN_AFTER:
        return None
    sign = -1 if facts.bad_direction is BadDirection.DOWN else 1
    limit = facts.hard_limit / grid.size
    beyond, late = sign * judged > sign * limit, judged[-max(MIN_AFTER, judged.size // 4) :]
    near = grid.before[-max(grid.after.size, 12) :]
    near = near[np.isfinite(near)]
    was_beyond = bool(near.size) and sign * float(np.median(near)) > sign * limit
    if was_beyond or beyond.mean() < 0.5 or sign * float(np.median(late)) <= sign * limit:
        return None
    return float(beyond.sum()) * grid.step
