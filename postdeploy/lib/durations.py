"""Durations as people type them: "15 min", "2 h", "1 h 30 min", "90 s", "3 d"."""

import re

_UNITS = {
    "s": 1, "sec": 1, "second": 1, "seconds": 1,
    "m": 60, "min": 60, "mins": 60, "minute": 60, "minutes": 60,
    "h": 3_600, "hour": 3_600, "hours": 3_600,
    "d": 86_400, "day": 86_400, "days": 86_400,
}  # fmt: skip
_PART = re.compile(r"\s*([0-9]{1,9}(?:[.,][0-9]{1,3})?)\s*([a-z]+)\s*", re.IGNORECASE)


def parse_duration(text: str) -> int:
    """Return whole seconds; ValueError with a sentence when `text` is no duration, or has no unit."""
    seconds, position = 0.0, 0
    while match := _PART.match(text, position):
        amount, unit = match.groups()
        if unit.lower() not in _UNITS:
            raise ValueError(f"“{unit}” is no unit of time; use s, min, h or d.")
        seconds += float(amount.replace(",", ".")) * _UNITS[unit.lower()]
        position = match.end()
    if position == 0 or position < len(text):
        raise ValueError("Write a duration with its unit, such as 15 min, 2 h or 1 h 30 min.")
    return round(seconds)


def duration_text(seconds: int) -> str:
    """Return `seconds` as `parse_duration` reads it, exactly: 5400 is "1 h 30 min"."""
    parts = []
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts) or "0 s"
