"""The signs weighed together: how much speaks for a change for the worse, and how often chance alone says as much.

Two ways to be worse, a shift and unsteadiness, each a logistic regression on its signs (no sign of a change may speak
against it); either is enough (a noisy "or"). The weights are in ``weights.json``, made by ``bench/train_judge.py``.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from monitoring.judge.facts import Floats
from monitoring.judge.signs import SHIFT_SIGNS, SPREAD_SIGNS, Signs

_LEAST_CHANCE = 1e-7
_SAID = 3


@dataclass(frozen=True, eq=False, slots=True)
class Weights:
    """``curve`` holds scores (rising) and how often quiet moments reach them, as natural logarithms."""

    shift: Floats
    shift_offset: float
    spread: Floats
    spread_offset: float
    curve: tuple[Floats, Floats]

    @classmethod
    def read(cls, path: Path) -> "Weights":
        """As ``bench/train_judge.py`` wrote them."""
        data = json.loads(path.read_text())
        return cls(
            shift=np.array([data["shift"].get(name, 0.0) for name in SHIFT_SIGNS], float),
            shift_offset=data["shift_offset"],
            spread=np.array([data["spread"].get(name, 0.0) for name in SPREAD_SIGNS], float),
            spread_offset=data["spread_offset"],
            curve=(np.array(data["scores"], float), np.log(np.array(data["chances"], float))),
        )


WEIGHTS = Weights.read(Path(__file__).with_name("weights.json"))


@dataclass(frozen=True, slots=True)
class Side:
    """What speaks for a change in one direction: the score (log odds, 0 where there is no sign at all), its chance.

    ``shift_chance`` leaves unsteadiness out of it; ``because`` names what speaks most for it.
    """

    score: float
    chance: float
    shift_chance: float
    is_unsteady: bool
    because: tuple[str, ...]


def weigh(signs: Signs, *, is_rise: bool, weights: Weights = WEIGHTS) -> Side:
    """The evidence for a rise or a fall being a change for the worse.

    Unsteadiness counts, unless it rather moved the other way: that scatters as well.
    """
    parts = weights.shift * even(signs.rise if is_rise else signs.fall)
    other = weights.shift_offset + float(weights.shift @ even(signs.fall if is_rise else signs.rise))
    spread_parts = weights.spread * (signs.spread if other <= 0 else np.zeros(signs.spread.size))
    shift, spread = weights.shift_offset + float(parts.sum()), weights.spread_offset + float(spread_parts.sum())
    rest = either(weights.shift_offset, weights.spread_offset)
    score, is_unsteady = either(shift, spread) - rest, spread > max(shift, weights.spread_offset)
    names = SPREAD_SIGNS if is_unsteady else SHIFT_SIGNS
    return Side(
        score=score,
        chance=chance_of(score, weights),
        shift_chance=chance_of(either(shift, weights.spread_offset) - rest, weights),
        is_unsteady=is_unsteady,
        because=_largest(list(names.values()), spread_parts if is_unsteady else parts),
    )


def even(signs: Floats) -> Floats:
    """Large signs count for little more than fairly large ones."""
    found: Floats = np.arcsinh(signs)
    return found


def either(first: float, second: float) -> float:
    """The log odds of "one or the other" from the log odds of both."""
    none = float(np.logaddexp(0.0, first) + np.logaddexp(0.0, second))
    return none if none > 30 else math.log(math.expm1(max(none, 1e-12)))


def chance_of(score: float, weights: Weights = WEIGHTS) -> float:
    """The share of quiet moments at which the score is this high; beyond the last known score it falls on as before."""
    scores, logarithms = weights.curve
    if score >= scores[-1]:
        slope = (logarithms[-1] - logarithms[-3]) / (scores[-1] - scores[-3])
        return max(_LEAST_CHANCE, math.exp(float(logarithms[-1] + slope * (score - scores[-1]))))
    return min(1.0, math.exp(float(np.interp(score, scores, logarithms))))


def score_of(chance: float, weights: Weights = WEIGHTS) -> float:
    """The score that quiet moments reach this often."""
    scores, logarithms = weights.curve
    return float(np.interp(-math.log(chance), -logarithms, scores))


def _largest(reasons: list[str], parts: Floats) -> tuple[str, ...]:
    order = np.argsort(-parts, kind="stable")[:_SAID]
    return tuple(reasons[place] for place in order if parts[place] > 0)
