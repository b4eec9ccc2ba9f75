"""What the scorer does not say of the judge: python -m bench.judged CASES.jsonl.gz PREDICTIONS.jsonl [LOOKS.jsonl]

Whether intervals hold the true change, whether a change is found when it is as large as "could have seen" says, what
looks could find of what had begun by then, and how long a worker takes for ten deployments.
"""

import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from bench.verdict import LOOKS, Case, read
from monitoring.judge.deployment import judge_deployment
from monitoring.judge.facts import MetricFacts, Series, Window
from monitoring.judge.looks import FALSE_ALARM_BUDGET, LookPlan
from monitoring.judge.metric import judge_metric

Prediction = dict[str, Any]
#: The change is the same at each value of the window, and its direction is known.
_EVEN = ("step_sigma", "step_pct", "drop", "dep_step")
_SHARES = (0.25, 0.5, 0.8, 1.0, 1.25, 2.0, np.inf)
#: An effect that can be seen at all, in robust sigma.
_LARGE = 0.9
_DEPLOYMENTS, _METRICS, _DAYS = 10, 40, 14


def true_change(case: Case) -> float | None:
    """What was put into the window, in units; ``None`` where that is not one number."""
    label = case["label"]
    if label["type"] not in _EVEN or case["bad"] == "both" or not label.get("pct_eff"):
        return None
    share = label["pct_eff"] / 100 * (1 if case["bad"] == "up" else -1)
    level = float(np.median([value for value in case["after"] if value is not None]))
    return level * share / (1 + share) if share > -0.99 else None


def coverage(pairs: Iterable[tuple[Case, Prediction]]) -> tuple[float, int]:
    """The share of true changes within their 90 % interval, and of how many."""
    known = [(true_change(case), found["interval"]) for case, found in pairs]
    inside = [low <= change <= high for change, (low, high) in known if change is not None and low is not None]
    return float(np.mean(inside)), len(inside)


def found_by_visible(pairs: Iterable[tuple[Case, Prediction]]) -> list[tuple[str, float, int]]:
    """Up to each share of the smallest visible change: how many were found, of how many."""
    known = [(true_change(case), found["visible"], found["regressed"]) for case, found in pairs]
    shares = [(abs(change) / visible, is_found) for change, visible, is_found in known if change and visible]
    rows, low = [], 0.0
    for high in _SHARES:
        inside = [is_found for share, is_found in shares if low <= share < high]
        rows.append((f"{low:g} to {high:g}", float(np.mean(inside)) if inside else np.nan, len(inside)))
        low = high
    return rows


def found_by_look(pairs: list[tuple[Case, Prediction]]) -> list[tuple[str, int, list[float]]]:
    """The share found by each look: of quiet ones, of all, of what had begun by 60 minutes, of what is large there."""
    worse = [pair for pair in pairs if pair[0]["label"]["regressed"]]
    begun = [pair for pair in worse if pair[0]["label"].get("onset_points", 0) * pair[0]["step_s"] < 3600]
    large = [pair for pair in begun if (pair[0]["label"].get("sigma_eff") or _LARGE) >= _LARGE]
    quiet = [pair for pair in pairs if not pair[0]["label"]["regressed"]]
    named = {"quiet": quiet, "worse": worse, "worse within the hour": begun, f"... by {_LARGE} sigma or more": large}
    return [(name, len(of), [_found_by(of, minutes) for minutes in LOOKS]) for name, of in named.items()]


def _found_by(pairs: list[tuple[Case, Prediction]], minutes: float) -> float:
    return float(np.mean([found["regressed"] and found["minutes"] <= minutes for _, found in pairs]))


def seconds_for_deployments() -> float:
    """Of CPU: one worker, ten deployments of forty metrics, two weeks of minutes before and an hour after each."""
    window = Window(0.0, 3600.0, 0.0, 120.0, 3600.0)
    metrics = [_made(number, _DAYS * 1440) for number in range(_METRICS)]
    begin = time.process_time()
    for _ in range(_DEPLOYMENTS):
        found = [judge_metric(one, one, MetricFacts(f"m{at}", f"m{at}"), window) for at, one in enumerate(metrics)]
        judge_deployment(found, window=window, look=LookPlan(1, 1, FALSE_ALARM_BUDGET))
    return time.process_time() - begin


def milliseconds_for_short_windows() -> float:
    """Of CPU: one metric, three hours of minutes before and eight minutes after, the median of many."""
    window, taken = Window(0.0, 600.0, 0.0, 120.0, 600.0), []
    for number in range(100):
        series = _made(number, 180)
        begin = time.process_time()
        judge_metric(series, series, MetricFacts("m", "m"), window)
        taken.append(1000 * (time.process_time() - begin))
    return float(np.median(taken))


def _made(seed: int, minutes: int) -> Series:
    times = np.arange(-60.0 * minutes, 3600.0, 60.0)
    noise = np.random.default_rng(seed).normal(0, 0.1, times.size)
    return Series(times, np.exp(5.7 + 0.2 * np.sin(times / 86_400 * 2 * np.pi) + noise))


def _pairs(cases: dict[str, Case], path: str) -> list[tuple[Case, Prediction]]:
    lines = [json.loads(line) for line in Path(path).read_text().splitlines()]
    return [(cases[line["id"]], line) for line in lines]


def main() -> None:
    """Tell."""
    cases = {case["id"]: case for case in read(sys.argv[1])}
    pairs = _pairs(cases, sys.argv[2])
    share, count = coverage(pairs)
    print(f"true change within the 90 % interval: {share:.3f} of {count}")
    for name, share, count in found_by_visible(pairs):
        print(f"found of changes of {name} of the smallest visible one: {share:.2f} of {count}")
    for name, count, shares in found_by_look(_pairs(cases, sys.argv[3])) if len(sys.argv) > 3 else []:
        found = ", ".join(f"{minutes} min {share:.3f}" for minutes, share in zip(LOOKS, shares, strict=True))
        print(f"looks, {name} ({count}): {found}")
    print(f"{_DEPLOYMENTS} deployments of {_METRICS} metrics: {seconds_for_deployments():.1f} s of CPU")
    print(f"a metric with a short window: {milliseconds_for_short_windows():.1f} ms of CPU")


if __name__ == "__main__":
    main()
