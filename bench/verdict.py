"""The judge of the product over a file of cases: python -m bench.verdict CASES.jsonl.gz PREDICTIONS.jsonl [--looks]

A case holds a metric's values before and after a deployment (`baseline`, `after`, `step_s`, `start`, `deploy`, `kind`,
`unit`, `bad`, `seasonal`, and `deployment` where several metrics belong to one). Metrics of one deployment are judged
together. What a case says of the truth or of where it comes from is not read.
"""

import gzip
import json
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from monitoring.judge.deployment import judge_deployment
from monitoring.judge.facts import BadDirection, Finding, FindingResult, MetricFacts, MetricKind, Series, Window
from monitoring.judge.looks import FALSE_ALARM_BUDGET, LookPlan, look_plan
from monitoring.judge.metric import judge_metric

#: As in the product's default policy.
SETTLE_SECONDS = 120.0
ONLY_LOOK = LookPlan(1, 1, FALSE_ALARM_BUDGET)
LOOKS = (15, 30, 60, 120)

Case = dict[str, Any]


def read(path: str) -> list[Case]:
    """The cases of a file, plain or compressed, one JSON object a line."""
    data = Path(path).read_bytes()
    text = (gzip.decompress(data) if path.endswith(".gz") else data).decode()
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def deployments(cases: Iterable[Case]) -> list[list[int]]:
    """Which cases belong together, by their places: those of one deployment, and every other one by itself."""
    together: dict[str, list[int]] = {}
    for place, case in enumerate(cases):
        together.setdefault(case.get("deployment") or f" {place}", []).append(place)
    return list(together.values())


def facts_of(case: Case, key: str) -> MetricFacts:
    """The metric of a case. Nobody has said what the least change is that matters, so any does."""
    return MetricFacts(
        key=key,
        name=key,
        unit=case.get("unit", ""),
        kind=MetricKind(case["kind"].upper()),
        bad_direction=BadDirection(case["bad"].upper()),
        least_change=0.0,
        step_seconds=float(case["step_s"]),
        is_seasonal=case.get("seasonal", True),
    )


def series_of(case: Case) -> tuple[Series, Window]:
    """All values of a case with their times, and the window that they are judged in: to the last value."""
    deployed_at = datetime.fromisoformat(case["deploy"]).timestamp()
    values = np.array([*case["baseline"], *case["after"]], float)
    times = deployed_at + case["step_s"] * (np.arange(values.size) - len(case["baseline"]))
    end = deployed_at + case["step_s"] * len(case["after"])
    return Series(times, values), Window(deployed_at, end, deployed_at, SETTLE_SECONDS, end)


def judge(cases: list[Case], look: LookPlan = ONLY_LOOK, minutes: float | None = None) -> list[tuple[Finding, float]]:
    """The findings for the metrics of one deployment, in their order, with the seconds of CPU that each took."""
    found, seconds, window = [], [], Window(0, 0, 0, 0, 0)
    for place, case in enumerate(cases):
        begin = time.process_time()
        series, window = series_of(case)
        if minutes is not None:
            window = replace(
                window, closes_at=window.opens_at + 60 * LOOKS[-1], looked_at=window.opens_at + 60 * minutes
            )
        found.append(judge_metric(series, series, facts_of(case, f"m{place:03}"), window))
        seconds.append(time.process_time() - begin)
    judged = judge_deployment(found, window=window, look=look)
    by_key = {finding.key: finding for finding in judged.findings}
    return [(by_key[finding.key], took) for finding, took in zip(found, seconds, strict=True)]


def predictions(cases: list[Case]) -> Iterator[dict[str, Any]]:
    """One line for the scorer for each case."""
    for places in deployments(cases):
        for place, (finding, seconds) in zip(places, judge([cases[place] for place in places]), strict=True):
            yield _line(cases[place], finding) | {"seconds": round(seconds, 6)}


def predictions_of_looks(cases: list[Case]) -> Iterator[dict[str, Any]]:
    """The same by the first look that found something, or by the last one; ``minutes`` says when."""
    long_enough = [
        case for case in cases if case["step_s"] <= 300 and case["step_s"] * len(case["after"]) >= LOOKS[-1] * 60
    ]
    for places in deployments(long_enough):
        flagged: dict[int, dict[str, Any]] = {}
        for minutes in LOOKS:
            times = [60.0 * moment for moment in LOOKS]
            look = look_plan(times, 0.0, 60.0 * minutes)
            for place, (finding, _) in zip(places, judge([long_enough[p] for p in places], look, minutes), strict=True):
                if not flagged.get(place, {}).get("regressed"):
                    flagged[place] = _line(long_enough[place], finding) | {"minutes": minutes}
        yield from flagged.values()


def _line(case: Case, finding: Finding) -> dict[str, Any]:
    return {
        "id": case["id"],
        "regressed": finding.result is FindingResult.REGRESSED,
        "score": finding.score,
        "verdict": str(finding.result).lower(),
        "sentence": finding.sentence,
        "interval": [finding.change_low, finding.change_high],
        "visible": finding.smallest_visible_change,
    }


def main() -> None:
    """Judge a file, write a file."""
    source, target = sys.argv[1:3]
    lines = (predictions_of_looks if "--looks" in sys.argv else predictions)(read(source))
    with Path(target).open("w") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)


if __name__ == "__main__":
    main()
