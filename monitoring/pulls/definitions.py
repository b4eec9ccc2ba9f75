"""What a source says about itself, typed: `Source.config` as people wrote it, read and refused in one place."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Self

from monitoring.formats.batch import MAX_KEY, MAX_UNIT, text_fault
from monitoring.pulls.selection import RuleRefused, Selection, rules_of

#: How far back an existing Prometheus is read: as long as samples are kept.
MAX_BACKFILL = timedelta(days=30)
MAX_QUERIES, MAX_QUERY = 20, 4000
MAX_LABELS = 10
_QUERY = re.compile(r"(?P<key>[^\s=\[\]{}]+)\s*(?:\[(?P<unit>[^\]]*)\])?\s*=\s*(?P<query>\S.*)")
_LABEL = re.compile(r"(?P<key>[a-zA-Z_][a-zA-Z0-9_.]*)\s*=\s*(?P<value>.+)")


class ConfigRefused(ValueError):
    """A definition that cannot be used: the field, and a sentence."""

    def __init__(self, field_name: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field, self.sentence = field_name, sentence


@dataclass(frozen=True, slots=True)
class Credentials:
    """How we sign in at a target; all of it optional."""

    token: str = ""
    user: str = ""
    password: str = ""

    @classmethod
    def of(cls, secrets: Mapping[str, Any]) -> Self:
        """Those that a source has stored; ConfigRefused when the token cannot stand in a header."""
        if not re.fullmatch("[!-~]*", str(secrets.get("token", ""))):
            raise ConfigRefused("token", "A token has no line breaks, spaces or letters beyond ASCII in it.")
        return cls(**{name: str(secrets.get(name, "")) for name in ("token", "user", "password")})

    def headers(self) -> dict[str, str]:
        """The header that signs in, if there is anything to sign in with."""
        if self.token:
            return {"Authorization": f"Bearer {self.token}"}
        if self.user or self.password:
            pair = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
            return {"Authorization": f"Basic {pair}"}
        return {}


@dataclass(frozen=True, slots=True)
class Scrape:
    """A target in Prometheus' text format: its address, what is taken, and how."""

    url: str
    selection: Selection = field(default_factory=Selection)
    labels: Mapping[str, str] = field(default_factory=dict)
    honour_times: bool = True
    timeout_s: float = 10.0
    credentials: Credentials = field(default_factory=Credentials)

    @classmethod
    def of(cls, config: Mapping[str, Any], secrets: Mapping[str, Any]) -> Self:
        """Read what a source has stored; ConfigRefused names the field."""
        return cls(
            url=str(config.get("url", "")),
            selection=Selection(_rules("keep", config), _rules("drop", config)),
            labels=labels_of(str(config.get("labels", ""))),
            honour_times=bool(config.get("honour_times", True)),
            timeout_s=float(config.get("timeout_seconds", 10)),
            credentials=Credentials.of(secrets),
        )


@dataclass(frozen=True, slots=True)
class Query:
    """One expression of PromQL, and the metric that its numbers are of."""

    key: str
    expression: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class PromqlQueries:
    """An existing Prometheus: where its API is, and what it is asked."""

    url: str
    queries: tuple[Query, ...] = ()
    timeout_s: float = 10.0
    credentials: Credentials = field(default_factory=Credentials)

    @classmethod
    def of(cls, config: Mapping[str, Any], secrets: Mapping[str, Any]) -> Self:
        """Read what a source has stored; ConfigRefused names the field."""
        return cls(
            url=str(config.get("url", "")).rstrip("/"),
            queries=queries_of(str(config.get("queries", ""))),
            timeout_s=float(config.get("timeout_seconds", 10)),
            credentials=Credentials.of(secrets),
        )


def queries_of(text: str) -> tuple[Query, ...]:
    """Return the queries of `orders = sum(…)` or `latency [ms] = …`, one in a line; ConfigRefused names the line."""
    queries: dict[str, Query] = {}
    for number, line in _lines(text):
        query = _query(number, line)
        if query.key in queries:
            raise ConfigRefused("queries", f"Line {number}: the metric {query.key} has a query already.")
        queries[query.key] = query
    if not queries:
        raise ConfigRefused("queries", "Write at least one, such as orders = sum(increase(orders_total[5m])).")
    if len(queries) > MAX_QUERIES:
        raise ConfigRefused("queries", f"There are {len(queries)} queries; at most {MAX_QUERIES} are asked at a time.")
    return tuple(queries.values())


def _query(number: int, line: str) -> Query:
    found = _QUERY.fullmatch(line)
    if found is None:
        sentence = f"Line {number}: write the metric, “=” and the query, such as orders = sum(orders_total)."
        raise ConfigRefused("queries", sentence)
    key, unit, expression = found["key"], (found["unit"] or "").strip(), found["query"]
    fault = text_fault("The metric's name", key, MAX_KEY) or text_fault("The unit", unit, MAX_UNIT)
    fault = fault or text_fault("The query", expression, MAX_QUERY)
    if fault:
        raise ConfigRefused("queries", f"Line {number}: {fault}")
    return Query(key, expression, unit)


def labels_of(text: str) -> dict[str, str]:
    """Return the labels of `instance=web-1`, one in a line; ConfigRefused names the line."""
    labels: dict[str, str] = {}
    for number, line in _lines(text):
        found = _LABEL.fullmatch(line)
        if found is None:
            raise ConfigRefused("labels", f"Line {number}: write a label as name=value, such as instance=web-1.")
        if found["key"] == "__name__":
            raise ConfigRefused("labels", f"Line {number}: __name__ is the metric's name, which no label changes.")
        if found["key"] in labels:
            raise ConfigRefused("labels", f"Line {number}: the label {found['key'][:40]} has a value already.")
        labels[found["key"]] = found["value"].strip().strip('"')
    if len(labels) > MAX_LABELS:
        raise ConfigRefused("labels", f"There are {len(labels)} labels; at most {MAX_LABELS} are added.")
    return labels


def _lines(text: str) -> list[tuple[int, str]]:
    lines = ((number, line.strip()) for number, line in enumerate(text.splitlines(), 1))
    return [(number, line) for number, line in lines if line and not line.startswith("#")]


def _rules(name: str, config: Mapping[str, Any]) -> Any:
    try:
        return rules_of(str(config.get(name, "")))
    except RuleRefused as refused:
        raise ConfigRefused(name, str(refused)) from None
