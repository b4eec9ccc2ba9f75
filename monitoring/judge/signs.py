"""The signs of a change: a dozen numbers, each of which has a reason and a name, that are weighed together.

Each is positive for a rise and negative for a fall, about in usual errors; ``SPREAD_SIGNS`` know no direction.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from monitoring.judge.chances import binomial_tail
from monitoring.judge.facts import Floats
from monitoring.judge.grid import Grid, Scale
from monitoring.judge.moments import (
    HALF,
    LATE,
    MAX_SCORE,
    SETTLED,
    Moments,
    blended,
    misses,
    moments_of,
    part_of,
    quantile,
    ratio,
    root_mean_square,
    spreads,
    standing,
    trimmed_mean,
    trust,
    weighed,
)
from monitoring.judge.whitening import patterns_of, whiten

#: With fewer ordinary moments nothing is said of how rare a change is.
MIN_ORDINARY = 20
_LARGEST_JUMP = 8.0
MAX_EVENTS = 10.0

SHIFT_SIGNS = {
    "forecast": "further from the forecast than usual",
    "forecast_wide": "further from the forecast than at the worst ordinary moments",
    "second_half": "still so in the second half",
    "step": "it stepped with the deployment",
    "step_settled": "the step remains when the first values are left out",
    "onset": "it stepped with the deployment or some time after",
    "ranks": "values rank apart from those of the hours before",
    "beyond_all": "values are beyond all of the hours before",
    "short_history": "the history is short",
    "effect": "large against both the hours before and the same hours of earlier days",
    "effect_every_day": "large against every earlier day",
    "agreed": "apart from the hours before and from every earlier day",
    "agreed_mostly": "apart from the hours before and from all but one earlier day",
    "agreed_late": "apart from all of them in the second half",
    "seasonal": "apart from what the same hours of earlier days brought",
    "more_events": "more values that are not zero than in any but a few ordinary moments",
}
SPREAD_SIGNS = {
    "unsteady": "less steady than at ordinary moments and than right before",
    "unsteady_all": "less steady with its extremes and without them",
    "jumps": "further from one value to the next than at ordinary moments",
    "jumps_near": "further from one value to the next than right before",
}


@dataclass(frozen=True, eq=False, slots=True)
class Ordinary:
    """Now against ordinary moments, on the even scale: ``errors`` are theirs with the median taken out.

    ``shift`` is ours, ``expected`` the forecast, ``late_shift`` the shift of the last quarter; ``spread`` and ``wide``
    are the size of an ordinary error without and with the rare large ones. ``weights`` are those of the forecasts.
    """

    errors: Floats
    shift: float
    late_shift: float
    expected: float
    spread: float
    wide: float
    moments: Moments
    weights: Floats


@dataclass(frozen=True, eq=False, slots=True)
class Signs:
    """``rise`` and ``fall`` hold the shift signs for either direction, ``spread`` those of unsteadiness.

    ``ordinary`` is empty when the history is too short to hold ordinary moments of its own.
    """

    rise: Floats
    fall: Floats
    spread: Floats
    ordinary: Ordinary | None


def signs_of(grid: Grid, scale: Scale) -> Signs:
    """What a history is too short to show is left at 0."""
    found = _rank_signs(grid) | _effect_signs(grid)
    spread, ordinary, is_short = np.zeros(len(SPREAD_SIGNS)), None, True
    moments = moments_of(grid, scale.forward(np.concatenate([grid.before, grid.after])))
    if moments is not None:
        is_short = moments.length != moments.judged
        missed, level = misses(moments, SETTLED)
        weights = trust(missed)
        errors = blended(missed, weights)
        found |= _forecast_signs(moments, errors) | _agreement_signs(moments) | _event_signs(moments)
        spread = _step_signs(moments, found)
        ordinary = None if is_short else _ordinary(moments, errors, weights, float(level[-1]))
    return Signs(_directed(found, 1, is_short), _directed(found, -1, is_short), spread, ordinary)


def _directed(found: dict[str, float], sign: int, is_short: bool) -> Floats:
    signs = {name: sign * value for name, value in found.items()} | {"short_history": float(is_short)}
    found_in_order: Floats = np.nan_to_num(np.array([signs.get(name, 0.0) for name in SHIFT_SIGNS]))
    return found_in_order


def _ordinary(moments: Moments, errors: Floats, weights: Floats, level: float) -> Ordinary | None:
    past, now = errors[:-1][np.isfinite(errors[:-1])], float(errors[-1])
    if past.size < MIN_ORDINARY or not np.isfinite(now):
        return None
    middle = quantile(past, 0.5)
    late = float(weighed(misses(moments, LATE)[0])[-1])
    shift = now - middle
    usual, wide = spreads(past - middle)
    late = late if np.isfinite(late) else shift
    return Ordinary(past - middle, shift, late, level - shift, usual, wide, moments, weights)


def _forecast_signs(moments: Moments, errors: Floats) -> dict[str, float]:
    whole, half = standing(errors), standing(weighed(misses(moments, HALF)[0]))
    return {"forecast": whole.usual, "forecast_wide": whole.wide, "second_half": half.usual}


def _step_signs(moments: Moments, found: dict[str, float]) -> Floats:
    """Adds the signs of a step; returns those of unsteadiness."""
    white = whiten(moments)
    if white is None:
        return np.zeros(len(SPREAD_SIGNS))
    patterns = patterns_of(moments, white)
    found |= {
        "step": standing(patterns.step).usual,
        "step_settled": standing(patterns.settled).usual,
        "onset": standing(patterns.onset).wide,
    }
    core, restless = standing(patterns.unsteady_core), standing(patterns.restless_core)
    spread = [
        min(core.wide, restless.wide),
        min(core.usual, standing(patterns.unsteady).usual, standing(patterns.restless).usual),
        *_jump_signs(moments),
    ]
    held: Floats = np.clip(np.array(spread), -2.0, 10.0)
    return held


def _jump_signs(moments: Moments) -> tuple[float, float]:
    """How far it is from one value to the next: level, season and slope play no part in it."""
    jumps = replace(moments, values=np.abs(np.diff(moments.values, append=np.nan)), levels={})
    past = jumps.values[: int(moments.at[-1]) - 1]
    past = past[np.isfinite(past)]
    usual = quantile(past, 0.6827) if past.size else 0.0
    if usual <= 0:
        return 0.0, 0.0

    def size(rows: Floats, trim: float = 0.1) -> Floats:
        return np.log(trimmed_mean(np.minimum(rows, _LARGEST_JUMP * usual) / usual, trim) + 0.02)

    def size_of_most(rows: Floats) -> Floats:
        return size(rows, 0.3)

    before = size(jumps.gather(-4 * moments.near_steps, 4 * moments.near_steps - 1))
    return standing(jumps.of_window(size_of_most)).wide, standing(jumps.of_window(size) - before).wide


# Events: of counts that are mostly zero no middle moves, but there are more that are not.


def _event_signs(moments: Moments) -> dict[str, float]:
    """How unlikely so many values above the least are (powers of ten), with nine in ten ordinary moments below."""
    if not moments.is_sparse:
        return {}
    least = float(np.nanmin(moments.values[: int(moments.at[-1])]))

    def share(rows: Floats) -> Floats:
        known = np.isfinite(rows).sum(axis=1)
        found: Floats = np.divide((rows > least).sum(axis=1), known, out=np.full(known.shape, np.nan), where=known > 0)
        return found

    shares = moments.of_window(share)
    past, now = shares[:-1][np.isfinite(shares[:-1])], float(shares[-1])
    count = int(np.isfinite(moments.gather(moments.settle, moments.judged, moments.at[-1:])).sum())
    if past.size < MIN_ORDINARY or not np.isfinite(now):
        return {}
    usual = max(quantile(past, 0.9), 1 / (moments.judged + past.size))
    return {"more_events": min(MAX_EVENTS, -math.log10(max(1e-300, binomial_tail(round(now * count), count, usual))))}


# Agreement: what shows against every reference is no accident of one of them.


def _agreement_signs(moments: Moments) -> dict[str, float]:
    found = {}
    for part, names in ((SETTLED, ("agreed", "agreed_mostly")), (HALF, ("agreed_late", ""))):
        level = moments.level(part)
        against = [level - moments.references[0]]
        against += [level - moments.level(part, day) for day in range(1, moments.days + 1)]
        rows = np.array(against)
        found[names[0]] = _against_usual(agreed(rows))
        if names[1]:
            found[names[1]] = _against_usual(agreed(rows, but=1))
    return found


def agreed(rows: Floats, but: int = 0) -> Floats:
    """Of each column the smallest size where all values (but so many) have one sign, else 0; NaN are not counted."""
    if but and len(rows) < 3:
        return agreed(rows)
    ordered = np.sort(rows, axis=0)
    counts = np.isfinite(ordered).sum(axis=0)
    columns = np.arange(rows.shape[1])
    low = ordered[np.minimum(but, len(rows) - 1), columns]
    high = ordered[np.maximum(counts - 1 - but, 0), columns]
    found = np.where(low > 0, low, np.where(high < 0, high, 0.0))
    found = np.where(counts > 0, found, np.nan)
    return np.where(counts >= 3, found, agreed(rows)) if but else found


def _against_usual(found: Floats) -> float:
    sizes, now = np.abs(found[:-1][np.isfinite(found[:-1])]), float(found[-1])
    if sizes.size < 5 or not np.isfinite(now):
        return 0.0
    return ratio(now, root_mean_square(np.minimum(sizes, quantile(sizes, 0.95))))


# Effect: how large a change is against how single values move from one day to the next.


def _effect_signs(grid: Grid) -> dict[str, float]:
    size = _usual_move(grid)
    whole, half = _moves(grid, SETTLED), _moves(grid, HALF)
    if whole is None or half is None or size <= 0:
        return {}
    effects = {
        "effect": [whole.before, whole.same],
        "effect_every_day": [whole.before, *whole.days],
        "seasonal": [whole.rise, whole.same],
    }
    return {name: ratio(float(agreed(np.array(of)[:, None])[0]), size) for name, of in effects.items()}


@dataclass(frozen=True, slots=True)
class _Moves:
    """The median of a part against those of the steps before, of the same hours, of each day, and of their rise."""

    before: float
    same: float
    rise: float
    days: tuple[float, ...]


def _moves(grid: Grid, part: str) -> _Moves | None:
    judged, start = grid.after.size - grid.settle, grid.before.size
    raw = np.concatenate([grid.before, grid.after])
    offset, steps = part_of(part, judged)
    now, near = start + grid.settle + offset, max(judged, 12)
    level, before = _middle(raw, now, now + steps), _middle(raw, start - near, start)
    if not np.isfinite(level):
        return None
    days = range(1, min(7, start // grid.day) + 1 if grid.day else 1)
    same = [_middle(raw, now - day * grid.day, now + steps - day * grid.day) for day in days]
    then = [_middle(raw, start - near - day * grid.day, start - day * grid.day) for day in days]
    moved = [level - value for value in same]
    risen = [move - (before - value) for move, value in zip(moved, then, strict=True)]
    against_before = level - before
    return _Moves(
        before=against_before,
        same=_median_of(moved, against_before),
        rise=_median_of(risen, against_before),
        days=tuple(moved),
    )


def _median_of(values: list[float], otherwise: float) -> float:
    known = [value for value in values if np.isfinite(value)]
    return quantile(np.array(known), 0.5) if known else otherwise


def _middle(raw: Floats, start: int, end: int) -> float:
    values = raw[max(0, start) : max(0, end)]
    values = values[np.isfinite(values)]
    return quantile(values, 0.5) if values.size else np.nan


def _usual_move(grid: Grid) -> float:
    """1.4826 MAD of the differences from one day to the next, over the root of 2; of the values, without days."""
    known = grid.before[np.isfinite(grid.before)]
    size = np.nan
    if grid.day and grid.before.size >= 1.45 * grid.day:
        moved = grid.before[grid.day :] - grid.before[: -grid.day]
        moved = moved[np.isfinite(moved)]
        if moved.size > 10:
            size = 1.4826 * quantile(np.abs(moved - quantile(moved, 0.5)), 0.5) / np.sqrt(2)
    if not np.isfinite(size):
        size = 1.4826 * quantile(np.abs(known - quantile(known, 0.5)), 0.5)
    return max(size, 1e-3 * quantile(np.abs(known), 0.5) + 1e-9 * float(np.max(np.abs(known))))


# Ranks: values against those of the hours before.


def _rank_signs(grid: Grid) -> dict[str, float]:
    """Mann and Whitney's score, its error widened by the autocorrelation; and the share beyond all values before."""
    after = grid.judged[np.isfinite(grid.judged)]
    near = grid.before[-max(grid.judged.size, 12) :]
    near, nearby = np.sort(near[np.isfinite(near)]), grid.before[np.isfinite(grid.before)]
    if not near.size or not after.size:
        return {}
    places = np.searchsorted(near, after, "left") + np.searchsorted(near, after, "right")
    delta = float(places.mean()) / near.size - 1.0
    error = np.sqrt((near.size + after.size + 1) / (3 * near.size * after.size))
    together = _autocorrelation(nearby[-max(4 * grid.judged.size, 48) :])
    beyond = float((after > near[-1]).mean() - (after < near[0]).mean())
    score = delta / error * np.sqrt((1 - together) / (1 + together))
    return {"ranks": float(np.clip(score, -MAX_SCORE, MAX_SCORE)), "beyond_all": beyond}


def _autocorrelation(values: Floats) -> float:
    if values.size < 6:
        return 0.5
    centred = values - values.mean()
    power = float((centred**2).sum())
    found = float((centred[1:] * centred[:-1]).sum()) / power if power > 0 else 0.0
    return min(0.95, max(0.0, found))
