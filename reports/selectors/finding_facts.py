"""What the judge said of a finding, read from its record: numbers, ordinary moments, what was expected.

Records may be of any age: what is missing or of another shape is nothing, and never an error.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from monitoring.models import Finding
from monitoring.store import Floats
from postdeploy.lib import words

BINS = 40


# --- what the facts say -----------------------------------------------------------------------------------------------


def facts_of(finding: Finding) -> Mapping[str, Any]:
    """Return what the judge said of a finding, empty where the record has nothing."""
    return finding.facts if isinstance(finding.facts, dict) else {}


def number_of(facts: Mapping[str, Any], name: str) -> float | None:
    """Return one number of the facts; None when there is none."""
    found = numbers([facts.get(name)])
    return found[0] if found else None


def numbers(values: Any) -> list[float]:
    """Return the numbers of a list; what is no number is left out."""
    if not isinstance(values, list):
        return []
    return [float(value) for value in values if isinstance(value, int | float) and not isinstance(value, bool)]


def rarity_of(facts: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return (k, n): so many of so many ordinary moments changed as much; None when nothing is known."""
    known = numbers(facts.get("rarity"))
    return (int(known[0]), int(known[1])) if len(known) == 2 and known[1] >= 1 else None


def rarity_words(facts: Mapping[str, Any]) -> str:
    """Return "A change this big happened at 1 in 140 ordinary moments."; empty when nothing is known."""
    known = rarity_of(facts)
    if known is None:
        return ""
    count, moments = known
    if not count:
        return f"A change this big happened at none of {words.plural(moments, 'ordinary moment')}."
    return f"A change this big happened at 1 in {words.number(max(1, round(moments / count)))} ordinary moments."


# --- ordinary moments -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Placebo:
    """How often changes of each size happened at ordinary moments, and this one: the shape of {% placebo %}."""

    counts: list[int]
    low: float
    high: float
    value: float
    label: str
    moments: int
    unit: str
    words: str
    alt: str


def placebo_of(finding: Finding) -> Placebo | None:
    """Return the picture of a finding whose change was compared with ordinary moments."""
    facts = facts_of(finding)
    picture = facts.get("picture")
    ordinary = numbers(picture.get("ordinary")) if isinstance(picture, dict) else []
    changed = number_of(facts, "change")
    if not ordinary or changed is None:
        return None
    low, high = min(*ordinary, changed, 0.0), max(*ordinary, changed, 0.0)
    room = (high - low) * 0.05 or 1.0
    low, high = low - room, high + room
    counts = [0] * BINS
    for value in ordinary:
        counts[min(int((value - low) / (high - low) * BINS), BINS - 1)] += 1
    unit = _difference_unit(facts)
    around = f"from {words.signed(min(ordinary), unit)} to {words.signed(max(ordinary), unit)}"
    return Placebo(
        counts=counts,
        low=low,
        high=high,
        value=changed,
        label=_change(facts),
        moments=len(ordinary),
        unit=unit,
        words=rarity_words(facts),
        alt=f"{words.plural(len(ordinary), 'ordinary moment')} changed {around}, this {words.signed(changed, unit)}",
    )


def _difference_unit(facts: Mapping[str, Any]) -> str:
    unit = str(facts.get("unit") or "")
    return "points" if unit == "%" else unit


def _change(facts: Mapping[str, Any]) -> str:
    unit = str(facts.get("unit") or "")
    known = numbers([facts.get("before"), facts.get("after"), facts.get("change")])
    if len(known) == 3:
        return words.change(known[0], known[1], unit)
    return words.signed(known[-1], unit) if known else ""


# --- what was expected ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Expected:
    """What single values were expected to lie between: two edges for each of the times (seconds since 1970)."""

    times: Floats
    low: Floats
    high: Floats
    until: float

    def told(self, unit: str) -> str:
        """Return "288 to 334 ms": the middle of both edges over the time."""
        low, high = float(np.median(self.low)), float(np.median(self.high))
        return f"{words.quantity(low, unit) if unit == 'bytes' else words.number(low)} to {words.quantity(high, unit)}"


def expected_of(facts: Mapping[str, Any], since: float | None) -> Expected | None:
    """Return the forecast over time, of an old record the flat band; None without either. `since`: the deployment."""
    picture = facts.get("picture")
    if not isinstance(picture, dict):
        return None
    return _forecast(picture.get("forecast")) or _flat(picture.get("band"), since)


def _forecast(forecast: Any) -> Expected | None:
    if not isinstance(forecast, dict):
        return None
    low, high = numbers(forecast.get("low")), numbers(forecast.get("high"))
    start, step = number_of(forecast, "start"), number_of(forecast, "step")
    if not low or len(low) != len(high) or start is None or not step or step <= 0:
        return None
    times = np.array([start + (place + 0.5) * step for place in range(len(low))])
    return Expected(times, np.array(low), np.array(high), start + len(low) * step)


def _flat(band: Any, since: float | None) -> Expected | None:
    edges = numbers([band.get("low"), band.get("high")]) if isinstance(band, dict) else []
    if len(edges) != 2:
        return None
    start = -np.inf if since is None else since
    return Expected(np.array([start]), np.array(edges[:1]), np.array(edges[1:]), np.inf)
