"""The judge of the product over a file of cases: python -m bench.verdict CASES.jsonl.gz PREDICTIONS.jsonl

A case holds a metric's values before and after a deployment (`baseline`, `after`, `step_s`, `start`, `deploy`, `kind`,
`unit`, `bad`, `seasonal`, and `deployment` where several metrics belong to one). Metrics of one deployment are judged
together. What a case says of the truth or of where it comes from is not read.
"""

import gzip
import json
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from monitoring.judge.deployment import judge_deployment
from monitoring.judge.facts import BadDirection, Finding, FindingResult, MetricFacts, MetricKind, Series, Window
from monitoring.judge.looks import LookPlan
from monitoring.judge.metric import judge_metric

#: As in the product's default policy.
SETTLE_SECONDS = 120.0

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


def judge(cases: list[Case]) -> Iterator[tuple[Finding, float]]:
    """The findings for the metrics of one deployment, in their order, with the seconds that each took."""
    found, seconds = [], []
    for place, case in enumerate(cases):
        begin = time.perf_counter()
        series, window = series_of(case)
        found.append(judge_metric(series, series, facts_of(case, f"m{place:03}"), window))
        seconds.append(time.perf_counter() - begin)
    judged = judge_deployment(found, window=window, look=LookPlan(1, 1, 0.05))
    by_key = {finding.key: finding for finding in judged.findings}
    for finding, took in zip(found, seconds, strict=True):
        yield by_key[finding.key], took


def predictions(cases: list[Case]) -> Iterator[dict[str, Any]]:
    """One line for the scorer for each case."""
    for places in deployments(cases):
        for place, (finding, seconds) in zip(places, judge([cases[place] for place in places]), strict=True):
            yield {
                "id": cases[place]["id"],
                "regressed": finding.result is FindingResult.REGRESSED,
                "score": finding.score,
                "verdict": str(finding.result).lower(),
                "seconds": round(seconds, 6),
                "sentence": finding.sentence,
            }


def main() -> None:
    """Judge a file, write a file."""
    source, target = sys.argv[1:3]
    with Path(target).open("w") as file:
        file.writelines(json.dumps(line) + "\n" for line in predictions(read(source)))


if __name__ == "__main__":
    main()
