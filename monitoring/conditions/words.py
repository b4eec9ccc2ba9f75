"""How conditions speak: comparisons, numbers, times, lists."""

import json
import operator
from collections.abc import Callable, Mapping

NBSP = "\u00a0"
COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
BOUNDS = {"<": "below ", "<=": "at most ", ">": "above ", ">=": "at least ", "==": "", "!=": "anything but "}
VERBS = {
    ("contains", False): "contains", ("contains", True): "does not contain",
    ("==", False): "is", ("==", True): "is not",
    ("matches", False): "matches", ("matches", True): "does not match",
    ("exists", False): "exists", ("exists", True): "is missing",
}  # fmt: skip


def either(parts: list[str]) -> str:
    """``a, b or c``."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} or {parts[-1]}"


def shown(value: object) -> str:
    """A JSON value, cut to what a sentence can hold."""
    return json.dumps(value, ensure_ascii=False)[:80]


def number(value: float) -> str:
    """A number as it is read: ``1,200``, ``0.25``, with a true minus sign."""
    text = f"{value:,.0f}" if float(value).is_integer() and abs(value) < 1e15 else f"{value:,.6g}"
    return text.replace("-", "−")


def plural(unit: str, value: float) -> str:
    """``day`` or ``days``; a unit that is not a word stays."""
    return unit.removesuffix("s") if value == 1 and unit in ("days", "bytes") else unit


def milliseconds(value: float) -> str:
    """A time as it is read: milliseconds, and seconds from ten on."""
    if value >= 10_000:
        return f"{number(round(value / 1000, 1))}{NBSP}s"
    return f"{number(round(value))}{NBSP}ms" if value >= 1 or not value else f"under 1{NBSP}ms"
