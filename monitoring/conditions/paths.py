"""Paths into JSON: ``data.items[0].ok``, also with ``$.`` before it, or the JSON pointer ``/data/items/0/ok``."""

import re
from functools import lru_cache

from monitoring.conditions.problems import ConditionRefused

_STEP = re.compile(r"\.?([^.\[\]\s\"']+)|\[([0-9]+)\]|\[(?:\"([^\"]+)\"|'([^']+)')\]")
_INDEX = re.compile(r"[0-9]{1,9}")

Steps = tuple[str, ...]


class _Missing:
    """There is nothing at a path."""


MISSING = _Missing()


@lru_cache(maxsize=4096)
def parse_json_path(text: str) -> Steps:
    """The steps of a path; ``$`` alone is the whole document. ConditionRefused says from where on it is not one."""
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
        if match.group(2) and len(match.group(2)) > 9:
            raise ConditionRefused(f"No list is so long: “{match.group()[:40]}”; write data.items[0].ok.")
        steps.append(next(group for group in match.groups() if group is not None))
        at = match.end()
    return tuple(steps)


def find(document: object, steps: Steps) -> object:
    """The value at a path, or MISSING."""
    value = document
    for step in steps:
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and _INDEX.fullmatch(step) and int(step) < len(value):
            value = value[int(step)]
        else:
            return MISSING
    return value
