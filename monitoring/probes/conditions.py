"""What is expected of an answer, as people type it: status codes and a value in a JSON body."""

import json
import re
from dataclasses import dataclass
from functools import lru_cache

_PART = re.compile(r"([1-5])xx|([0-9]{3})(?:\s*[-–]\s*([0-9]{3}))?", re.IGNORECASE)
_STEP = re.compile(r"\.?([^.\[\]\s\"']+)|\[([0-9]+)\]|\[(?:\"([^\"]+)\"|'([^']+)')\]")

_INDEX = re.compile(r"[0-9]{1,9}")


class ConditionRefused(ValueError):
    """The condition cannot be read; the text is a sentence that says how to write it."""


@dataclass(frozen=True, slots=True)
class StatusSet:
    """Status codes that count as well, as inclusive ranges."""

    ranges: tuple[tuple[int, int], ...]

    def __contains__(self, status: int) -> bool:
        return any(low <= status <= high for low, high in self.ranges)

    def __str__(self) -> str:
        parts = [str(low) if low == high else f"{low}–{high}" for low, high in self.ranges]
        return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} or {parts[-1]}"


@lru_cache(maxsize=1024)
def parse_expected_status(text: str) -> StatusSet:
    """The codes of a text such as ``200``, ``200-299,301`` or ``2xx``; ``ConditionRefused`` names the bad part."""
    return StatusSet(tuple(_status_range(part.strip()) for part in text.split(",")))


def _status_range(part: str) -> tuple[int, int]:
    match = _PART.fullmatch(part)
    if not match:
        raise ConditionRefused(f"“{part[:40]}” is not a status code; write 200, 200-299 or 2xx, separated by commas.")
    hundred, first, last = match.groups()
    low, high = (int(hundred) * 100, int(hundred) * 100 + 99) if hundred else (int(first), int(last or first))
    if not 100 <= low <= high <= 599:
        raise ConditionRefused(
            f"“{part}” is not a range of status codes; they go from 100 to 599, the lower one first."
        )
    return low, high


@lru_cache(maxsize=1024)
def parse_json_path(text: str) -> tuple[str, ...]:
    """The steps of ``data.items[0].ok`` (also with ``$.`` before it) or of the JSON pointer ``/data/items/0/ok``."""
    path = text.strip()
    if path.startswith("/"):
        return tuple(step.replace("~1", "/").replace("~0", "~") for step in path[1:].split("/"))
    path = path.removeprefix("$")
    steps: list[str] = []
    at = 0
    while at < len(path):
        match = _STEP.match(path, at)
        if not match or (at > 0 and match.group(1) and path[at] != "."):
            raise ConditionRefused(f"The path cannot be read from “{path[at : at + 40]}” on; write data.items[0].ok.")
        steps.append(next(group for group in match.groups() if group is not None))
        at = match.end()
    return tuple(steps)


def json_complaint(body: bytes, path: str, expected: str) -> str | None:
    """Why the JSON body does not have this value (or with "": any value) at this path; ``None``: it does."""
    steps = parse_json_path(path)
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return "the body is not JSON"
    for step in steps:
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and _INDEX.fullmatch(step) and int(step) < len(value):
            value = value[int(step)]
        else:
            return f"the body has no {path}"
    if not expected or _is_same(value, expected):
        return None
    return f"{path} is {json.dumps(value, ensure_ascii=False)[:80]}, expected {expected}"


def _is_same(value: object, expected: str) -> bool:
    """Whether a JSON value is what was typed: the text itself, or the same JSON literal."""
    if isinstance(value, str) and value == expected:
        return True
    try:
        wanted = json.loads(expected)
    except (ValueError, RecursionError):
        return False
    return bool(value == wanted) and isinstance(value, bool) == isinstance(wanted, bool)
