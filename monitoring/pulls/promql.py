"""Asking an existing Prometheus: one number for each series of a query, now or over a stretch of time.

Source: prometheus/prometheus, docs/querying/api.md. Everything that speaks this API will do: Thanos, Mimir,
VictoriaMetrics.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from monitoring.formats.batch import BodyRefused, Columns, Facts, Name, name_of
from monitoring.formats.exposition import is_counter_name
from monitoring.pulls.definitions import PromqlQueries, Query
from monitoring.pulls.pulled import Pulled, fetch_problem
from postdeploy.lib.http import Outcome, Request

#: Prometheus answers at most 11,000 steps at once; fewer keep its answer and our memory small.
MAX_STEPS = 500
#: Queries that failed are told by name up to so many.
MOST_TOLD = 3
_ANSWERED_IN_WORDS = (400, 422, 503)
_FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}


@dataclass(frozen=True, slots=True)
class Stretch:
    """What is asked for: seconds since 1970 of the first and the last step, and the seconds between two."""

    start: float
    end: float
    step: int

    @property
    def is_moment(self) -> bool:
        """True when only one moment is asked for."""
        return self.end <= self.start


def promql_requests(asked: PromqlQueries, stretch: Stretch, *, max_body: int) -> list[Request]:
    """Return one request for each query; RequestRefused when they cannot be sent."""
    path = "query" if stretch.is_moment else "query_range"
    headers = _FORM | asked.credentials.headers()
    return [
        Request(
            url=f"{asked.url}/api/v1/{path}",
            method="POST",
            headers=headers,
            body=urlencode(_fields(query, stretch, asked.timeout_s)).encode(),
            timeout_s=asked.timeout_s,
            max_body=max_body,
            refuse_large=True,
        )
        for query in asked.queries
    ]


def _fields(query: Query, stretch: Stretch, timeout_s: float) -> dict[str, str]:
    fields = {"query": query.expression, "timeout": f"{timeout_s:g}s"}
    if stretch.is_moment:
        return fields | {"time": f"{stretch.end:.3f}"}
    return fields | {"start": f"{stretch.start:.3f}", "end": f"{stretch.end:.3f}", "step": str(stretch.step)}


def read_answers(asked: PromqlQueries, outcomes: Sequence[Outcome]) -> Pulled:
    """Return what the answers to all queries brought; a query that failed leaves the others alone."""
    columns, problems = Columns(), []
    for query, outcome in zip(asked.queries, outcomes, strict=True):
        try:
            _read(columns, query, outcome)
        except _Unusable as unusable:
            problems.append(f"{query.key}: {unusable}")
        except BodyRefused as refused:  # more samples than fit
            problems.append(f"{query.key}: {refused.detail}")
    batch = columns.batch()
    offered = len(batch) + sum(left.count for left in batch.left_out)
    is_answered = len(problems) < len(asked.queries)
    return Pulled(batch, offered, problem=_told(problems, len(asked.queries)), is_answered=is_answered)


def _told(problems: Sequence[str], queries: int) -> str:
    if not problems:
        return ""
    if queries == 1:
        return problems[0]
    count = f"{len(problems)} of {queries} queries failed" if len(problems) < queries else "No query was answered"
    told = " ".join(problems[:MOST_TOLD])
    more = f" And {len(problems) - MOST_TOLD} more." if len(problems) > MOST_TOLD else ""
    return f"{count}. {told}{more}"


class _Unusable(Exception):
    """An answer without numbers; the text is a sentence."""


def _read(columns: Columns, query: Query, outcome: Outcome) -> None:
    for metric, points in _series(_data(outcome)):
        facts = Facts(
            unit=query.unit, description=query.expression[:300], is_counter=is_counter_name(metric.get("__name__", ""))
        )
        name = _named(query, metric)
        for time, value in points:
            columns.add(name, round(float(time) * 1e6), float(value), facts)


def _named(query: Query, metric: Mapping[str, str]) -> Name:
    labels = {key: value for key, value in metric.items() if key != "__name__" and value}
    return name_of(query.key, labels)._replace(unit=query.unit)


def _data(outcome: Outcome) -> Mapping[str, Any]:
    """Return the field `data` of an answer."""
    if outcome.status not in _ANSWERED_IN_WORDS and (problem := fetch_problem(outcome)):
        raise _Unusable(problem)
    if outcome.failure is not None or outcome.response is None:
        raise _Unusable(fetch_problem(outcome))
    try:
        answer = json.loads(outcome.response.body)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict) or "status" not in answer:
        raise _Unusable(fetch_problem(outcome) or "The answer is not that of a Prometheus API: check the address.")
    if answer["status"] != "success":
        raise _Unusable(f"Prometheus refused it: {_line(answer.get('error')) or _line(answer['status'])}.")
    if not isinstance(answer.get("data"), dict):
        raise _Unusable("The answer is not that of a Prometheus API: check the address.")
    return dict(answer["data"])


def _series(data: Mapping[str, Any]) -> Iterable[tuple[Mapping[str, str], list[tuple[Any, Any]]]]:
    """Yield labels and points of each series; refuses what is no number."""
    kind, result = data.get("resultType"), data.get("result")
    try:
        if kind == "scalar":
            return [({}, _points([result]))]
        if kind == "vector":
            return [(_labels(row), _points([row["value"]])) for row in _numbers(result)]
        if kind == "matrix":
            return [(_labels(row), _points(row["values"])) for row in _numbers(result)]
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError):
        raise _Unusable("The answer is not that of a Prometheus API: check the address.") from None
    raise _Unusable(f"The query gives a {_line(kind) or 'thing'}, not one number for each series.")


def _numbers(result: Any) -> list[Mapping[str, Any]]:
    if any("value" not in row and "values" not in row for row in result):
        raise _Unusable("The query gives native histograms; take histogram_quantile() or histogram_avg() of them.")
    return list(result)


def _labels(row: Mapping[str, Any]) -> Mapping[str, str]:
    return {str(key): str(value) for key, value in row["metric"].items()}


def _points(pairs: Iterable[Any]) -> list[tuple[float, float]]:
    points = [(float(time), float(value)) for time, value in pairs]
    if not all(math.isfinite(time) and abs(time) < 1e12 for time, _ in points):
        raise ValueError("no time")
    return points


def _line(text: Any) -> str:
    return " ".join(str(text or "").split())[:200].rstrip(".")
