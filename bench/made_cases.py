"""Cases with a known answer, made from the history of real metrics: quiet moments as they are, and changes put in.

What is put in is broad on purpose (steps, ramps, late starts, tails, unsteadiness, restarts that heal, changes for the
better, gaps, odd values) and says nothing of any one benchmark's sizes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

Case = dict[str, Any]
Floats = npt.NDArray[np.float64]
DAY = 86_400
_TRIES = 12
_LEAST_HISTORY = 150


@dataclass
class _Moment:
    """A stretch of history cut in two; ``size`` is how far single values usually move from one day to the next."""

    before: Floats
    after: Floats
    size: float
    sign: int


def made_cases(cases: list[Case], seed: int) -> Iterator[tuple[int, Case, bool]]:
    """(place of the case it was made from, case, whether it got worse): one for each case with enough history."""
    random = np.random.default_rng(seed)
    for place, case in enumerate(cases):
        moment = _quiet_moment(case, random)
        if moment is None:
            continue
        is_worse = bool(random.random() < 0.45)
        _disturb(moment, random)
        (_worsen if is_worse else _leave)(moment, random)
        yield place, _as_case(case, moment), is_worse


def _values(values: list[float | None]) -> Floats:
    return np.array([np.nan if value is None else value for value in values], float)


def _quiet_moment(case: Case, random: np.random.Generator) -> _Moment | None:
    history = _values(case["baseline"])
    if history.size < _LEAST_HISTORY:
        return None
    length = _length(len(case["after"]), history.size, random)
    day = round(DAY / case["step_s"]) if case.get("seasonal", True) else 0
    sign = {"up": 1, "down": -1}.get(case["bad"]) or int(random.choice([-1, 1]))
    for _ in range(_TRIES):
        at = int(random.integers(int(history.size * 0.62), history.size - length + 1))
        before, after = history[:at].copy(), history[at : at + length].copy()
        size = _usual_move(before, day)
        enough = np.isfinite(after).sum() >= max(3, length / 2) and np.isfinite(before[-max(length, 12) :]).any()
        if size > 0 and enough and _natural_move(before, after, day) <= 3 * size:
            return _Moment(_shortened(before, random), after, size, sign)
    return None


def _length(usual: int, history: int, random: np.random.Generator) -> int:
    """About as long as the case's; one in four is very short, as an early look is."""
    if random.random() < 0.25:
        return int(random.integers(3, 9))
    return int(np.clip(usual * np.exp(random.normal(0, 0.5)), 4, min(240, history // 5)))


def _shortened(before: Floats, random: np.random.Generator) -> Floats:
    """One history in six begins only lately: a new service, a new metric."""
    if random.random() > 1 / 6:
        return before
    kept = before[-int(np.exp(random.uniform(np.log(20), np.log(400)))) :]
    return kept if np.isfinite(kept).sum() >= 12 else before


def _usual_move(before: Floats, day: int) -> float:
    moved = before[day:] - before[:-day] if day and before.size >= 1.5 * day else before
    moved = moved[np.isfinite(moved)]
    return 1.4826 * float(np.median(np.abs(moved - np.median(moved)))) / (np.sqrt(2) if moved.size < before.size else 1)


def _natural_move(before: Floats, after: Floats, day: int) -> float:
    """The smaller of the moves against the values before and against the same hours of earlier days."""
    level, at, length = np.nanmedian(after), before.size, after.size
    moves = [abs(level - np.nanmedian(before[-max(length, 12) :]))]
    same = [before[at - n * day : at - n * day + length] for n in range(1, 8) if day and at >= n * day + length]
    if same and np.isfinite(np.concatenate(same)).any():
        moves.append(abs(level - np.nanmedian(np.concatenate(same))))
    return float(min(moves))


def _disturb(moment: _Moment, random: np.random.Generator) -> None:
    """What happens around any deployment: a restart that heals, lost values, old odd values."""
    if random.random() < 0.2:
        steps = int(random.integers(1, 4))
        fading = np.linspace(1, 0.3, steps) * random.uniform(3, 15) * moment.size * moment.sign
        moment.after[:steps] += fading[: moment.after.size]
    if random.random() < 0.08:
        moment.after[random.random(moment.after.size) < random.uniform(0.1, 0.4)] = np.nan
    if random.random() < 0.08:
        odd = random.integers(0, moment.before.size, int(random.integers(1, 5)))
        moment.before[odd] += moment.size * random.uniform(5, 40)


def _worsen(moment: _Moment, random: np.random.Generator) -> None:
    after, length = moment.after, moment.after.size
    unit, size = moment.size * moment.sign, float(np.exp(random.uniform(np.log(0.5), np.log(5))))
    share = np.arange(1, length + 1) / length
    kind = random.choice(["step", "share", "ramp", "late", "tail", "spread"], p=[0.42, 0.2, 0.1, 0.1, 0.1, 0.08])
    if kind == "step":
        after += size * unit
    elif kind == "share":
        after *= 1 + moment.sign * random.uniform(0.08, 1.0 if moment.sign > 0 else 0.8)
    elif kind == "ramp":
        after += 1.5 * size * unit * share
    elif kind == "late":
        after += 1.5 * size * unit * (share > random.uniform(0, 0.5))
    elif kind == "tail":
        after += unit * random.uniform(3, 10, length) * (random.random(length) < random.uniform(0.15, 0.4))
    else:
        after += (after - np.nanmedian(after)) * random.uniform(1, 3)


def _leave(moment: _Moment, random: np.random.Generator) -> None:
    chance = random.random()
    if chance < 0.12:
        moment.after -= random.uniform(0.5, 4) * moment.size * moment.sign
    elif chance < 0.22:
        odd = random.integers(0, moment.after.size, int(random.integers(1, 3)))
        moment.after[odd] += moment.size * moment.sign * random.uniform(5, 25)


def _as_case(case: Case, moment: _Moment) -> Case:
    known = moment.before[np.isfinite(moment.before)]
    after = moment.after
    if known.min() >= 0:
        after = np.maximum(after, 0.0)
    if np.all(known == np.round(known)):
        after = np.round(after)
    start = datetime.fromisoformat(case["start"])
    deployed_at = start + timedelta(seconds=case["step_s"] * moment.before.size)
    return case | {"baseline": _plain(moment.before), "after": _plain(after), "deploy": deployed_at.isoformat()}


def _plain(values: Floats) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]
