"""Numbers and durations in the judge's sentences.

The same way of writing as everywhere: a no-break space before units, a true minus, thousands with a comma, at most
three significant figures.
"""

import math

NBSP = "\u00a0"
MINUS = "\u2212"

_TIMES_FROM = 3.0
_MOST_TIMES = 1e9
_STEPS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def number(value: float) -> str:
    """``1,960``, ``41.8``, ``0.12``."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else "unknown"
    size = abs(value)
    if size >= 1e15 or size < 1e-9:
        return f"{value:.2e}".replace("-", MINUS)
    decimals = 0 if size >= 100 else max(0, (2 if size >= 1 else 1) - math.floor(math.log10(size)))
    text = f"{size:,.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return f"{MINUS}{text}" if value < 0 else text


def quantity(value: float, unit: str) -> str:
    """``450 ms``."""
    return f"{number(value)}{NBSP}{unit}" if unit else number(value)


def pair(before: float, after: float, unit: str) -> str:
    """``310 → 450 ms``; what is nothing beside the other is rounding, and told as 0."""
    size = max(abs(before), abs(after))
    first, second = (0.0 if abs(value) * _MOST_TIMES < size else value for value in (before, after))
    return f"{number(first)} → {quantity(second, unit)}"


def signed(value: float, unit: str = "") -> str:
    """``+410 jobs``."""
    return f"{'+' if value > 0 else ''}{quantity(value, unit)}"


def change(before: float, after: float, low: float, high: float, unit: str) -> str:
    """What stands in the brackets: ``+45 %, between +31 and +58 %``; low and high are changes in units.

    An interval without width is not told.
    """
    times, shares = ratio(after, before), [ratio(part, before) for part in (after - before, low, high)]
    if unit == "%" or times is None or None in shares:
        points = "points" if unit == "%" else unit
        return f"{signed(after - before, points)}{_between(low, high, points)}"
    if times >= _TIMES_FROM:
        return f"{round(times):,} times as high{_between(low, high, unit)}"
    change, lowest, highest = (_per_cent(share or 0.0) for share in shares)
    return f"{signed(change, '%')}{_between(lowest, highest, '%')}"


def _between(low: float, high: float, unit: str) -> str:
    return f", between {signed(low)} and {signed(high, unit)}" if signed(low) != signed(high) else ""


def ratio(part: float, whole: float) -> float | None:
    """``None`` where it says nothing: of a whole that is not above zero, or hardly."""
    return part / whole if whole > 0 and abs(part) < _MOST_TIMES * whole else None


def _per_cent(share: float) -> float:
    return round(100 * share) if abs(share) >= 0.01 else round(100 * share, 1)


def rarity(count: int, moments: int) -> str:
    """``1 in 140 ordinary moments``, ``none of 160 ordinary moments``."""
    if not count:
        return f"none of {moments:,} ordinary moments"
    return f"1 in {max(1, round(moments / count)):,} ordinary moments"


def duration(seconds: float) -> str:
    """The two largest units: ``1 h 26 min``."""
    left = max(0, round(seconds))
    parts: list[str] = []
    for size, unit in _STEPS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count:,}{NBSP}{unit}")
        if len(parts) == 2 or (parts and not count):
            break
    return " ".join(parts) or f"0{NBSP}s"


def period(seconds: float) -> str:
    """A planned length in one unit: ``60 min``, ``72 h``."""
    for size, unit, until in ((1, "s", 120), (60, "min", 7_200), (3_600, "h", 345_600), (86_400, "d", math.inf)):
        if seconds <= until:
            return quantity(round(seconds / size, 1), unit)
    return duration(seconds)


def plural(count: int, noun: str) -> str:
    """``1 metric``, ``3 metrics``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def listing(parts: list[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
