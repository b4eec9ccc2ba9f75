"""What a step, a ramp or a restart looks like once the usual course of a metric is taken out.

An autoregression on the last steps and on the same hours of earlier days, fitted robustly to the history, turns the
metric into surprises: how far each value is from what the values before it let expect. A lasting step that begins at a
known moment leaves a known pattern in the surprises, and the least-squares size of that pattern (Box & Tiao 1975,
intervention analysis) is the best there is for finding it: the mean where values are independent, the jump where they
wander.
"""

from dataclasses import dataclass, replace

import numpy as np

from monitoring.judge.facts import Floats
from monitoring.judge.moments import Moments, quantile, root_mean_square, trimmed_mean

_LAGS = 6
_MOST_VALUES = 6_000
_LEAST_VALUES = 40
_LARGEST = 10.0
_LARGEST_LAG_VALUE = 8.0
_ROUNDS = 4
_RESTARTING, _MOST_PULSES = 4, 40
_CORE = 0.35
_LEAST_SHARE = 0.05
_LEAST_POWER = 1e-12
_ONSETS = (0.0, 0.2, 0.4, 0.6)


@dataclass(frozen=True, eq=False, slots=True)
class Whitening:
    """Surprises in usual surprises, for all values; ``lags`` and ``weights`` say how they were found."""

    surprises: Floats
    lags: tuple[int, ...]
    weights: Floats

    def pattern(self, course: Floats) -> Floats:
        """What a change of this course, zero before it, leaves in the surprises."""
        found = course.astype(float).copy()
        for lag, weight in zip(self.lags, self.weights, strict=True):
            if lag < course.size:
                found[lag:] -= weight * course[:-lag]
        return found


def whiten(moments: Moments) -> Whitening | None:
    """``None`` when the history is too short."""
    before, values = int(moments.at[-1]), moments.values
    history = _filled(values[:before])
    lags = _lags_of(moments.day, min(history.size, _MOST_VALUES))
    if history.size - max(lags) < 8:
        return None
    learned_from = history[-_MOST_VALUES:]
    middle = quantile(learned_from, 0.5)
    size = max(_usual(learned_from - middle), 1e-12)
    learned_from = (learned_from - middle) / size
    filled = (np.append(history, _filled_on(history[-1], values[before:])) - middle) / size
    weights, surprises = _surprises(filled, learned_from, lags)
    brief = tuple(lag for lag in lags if lag <= _LAGS)
    if brief != lags:  # before there are earlier days, by the last values alone
        early = ~np.isfinite(surprises)
        surprises[early] = _surprises(filled, learned_from, brief)[1][early]
    surprises[~np.isfinite(values)] = np.nan
    past = surprises[:before][np.isfinite(surprises[:before])]
    if past.size < 8:
        return None
    return Whitening(np.clip(surprises - quantile(past, 0.5), -_LARGEST, _LARGEST), lags, weights)


def _surprises(values: Floats, learned_from: Floats, lags: tuple[int, ...]) -> tuple[Floats, Floats]:
    """The weights of the lags, and how far each value is from what they let expect, in usual surprises."""
    weights, usual, offset = _fit(learned_from, lags)
    reach = max(lags)
    expected: Floats = offset + sum(
        (weight * values[reach - lag : values.size - lag] for lag, weight in zip(lags, weights, strict=True)),
        np.zeros(values.size - reach),
    )
    return weights, np.append(np.full(reach, np.nan), (values[reach:] - expected) / usual)


def _lags_of(day: int, size: int) -> tuple[int, ...]:
    lags = list(range(1, _LAGS + 1))
    if day and size >= 2 * day + 30:
        lags += [day - 1, day, day + 1]
    if day and size >= 10.5 * day + 30:
        lags += [7 * day - 1, 7 * day, 7 * day + 1]
    lags = [lag for lag in dict.fromkeys(lags) if lag > 0]
    return tuple(lags) if size - max(lags) >= _LEAST_VALUES else (1, 2)


def _fit(values: Floats, lags: tuple[int, ...]) -> tuple[Floats, float, float]:
    """Weights of the lags, the usual surprise, and the offset: Huber's regression with a little ridge."""
    reach, count = max(lags), values.size - max(lags)
    held = np.clip(values, -_LARGEST_LAG_VALUE, _LARGEST_LAG_VALUE)
    rows = np.column_stack([*(held[reach - lag : reach - lag + count] for lag in lags), np.ones(count)])
    target: Floats = held[reach:]
    importance: Floats = np.ones(count)
    ridge = np.diag(np.append(np.full(len(lags), 2.0 + 0.005 * count), 1e-6))
    found: Floats = np.zeros(len(lags) + 1)
    usual = 1.0
    for _ in range(_ROUNDS):
        weighed = rows * importance[:, None]
        found = np.asarray(np.linalg.solve(rows.T @ weighed + ridge, weighed.T @ target), float)
        missed = target - rows @ found
        usual = _usual(missed - quantile(missed, 0.5)) + 1e-9
        importance = 1.0 / np.maximum(1.0, np.abs(missed) / (2 * usual))
    return found[:-1], usual, float(found[-1])


def _usual(missed: Floats) -> float:
    """1.4826 MAD; the root mean square where that is next to nothing, as of counts that are mostly zero."""
    usual, whole = 1.4826 * quantile(np.abs(missed), 0.5), root_mean_square(np.abs(missed))
    return usual if usual > _LEAST_SHARE * whole else whole


def _filled(values: Floats) -> Floats:
    known = np.isfinite(values)
    places = np.arange(values.size)
    return np.interp(places, places[known], values[known])


def _filled_on(latest: float, values: Floats) -> Floats:
    return _filled(np.append(latest, values))[1:]


@dataclass(frozen=True, eq=False, slots=True)
class Patterns:
    """How strongly the surprises after each instant show a lasting step, and how unsteady they are.

    ``step`` leaves out the first value, ``settled`` the first four; ``onset`` is the strongest of steps that begin at
    once or later in the window, which finds what starts late and what creeps in. ``unsteady`` is how large surprises
    are, ``restless`` the same against those before; their cores leave the largest and the smallest third out: two or
    three odd values, and what they leave behind, are no unsteadiness.
    """

    step: Floats
    settled: Floats
    onset: Floats
    unsteady: Floats
    unsteady_core: Floats
    restless: Floats
    restless_core: Floats


def patterns_of(moments: Moments, white: Whitening) -> Patterns:
    """Looked for at every instant."""
    surprised, settle = replace(moments, values=white.surprises, levels={}), moments.settle
    rows = surprised.gather(0, settle + moments.judged)
    rows[:, :settle] = np.nan
    if moments.length != moments.judged:
        rows[:-1, settle + moments.length :] = np.nan
    length = settle + moments.judged
    lasting, later = white.pattern(np.ones(length)), _later(white, moments, length)
    pulses = _pulses(white, length, settle + min(_RESTARTING, moments.judged // 3))
    first = pulses[: settle + 1] if moments.judged > 4 else pulses[:settle]
    step, *onsets = _strengths(rows, _without(first, [lasting, *later]))
    sizes, before = _sizes(rows), _sizes(surprised.gather(-4 * moments.near_steps, 4 * moments.near_steps))
    all_of, core_of = _logarithm(trimmed_mean(sizes, 0.0)), _logarithm(trimmed_mean(sizes, _CORE))
    return Patterns(
        step=step,
        settled=_strengths(rows, _without(pulses, [lasting]))[0],
        onset=_strongest(np.array(onsets)),
        unsteady=all_of,
        unsteady_core=core_of,
        restless=all_of - _logarithm(trimmed_mean(before, 0.0)),
        restless_core=core_of - _logarithm(trimmed_mean(before, _CORE)),
    )


def _later(white: Whitening, moments: Moments, length: int) -> list[Floats]:
    """What steps leave that begin when the window does or after these shares of it."""
    begins = sorted({moments.settle + int(share * moments.judged) for share in _ONSETS})
    return [white.pattern((np.arange(length) >= begin).astype(float)) for begin in begins]


def _strongest(strengths: Floats) -> Floats:
    """Of each column the one that is furthest from zero."""
    places = np.argmax(np.nan_to_num(np.abs(strengths)), axis=0)
    found: Floats = strengths[places, np.arange(strengths.shape[1])]
    return found


def _pulses(white: Whitening, length: int, count: int) -> list[Floats]:
    """What a single odd value at each of the first places leaves."""
    return [white.pattern((np.arange(length) == place).astype(float)) for place in range(min(count, _MOST_PULSES))]


def _without(nuisances: list[Floats], patterns: list[Floats]) -> Floats:
    """A row for each pattern, what the nuisances can explain taken out."""
    shapes = np.array(patterns)
    if not nuisances:
        return shapes
    basis, _ = np.linalg.qr(np.column_stack(nuisances))
    left: Floats = shapes - (shapes @ basis) @ basis.T
    return left


def _strengths(rows: Floats, shapes: Floats) -> Floats:
    """The least-squares size of each shape in its standard errors: a row for a shape, a column for a row.

    NaN where nothing is known that the shape could show in: a 0 there would pass for an ordinary moment.
    """
    known = np.isfinite(rows)
    power = shapes**2 @ known.T
    sums = shapes @ np.where(known, rows, 0.0).T
    found: Floats = np.divide(sums, np.sqrt(power), out=np.full(sums.shape, np.nan), where=power > _LEAST_POWER)
    return found


def _sizes(rows: Floats) -> Floats:
    """How far the surprises are from their own middle: a step is not unsteadiness."""
    ordered = np.sort(rows, axis=1)
    counts = np.isfinite(ordered).sum(axis=1, keepdims=True)
    middle = np.take_along_axis(ordered, np.maximum(counts - 1, 0) // 2, axis=1)
    return np.minimum(np.abs(rows - middle), 8.0)


def _logarithm(values: Floats) -> Floats:
    return np.log(values + 0.05)
