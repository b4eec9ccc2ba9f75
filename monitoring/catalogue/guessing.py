"""PURE: what a metric most likely is when only its name is known."""

import re
from dataclasses import dataclass

from monitoring.catalogue.known import BY_KEY


@dataclass(frozen=True, slots=True)
class Guess:
    """What an unknown metric most likely is."""

    name: str
    unit: str
    kind: str
    category: str
    bad_direction: str


# First match wins; the words are looked for between separators of the key: "checkout.p95_ms" has p95 and ms.
_RULES: tuple[tuple[str, str, str, str], ...] = (
    ("success|availability|uptime|hit|hits|adoption|conversion", "RATIO", "APPLICATION", "DOWN"),
    ("satisfaction|nps|csat|rating", "OTHER", "USER", "DOWN"),
    ("support|ticket|tickets|complaint|complaints", "BUSINESS_COUNT", "USER", "UP"),
    ("error_rate|failure_rate|error_ratio|abandonment|bounce|miss_rate", "ERROR_RATE", "APPLICATION", "UP"),
    (
        "error|errors|failure|failures|failed|exception|exceptions|5xx|4xx|retries|restarts|crash|crashes|oom|dropped",
        "ERROR_COUNT", "APPLICATION", "UP",
    ),
    ("cpu|load", "CPU", "TECHNICAL", "UP"),
    ("memory|mem|heap|rss|disk|swap|connections|threads|gc", "OTHER", "TECHNICAL", "UP"),
    (
        "latency|duration|time|response|p50|p90|p95|p99|ms|seconds|delay|lag|age|wait",
        "LATENCY", "APPLICATION", "UP",
    ),
    ("queue|backlog|pending|waiting", "OTHER", "APPLICATION", "UP"),
    ("network|bytes|traffic|bandwidth", "THROUGHPUT", "TECHNICAL", "BOTH"),
    ("requests|request|rps|rate|throughput|transactions|qps|calls", "THROUGHPUT", "APPLICATION", "DOWN"),
    (
        "orders|order|sales|revenue|signups|logins|users|checkouts|payments|purchases|volume|visits|sessions|carts",
        "BUSINESS_COUNT", "PROCESS", "DOWN",
    ),
)  # fmt: skip
_UNITS = (
    ("ms|milliseconds", "ms"),
    ("seconds|secs|sec", "s"),
    ("bytes", "bytes"),
    ("percent|pct|percentage", "%"),
)
_TIME_UNITS = {"ms", "s", "us", "µs", "ns", "min", "h"}
_ACRONYMS = {
    "cpu": "CPU",
    "api": "API",
    "p50": "p50",
    "p90": "p90",
    "p95": "p95",
    "p99": "p99",
    "http": "HTTP",
    "db": "DB",
}


def guess(key: str, unit: str = "") -> Guess:
    """Return what the metric `key` most likely is; a person may correct it.

    Without any hint it is "worse when it changes": a wrong direction would hide what happens in the other one.
    """
    if known := BY_KEY.get(key):
        return Guess(known.name, unit or known.unit, known.kind, known.category, known.bad_direction)
    words = "_" + re.sub(r"[^a-z0-9]+", "_", _snake(key)) + "_"
    unit = unit or next((name for pattern, name in _UNITS if _has(words, pattern)), "")
    for pattern, kind, category, direction in _RULES:
        if _has(words, pattern):
            return Guess(_title(key), unit, kind, category, direction)
    if unit in _TIME_UNITS:
        return Guess(_title(key), unit, "LATENCY", "APPLICATION", "UP")
    return Guess(_title(key), unit, "OTHER", "APPLICATION", "BOTH")


def _has(words: str, pattern: str) -> bool:
    return re.search(rf"_(?:{pattern})_", words) is not None


def _snake(key: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).lower()


def _title(key: str) -> str:
    words = [word for word in re.split(r"[^A-Za-z0-9]+", _snake(key)) if word]
    shown = [_ACRONYMS.get(word, word) for word in words]
    if not shown:
        return key
    return " ".join([shown[0] if shown[0] in _ACRONYMS.values() else shown[0].capitalize(), *shown[1:]])
