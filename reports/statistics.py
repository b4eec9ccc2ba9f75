"""PURE: the statistics behind a finding in words, for those who ask for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from postdeploy.lib import words

#: The judge's short codes in words.
REASONS = {
    "CHANGED": "it changed more than chance explains, and enough to matter",
    "UNSTEADY": "its values lie further apart than before",
    "RESTARTING": "so soon after a deployment it may still be the restart",
    "HARD_LIMIT": "its hard limit was broken",
    "DOWN": "it is down",
    "WAS_DOWN": "it was down before the deployment already",
    "FLAPPING": "its readings fail again and again",
    "RECOVERED": "it was down and came back",
    "TOO_SMALL_TO_MATTER": "the change is smaller than what matters here",
    "HEALED": "it went back by itself",
    "ORDINARY": "ordinary moments change as much",
    "TOO_MANY_COMPARED": "among so many metrics one such change is ordinary",
    "TOO_LITTLE": "there are too few values",
    "NO_HISTORY": "there are no values from before the deployment",
    "NO_DATA": "there are no values",
    "GONE_SILENT": "its values stopped coming",
    "MUTED": "muted: it is shown and never decides",
    "SHORT_HISTORY": "the history is too short to say how rare this is",
    "NEVER_MOVES": "it had one and the same value all the time",
    "MIX_SHIFT": "the shares of its parts changed, not the parts",
    "SHARED_BLAME": "another deployment may have caused it",
    "WAS_WORSE": "it was so already right before the deployment",
    "WITH_ANOMALIES": "too little of its history would remain without what was odd",
    "NEW_LEVEL": "its history was brought to the level that an earlier deployment left it at",
    "PLANNED": "planned maintenance was left out",
    "NO_REFERENCE": "it has no values under the pinned reference",
}


@dataclass(frozen=True)
class Statistic:
    """One line: what is told, and its value in words; `parts` where it is a list."""

    name: str
    words: str = ""
    parts: tuple[str, ...] = ()


def statistics_of(facts: Mapping[str, Any]) -> list[Statistic]:
    """Return what is known of a finding from the judge's `facts`, in the order in which people ask."""
    told = [
        Statistic("Change", _change(facts)),
        Statistic("Could have seen", _visible(facts)),
        Statistic("Ordinary moments", _chance(facts)),
        Statistic("To settle it", _settle(facts)),
        Statistic("What spoke for it", parts=_texts(facts.get("because"))),
        Statistic("Parts and their shares", _mix(facts)),
        Statistic("Values that came", _coverage(facts)),
        Statistic("Why", parts=reason_words(facts)),
    ]
    return [one for one in told if one.words or one.parts]


def reason_words(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the judge's reasons in words."""
    return tuple(REASONS.get(code, code) for code in _texts(facts.get("reasons")))


def hint_words(facts: Mapping[str, Any], *, is_live: bool) -> str:
    """Return what would make an unclear finding clear: "About 25 min more would settle it. …"; empty if unknown.

    Once the watch is over (not `is_live`), no more will come. Of a change that is larger than what could have been
    seen something else makes it unclear.
    """
    settle = _settle(facts) if is_live else ""
    said = [f"{settle.capitalize()} would settle it."] if settle else []
    smallest, change = _number(facts, "smallest_visible_change"), _number(facts, "change")
    if smallest is not None and abs(change or 0.0) < smallest:
        said.append(f"A change of {visible_words(facts)} could have been seen.")
    return " ".join(said)


def visible_words(facts: Mapping[str, Any]) -> str:
    """Return "±12 ms": the smallest change that would have been found; empty when it is not known."""
    smallest = _number(facts, "smallest_visible_change")
    return "" if smallest is None else f"±{words.quantity(smallest, _points(facts))}"


def _change(facts: Mapping[str, Any]) -> str:
    before, after, change = (_number(facts, name) for name in ("before", "after", "change"))
    if before is None or after is None or change is None:
        return ""
    unit, points = str(facts.get("unit") or ""), _points(facts)
    said = f"{words.pair(before, after, unit)}, {words.signed(change, points)}"
    low, high = _number(facts, "change_low"), _number(facts, "change_high")
    if low is not None and high is not None and low < high:
        said += f"; with 90\u00a0% certainty between {words.signed(low, points)} and {words.signed(high, points)}"
    return said + _relative(facts)


def _relative(facts: Mapping[str, Any]) -> str:
    share, low, high = (_number(facts, f"relative_{name}") for name in ("change", "low", "high"))
    if share is None or low is None or high is None:
        return ""
    told, lowest, highest = (words.signed(round(100 * part, 1), "%") for part in (share, low, high))
    return f" ({told}, between {lowest} and {highest})" if low < high else f" ({told})"


def _visible(facts: Mapping[str, Any]) -> str:
    smallest = visible_words(facts)
    return f"{smallest}: a change for the worse of that size is found four times in five" if smallest else ""


def _chance(facts: Mapping[str, Any]) -> str:
    chance, rarity = _number(facts, "chance"), facts.get("rarity")
    said = []
    if isinstance(rarity, Sequence) and len(rarity) == 2:
        said.append(f"{words.number(rarity[0])} of {words.number(rarity[1])} changed as much in this direction")
    if chance is not None:
        percent = words.number(100 * chance) if chance >= 0.0005 else "less than 0.05"
        said.append(f"by all signs together {percent}\u00a0% look as changed for the worse")
    return "; ".join(said)


def _settle(facts: Mapping[str, Any]) -> str:
    minutes = _number(facts, "minutes_to_settle")
    return f"about {words.duration(60 * minutes, coarse=True)} more of the same" if minutes else ""


def _mix(facts: Mapping[str, Any]) -> str:
    mix = facts.get("mix")
    within, between = (_number(mix, name) if isinstance(mix, Mapping) else None for name in ("within", "between"))
    if within is None or between is None:
        return ""
    unit = _points(facts)
    return f"{words.signed(within, unit)} within its parts, {words.signed(between, unit)} because their shares changed"


def _coverage(facts: Mapping[str, Any]) -> str:
    before, after = _number(facts, "coverage_before"), _number(facts, "coverage_after")
    if before is None or after is None:
        return ""
    return f"{round(100 * before)}\u00a0% of those expected before the deployment, {round(100 * after)}\u00a0% after it"


def _points(facts: Mapping[str, Any]) -> str:
    unit = str(facts.get("unit") or "")
    return "points" if unit == "%" else unit


def _number(facts: Mapping[str, Any], name: str) -> float | None:
    value = facts.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _texts(values: Any) -> tuple[str, ...]:
    return tuple(value for value in values if isinstance(value, str)) if isinstance(values, list | tuple) else ()
