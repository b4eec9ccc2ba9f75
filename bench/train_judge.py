"""Makes `monitoring/judge/weights.json`: python -m bench.train_judge CASES.jsonl.gz [OUT_OF_FOLD.jsonl]

The weights are learned from cases made from the histories in the file (`bench.made_cases`), not from its labels. Labels
say only which cases are quiet, for the curve from scores to chances: there, and in OUT_OF_FOLD, a case is scored by
weights that saw neither its metric nor its deployment. The same file gives the same weights.
"""

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.made_cases import made_cases
from bench.verdict import Case, facts_of, read, series_of
from monitoring.judge import weighing
from monitoring.judge.facts import CHANCE_LIMIT
from monitoring.judge.grid import choose_scale, lay_out
from monitoring.judge.signs import SHIFT_SIGNS, SPREAD_SIGNS, signs_of
from monitoring.judge.weighing import either

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

FOLDS, FOLD_SEEDS = 5, (0, 1, 2)
MADE_SEEDS = (20, 21, 22)
_RIDGE, _STEPS, _RATE = 0.004, 300, 0.05
#: A false alarm costs as much as so many misses: what counts is how the signs look where few quiet moments are.
_COST_OF_ALARM = 10.0
#: Histories hold incidents that nobody marked: so many of the quiet made cases, those that look worst, are taken for
#: one and left out.
_UNMARKED = 0.015
_STARTS = (-1.5, -2.5)
_CHANCES = (1.0, 0.7, 0.5, 0.3, 0.2, 0.1, 0.05, 0.03, 0.02, 0.01, 0.008, 0.0065)
_FREE = "short_history"


@dataclass
class Rows:
    """Signs of many cases for a rise and for a fall; ``bad`` is 1, -1 or 0 for both."""

    rise: Floats
    fall: Floats
    spread: Floats
    bad: npt.NDArray[np.int64]
    is_worse: Bools
    group: npt.NDArray[np.int64]

    @classmethod
    def of(cls, cases: Iterable[tuple[Case, bool, int]]) -> "Rows":
        """From (case, whether it got worse, group)."""
        found = [(_signs(case), case["bad"], worse, group) for case, worse, group in cases]
        return cls(
            rise=np.array([np.arcsinh(signs.rise) for signs, *_ in found]),
            fall=np.array([np.arcsinh(signs.fall) for signs, *_ in found]),
            spread=np.array([signs.spread for signs, *_ in found]),
            bad=np.array([{"up": 1, "down": -1}.get(bad, 0) for _, bad, _, _ in found]),
            is_worse=np.array([worse for *_, worse, _ in found], bool),
            group=np.array([group for *_, group in found]),
        )

    @property
    def shift(self) -> Floats:
        """The signs in the direction that is worse; where both are, in the one that shows more."""
        names = list(SHIFT_SIGNS)
        shown = self.rise[:, names.index("forecast_wide")] + 0.3 * self.rise[:, names.index("ranks")]
        sign = np.where(self.bad == 0, np.where(shown >= 0, 1, -1), self.bad)
        return np.where((sign > 0)[:, None], self.rise, self.fall)


def _signs(case: Case) -> Any:
    series, window = series_of(case)
    grid = lay_out(series, series, facts_of(case, "m"), window)
    return signs_of(grid, choose_scale(grid.before))


def groups_of(cases: list[Case]) -> list[int]:
    """A number for each case; cases with a metric or a deployment in common, however far around, share it."""
    parents: dict[str, str] = {}

    def root(name: str) -> str:
        while parents.setdefault(name, name) != name:
            name = parents[name]
        return name

    for case in cases:
        if "deployment" in case:
            parents[root(f"deployment {case['deployment']}")] = root(f"metric {case['metric']}")
    roots = [root(f"metric {case['metric']}") for case in cases]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(roots))}
    return [numbers[name] for name in roots]


def folds_of(group: npt.NDArray[np.int64], seed: int) -> npt.NDArray[np.int64]:
    """The fold of each group, folds of about one size."""
    sizes = np.bincount(group)
    order = sorted(np.random.default_rng(seed).permutation(sizes.size), key=lambda one: -sizes[one])
    load, fold = np.zeros(FOLDS), np.zeros(sizes.size, int)
    for one in order:
        fold[one] = int(load.argmin())
        load[fold[one]] += sizes[one]
    return fold


@dataclass
class Learned:
    """Weights on the signs as they are, last the offset."""

    shift: Floats
    spread: Floats

    def scores(self, rows: Rows) -> Floats:
        """As ``weighing.weigh`` does it, of the direction that is worse."""
        odds = [side @ self.shift[:-1] + self.shift[-1] for side in (rows.rise, rows.fall)]
        rest = float(self.spread[-1])
        spread = [np.where(other > 0, rest, rows.spread @ self.spread[:-1] + rest) for other in reversed(odds)]
        rise, fall = (_either(shift, unsteady) for shift, unsteady in zip(odds, spread, strict=True))
        found = np.where(rows.bad > 0, rise, np.where(rows.bad < 0, fall, np.maximum(rise, fall)))
        return found - either(float(self.shift[-1]), rest)


def _either(first: Floats, second: Floats) -> Floats:
    return np.array([either(float(a), float(b)) for a, b in zip(first, second, strict=True)])


def learn(rows: Rows) -> Learned:
    """Twice: the second time without the quiet cases that look so much worse that they hardly are."""
    first = _learned(rows)
    scores = first.scores(rows)
    quiet = np.sort(scores[~rows.is_worse])
    return _learned(_some(rows, rows.is_worse | (scores <= quiet[int((1 - _UNMARKED) * quiet.size) - 1])))


def _learned(rows: Rows) -> Learned:
    """Maximum likelihood with a little ridge (Adam, full batches); no weight on a sign of change below 0."""
    parts = [rows.shift, rows.spread]
    sizes = [np.sqrt((part**2).mean(axis=0)) + 1e-6 for part in parts]
    may_be_negative = [np.array([name == _FREE for name in SHIFT_SIGNS]), np.zeros(len(SPREAD_SIGNS), bool)]
    found = _descend([part / size for part, size in zip(parts, sizes, strict=True)], rows.is_worse, may_be_negative)
    return Learned(*(np.append(w[:-1] / size, w[-1]) for w, size in zip(found, sizes, strict=True)))


def _descend(parts: list[Floats], worse: Bools, may_be_negative: list[Bools]) -> list[Floats]:
    weights = [np.append(np.zeros(part.shape[1]), start) for part, start in zip(parts, _STARTS, strict=True)]
    means, squares = [np.zeros_like(w) for w in weights], [np.zeros_like(w) for w in weights]
    cost = np.where(worse, 1.0, _COST_OF_ALARM)
    cost /= cost.sum()
    for step in range(1, _STEPS + 1):
        odds = [part @ w[:-1] + w[-1] for part, w in zip(parts, weights, strict=True)]
        none = np.clip(sum(np.logaddexp(0, one) for one in odds), 1e-9, 50)
        slope = cost * np.where(worse, -1 / np.expm1(none), 1.0)
        rate = _RATE * (1.0 if step < 0.7 * _STEPS else 0.2)
        for place, (part, w) in enumerate(zip(parts, weights, strict=True)):
            each = slope / (1 + np.exp(-np.clip(odds[place], -40, 40)))
            down = np.append(part.T @ each + _RIDGE * w[:-1], each.sum())
            means[place] = 0.9 * means[place] + 0.1 * down
            squares[place] = 0.99 * squares[place] + 0.01 * down**2
            w -= rate * (means[place] / (1 - 0.9**step)) / (np.sqrt(squares[place] / (1 - 0.99**step)) + 1e-9)
            w[:-1] = np.where(may_be_negative[place], w[:-1], np.maximum(w[:-1], 0))
    return weights


def out_of_fold(real: Rows, made: Rows) -> Floats:
    """A score for each real case, by weights that saw neither its metric nor its deployment."""
    total = np.zeros(real.is_worse.size)
    for seed in FOLD_SEEDS:
        fold = folds_of(real.group, seed)
        for number in range(FOLDS):
            held = fold[real.group] == number
            total[held] += learn(_some(made, fold[made.group] != number)).scores(_some(real, held))
    return total / len(FOLD_SEEDS)


def _some(rows: Rows, which: Bools) -> Rows:
    return Rows(*(getattr(rows, name)[which] for name in Rows.__dataclass_fields__))


def curve_of(quiet: Floats) -> tuple[list[float], list[float]]:
    """Scores that quiet cases reach this often, rising: of n the k-th largest has a chance of k / (n + 1).

    That counts the moment that is judged as one more of them, and so errs on the side of silence.
    """
    ordered = np.sort(quiet)[::-1]
    chances = [chance for chance in _CHANCES if chance * ordered.size >= 5]
    scores = [float(ordered[min(ordered.size, int(chance * (ordered.size + 1))) - 1]) for chance in chances]
    for place in range(1, len(scores)):
        scores[place] = max(scores[place], scores[place - 1] + 1e-3)
    return scores, chances


def main() -> None:
    """Learn, say how it went, write."""
    cases = read(sys.argv[1])
    groups = groups_of(cases)
    real = Rows.of((case, case["label"]["regressed"], group) for case, group in zip(cases, groups, strict=True))
    made = Rows.of((case, worse, groups[at]) for seed in MADE_SEEDS for at, case, worse in made_cases(cases, seed))
    scores = out_of_fold(real, made)
    learned = learn(made)
    reached, chances = curve_of(scores[~real.is_worse])
    data = {
        "shift": dict(zip(SHIFT_SIGNS, np.round(learned.shift[:-1], 5).tolist(), strict=True)),
        "shift_offset": round(float(learned.shift[-1]), 5),
        "spread": dict(zip(SPREAD_SIGNS, np.round(learned.spread[:-1], 5).tolist(), strict=True)),
        "spread_offset": round(float(learned.spread[-1]), 5),
        "scores": [round(score, 4) for score in reached],
        "chances": chances,
    }
    Path(weighing.__file__).with_name("weights.json").write_text(json.dumps(data, indent=1) + "\n")
    if len(sys.argv) > 2:
        _write(Path(sys.argv[2]), cases, scores, reached[chances.index(CHANCE_LIMIT)])


def _write(path: Path, cases: list[Case], scores: Floats, limit: float) -> None:
    lines = [
        {"id": case["id"], "regressed": bool(score >= limit), "score": float(score)}
        for case, score in zip(cases, scores, strict=True)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


if __name__ == "__main__":
    main()
