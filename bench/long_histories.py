"""The judge on two weeks of minutes, as the product mostly sees them: python -m bench.long_histories [MOMENTS]

The cases of `bench.verdict` have at most some thousand values before. Here each kind of metric is made as often as
asked (30 times), with nothing changed and with 30 % and 100 % more from the deployment on, and judged an hour after it.
"""

import sys
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from monitoring.judge.facts import BadDirection, FindingResult, MetricFacts, MetricKind, Series, Window
from monitoring.judge.metric import judge_metric

Floats = npt.NDArray[np.float64]
#: From the random numbers, the times, and how large everything is at each (1 before) to the values.
Maker = Callable[[np.random.Generator, Floats, Floats], Floats]

_DAYS, _STEP, _MINUTES, _SETTLE = 14, 60.0, 60, 120.0
_BEGIN = 1_760_000_000.0
_TIMES_MORE = (1.0, 1.3, 2.0)


def _daily(times: Floats) -> Floats:
    return 1 + 0.5 * np.sin(2 * np.pi * times / 86_400)


def _wander(random: np.random.Generator, count: int, memory: float, size: float) -> Floats:
    """An autoregression with this standard deviation; ``memory`` is the correlation from one minute to the next."""
    surprises = size * np.sqrt(1 - memory**2) * random.standard_normal(count)
    found = np.empty(count)
    found[0] = size * random.standard_normal()
    for place in range(1, count):
        found[place] = memory * found[place - 1] + surprises[place]
    return found


def _noise(size: float) -> Maker:
    return lambda random, times, level: 100 * level * np.exp(size * random.standard_normal(times.size))


def _wandering(memory: float, size: float) -> Maker:
    return lambda random, times, level: 100 * level * np.exp(_wander(random, times.size, memory, size))


def _counts(a_minute: float) -> Maker:
    return lambda random, times, level: random.poisson(a_minute * level * _daily(times)).astype(float)


def _weekly(random: np.random.Generator, times: Floats, level: Floats) -> Floats:
    week = np.where(times // 86_400 % 7 >= 5, 0.6, 1.0)
    return 100 * level * _daily(times) * week * np.exp(_wander(random, times.size, 0.9, 0.05))


def _jobs(every: float, lasts: float) -> Maker:
    return lambda random, times, level: (
        level * np.where(times % every < lasts, 300, 100) + 5 * random.standard_normal(times.size)
    )


def _incidents(random: np.random.Generator, times: Floats, level: Floats) -> Floats:
    odd = np.isin(times // 1800 % 200, random.integers(0, 200, 4))
    return 100 * level * np.where(odd, 4, 1) * np.exp(0.1 * random.standard_normal(times.size))


def _gaps(random: np.random.Generator, times: Floats, level: Floats) -> Floats:
    return np.where(random.random(times.size) < 0.3, np.nan, _noise(0.1)(random, times, level))


def _growing(random: np.random.Generator, times: Floats, level: Floats) -> Floats:
    return level * (50 + 1.4e-5 * (times - times[0])) + 0.3 * random.standard_normal(times.size)


def _saw_teeth(random: np.random.Generator, times: Floats, level: Floats) -> Floats:
    teeth: Floats = 400 + times % 21_600 / 216
    return level * teeth + 5 * random.standard_normal(times.size)


KINDS: dict[str, Maker] = {
    "steady, noise of 5 %": _noise(0.05),
    "steady, noise of 80 %": _noise(0.8),
    "with gaps": _gaps,
    "wanders within minutes": _wandering(0.9, 0.1),
    "wanders within hours": _wandering(0.99, 0.1),
    "wanders within days": _wandering(0.999, 0.2),
    "daily course": lambda random, times, level: _daily(times) * _noise(0.05)(random, times, level),
    "daily and weekly course": _weekly,
    "a job each hour": _jobs(3600, 300),
    "a job each night": _jobs(86_400, 1800),
    "old incidents": _incidents,
    "grows": _growing,
    "saw teeth of six hours": _saw_teeth,
    "20 events a minute": _counts(20),
    "2 events a minute": _counts(2),
    "an event each 2 min": _counts(0.5),
    "an event each 20 min": _counts(0.05),
    "0.2 % errors of 200": lambda random, times, level: random.binomial(200, 0.002 * level) / 2.0,
}


def called_worse(make: Maker, times_more: float, seed: int) -> bool:
    """Whether one metric is called worse an hour after the deployment; the seed says also at what time of the week."""
    random = np.random.default_rng(seed)
    deployed_at = _BEGIN + _STEP * int(random.integers(0, 7 * 1440))
    before, after = _DAYS * 1440, _MINUTES
    times = deployed_at + _STEP * np.arange(-before, after, dtype=np.float64)
    series = Series(times, make(random, times, np.where(times < deployed_at, 1.0, times_more)))
    end = deployed_at + 60.0 * _MINUTES
    facts = MetricFacts(
        key="made", name="made", unit="", kind=MetricKind.LATENCY, bad_direction=BadDirection.UP, step_seconds=_STEP
    )
    found = judge_metric(series, series, facts, Window(deployed_at, end, deployed_at, _SETTLE, end))
    return found.result is FindingResult.REGRESSED


def main() -> None:
    """A line for each kind: the share called worse, by what was changed."""
    moments = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    print(f"{'share called worse':<26}" + "".join(f"{f'x {times:g}':>8}" for times in _TIMES_MORE))
    whole = np.zeros(len(_TIMES_MORE))
    for name, make in KINDS.items():
        shares = [np.mean([called_worse(make, times, seed) for seed in range(moments)]) for times in _TIMES_MORE]
        whole += shares
        print(f"{name:<26}" + "".join(f"{share:8.2f}" for share in shares), flush=True)
    print(f"{'all':<26}" + "".join(f"{share:8.3f}" for share in whole / len(KINDS)))


if __name__ == "__main__":
    main()
