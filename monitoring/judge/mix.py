"""A change of a whole, taken apart: how much lies in its parts, and how much in their shares.

The mean latency of a service rises when its routes get slower, and also when more of its requests go to a slow route.
The difference of two weighted means is split into both, each weighed with the mean of before and after, so that nothing
is left over (Kitagawa 1955, "Components of a difference between two rates", JASA 50; known from wages as the
Oaxaca-Blinder decomposition, Oaxaca 1973).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from monitoring.judge import phrases

#: So much of a change has to be the mix for the mix to be what changed.
EXPLAINED = 0.75
#: The parts' own mean may miss the whole's change by this share of it: percentiles do not add up.
_FIT = 0.5
_MOST_TOLD = 20


@dataclass(frozen=True, slots=True)
class Part:
    """One part before and after: its value (empty: there was none) and its volume."""

    name: str
    before: float | None
    after: float | None
    volume_before: float
    volume_after: float


@dataclass(frozen=True, slots=True)
class PartChange:
    """What a part brought to the change of the whole, in units: by its value, and by its share."""

    name: str
    share_before: float
    share_after: float
    before: float
    after: float
    within: float
    between: float
    is_new: bool = False
    is_gone: bool = False


@dataclass(frozen=True, slots=True)
class Mix:
    """The change of a weighted mean, ``within`` its parts and ``between`` them; ``parts`` with the largest first."""

    within: float
    between: float
    parts: tuple[PartChange, ...]

    @property
    def total(self) -> float:
        """The change of the mean."""
        return self.within + self.between

    def fits(self, change: float) -> bool:
        """Whether the parts account for the change that the whole shows."""
        return change != 0 and abs(self.total - change) <= _FIT * abs(change)

    def explains(self, change: float) -> bool:
        """Whether the whole changed because the shares of its parts did, parts that were there before and after.

        What is new or gone cannot be compared with itself: a slow route under a new name is no change of the mix.
        """
        known = sum(part.between for part in self.parts if not part.is_new and not part.is_gone)
        least = min(known * _sign(change), self.between * _sign(change))
        return self.fits(change) and least >= EXPLAINED * abs(change)

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it, at most 20 parts."""
        parts = [asdict(part) for part in self.parts[:_MOST_TOLD]]
        return {"within": self.within, "between": self.between, "parts": parts}


def take_apart(parts: Sequence[Part]) -> Mix | None:
    """The mix of these parts; ``None`` when nothing was counted on a side, or fewer than two have a value.

    A part that is new has the value it has now, one that is gone the value it had: only their shares changed.
    """
    known = [part for part in parts if part.before is not None or part.after is not None]
    volume_before, volume_after = (
        sum(max(0.0, volume) for volume in volumes)
        for volumes in ([part.volume_before for part in known], [part.volume_after for part in known])
    )
    if len(known) < 2 or not volume_before > 0 or not volume_after > 0:
        return None
    rows = [_row(part, volume_before, volume_after) for part in known]
    middle = sum(row.share_before * row.before + row.share_after * row.after for row in rows) / 2
    found = [_change(row, middle) for row in rows]
    return Mix(
        within=sum(part.within for part in found),
        between=sum(part.between for part in found),
        parts=tuple(sorted(found, key=lambda part: (-abs(part.within + part.between), part.name))),
    )


def _row(part: Part, volume_before: float, volume_after: float) -> PartChange:
    before = part.after if part.before is None else part.before
    after = part.before if part.after is None else part.after
    assert before is not None  # one of both is known
    assert after is not None
    return PartChange(
        name=part.name,
        share_before=max(0.0, part.volume_before) / volume_before,
        share_after=max(0.0, part.volume_after) / volume_after,
        before=before,
        after=after,
        within=0.0,
        between=0.0,
        is_new=part.before is None or part.volume_before <= 0 < part.volume_after,
        is_gone=part.after is None or part.volume_after <= 0 < part.volume_before,
    )


def _change(row: PartChange, middle: float) -> PartChange:
    """Its contributions; a share counts against the mean of all, as all shares together do not change."""
    share, value = (row.share_before + row.share_after) / 2, (row.before + row.after) / 2
    return PartChange(
        row.name,
        row.share_before,
        row.share_after,
        row.before,
        row.after,
        within=share * (row.after - row.before),
        between=(value - middle) * (row.share_after - row.share_before),
        is_new=row.is_new,
        is_gone=row.is_gone,
    )


# In words.


def told(mix: Mix, change: float, *, noun: str, counts_traffic: bool, is_any_worse: bool) -> str:
    """One sentence on where a change of the whole comes from; empty where the parts do not account for it.

    ``noun`` is what a part is called (route, region), ``is_any_worse`` whether one of them got worse by itself.
    """
    if not mix.fits(change):
        return ""
    moved, sign = ("rise" if change > 0 else "fall"), _sign(change)
    if mix.between * sign < 0.5 * abs(change):
        largest = max(mix.parts, key=lambda part: part.within * sign)
        most = f", most of it in {largest.name}" if largest.within * sign >= 0.5 * abs(change) else ""
        return f"The {moved} is in the {noun}s themselves{most}."
    largest = max(mix.parts, key=lambda part: part.between * sign)
    shares = f"({_per_cent(largest.share_before)} → {_per_cent(largest.share_after)})"
    worse = "" if is_any_worse else f"; no {noun} got worse"
    return f"Most of the {moved} is {_more(largest, counts_traffic)} {largest.name} {shares}{worse}."


def _more(part: PartChange, counts_traffic: bool) -> str:
    is_more = part.share_after > part.share_before
    if counts_traffic:
        return "more traffic on" if is_more else "less traffic on"
    return "a larger share of" if is_more else "a smaller share of"


def _per_cent(share: float) -> str:
    return phrases.quantity(round(100 * share), "%")


def _sign(change: float) -> int:
    return 1 if change > 0 else -1
