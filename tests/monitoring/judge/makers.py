"""Series and windows for tests of the judge: one deployment at T, history before it, an hour after it."""

import numpy as np

from monitoring.judge.facts import CheckFacts, Finding, FindingResult, MetricFacts, Series, Subject, Window

T = 1_700_000_000.0
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0


def window(*, minutes: float = 60, looked_after: float | None = None, settle: float = 120) -> Window:
    """A period of this length that is looked at its end, or so many minutes after the deployment."""
    looked_at = T + MINUTE * (minutes if looked_after is None else looked_after)
    return Window(opens_at=T, closes_at=T + minutes * MINUTE, deployed_at=T, settle_seconds=settle, looked_at=looked_at)


def metric(**facts) -> MetricFacts:
    return MetricFacts(**{"key": "metric:p95", "name": "Checkout p95", "unit": "ms", "step_seconds": 60.0} | facts)


def check(**facts) -> CheckFacts:
    return CheckFacts(**{"key": "check:1", "name": "Checkout API", "step_seconds": 15.0} | facts)


def values(
    start: float,
    end: float,
    *,
    step: float = 60.0,
    level: float = 300.0,
    noise: float = 10.0,
    season: float = 0.0,
    seed=1,
) -> Series:
    """Noise around a level with a daily wave, one value a step from ``start`` on."""
    times = start + step * np.arange(round((end - start) / step))
    wave = season * np.sin(2 * np.pi * times / DAY)
    return Series(times, level + wave + noise * np.random.default_rng(seed).standard_normal(times.size))


def history(days: float = 3, **options) -> Series:
    return values(T - days * DAY, T, **options)


def after(minutes: float = 60, **options) -> Series:
    return values(T, T + minutes * MINUTE, **{"seed": 2} | options)


def flat(start: float, end: float, value: float, step: float = 60.0) -> Series:
    times = start + step * np.arange(round((end - start) / step))
    return Series(times, np.full(times.size, value))


def readings(before: str, afterwards: str, step: float = 15.0) -> Series:
    """Readings of a check as text, ``+`` good and ``-`` failed, before and after the deployment."""
    marks = np.array([mark == "+" for mark in before + afterwards], float)
    return Series(T + step * (np.arange(marks.size) - len(before) + 0.5), marks)


def finding(key: str = "a", result: FindingResult = FindingResult.UNCHANGED, **facts) -> Finding:
    is_check = facts.pop("is_check", False)
    chance = {FindingResult.REGRESSED: 1e-6, FindingResult.NO_DATA: None}.get(result, 0.5)
    return Finding(
        **{
            "key": key,
            "name": key.capitalize(),
            "subject": Subject.CHECK if is_check else Subject.METRIC,
            "result": result,
            "sentence": f"{key} said so.",
            "chance": chance,
            "coverage_after": 1.0,
        }
        | facts
    )
