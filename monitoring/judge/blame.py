"""Which deployment caused it? Shares of the blame for what got worse, where several may have caused it.

A share is a weight divided by the sum of all weights, and a weight is a product of four factors, simple on purpose:

- **time**: 1 where it got worse during the roll-out or at its end, a half 30 min later, a third after an hour; nothing
  after six hours. A half for a roll-out that began less than a step after the first value that was worse, which may
  stand for the time up to the next one; nothing for one that began later still. The deployment that is judged keeps a
  tenth: its watch is what found it.
- **name**: 4 where a component that it changed is named by what got worse (its name, labels, target), 2 where its
  project is.
- **place**: 1 in the same environment, a half where checks of both environments ask the same host, a fifth where
  another project's environment has the same name and tier.
- **its own watch**: 1.5 where that had found it worse before this began, a fifth where it had found it healthy.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

from monitoring.judge import phrases
from monitoring.judge.facts import Finding, OutageFacts, Series, Window

HALVES_AFTER = 1800.0
PLAUSIBLE_FOR = 6 * 3600.0
WITHIN_A_STEP = 0.5
LEAST_OF_THE_JUDGED = 0.1
NAMES_PART, NAMES_PROJECT = 4.0, 2.0
WAS_WORSE, WAS_HEALTHY = 1.5, 0.2
#: A smaller share is not worth a word, nor are more than so many deployments.
LEAST_SHARE, MOST = 0.1, 5
ANOTHER = "another deployment"


class Place(StrEnum):
    """How near a deployment is to what got worse."""

    ENVIRONMENT = "ENVIRONMENT"
    HOST = "HOST"
    NAME = "NAME"

    @property
    def weight(self) -> float:
        """The factor of the place."""
        return {"ENVIRONMENT": 1.0, "HOST": 0.5, "NAME": 0.2}[self.value]


class Why(StrEnum):
    """A reason for a share."""

    AFTER = "AFTER"
    DURING = "DURING"
    AT_ONCE = "AT_ONCE"
    PART = "PART"
    PROJECT = "PROJECT"
    HOST = "HOST"
    NAME = "NAME"
    WAS_WORSE = "WAS_WORSE"
    WAS_HEALTHY = "WAS_HEALTHY"


#: All that may be told of a deployment to somebody who may not see it.
TIMING = frozenset({Why.AFTER, Why.DURING, Why.AT_ONCE})


@dataclass(frozen=True, slots=True)
class Candidate:
    """A deployment that may have caused it. `name` is how everybody may be told of it; `live_at` is empty while it
    rolls out; `found` is HEALTHY, DEGRADED or FAILED, by its own watch."""

    key: str
    name: str
    began_at: float
    live_at: float | None
    place: Place = Place.ENVIRONMENT
    parts: tuple[str, ...] = ()
    project: tuple[str, ...] = ()
    found: str | None = None
    found_at: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of ``to_dict``."""
        lists = {name: tuple(data[name]) for name in ("parts", "project")}
        return cls(**{**data, **lists, "place": Place(data["place"])})


@dataclass(frozen=True, slots=True)
class Because:
    """One reason for a share: how many seconds before, or which component or project."""

    code: Why
    seconds: float | None = None
    what: str = ""

    def words(self, name: str) -> str:
        """In words, for people who know the deployment as `name`."""
        lasted = phrases.duration(self.seconds or 0.0)
        return {
            Why.AFTER: f"it began {lasted} after {name} went live",
            Why.DURING: f"it began {lasted} into the roll-out of {name}",
            Why.AT_ONCE: f"{name} began to roll out {lasted} after the first value that was worse, before the next one",
            Why.PART: f"{self.what} is what it changed",
            Why.PROJECT: f"{self.what} is its project",
            Why.HOST: "it answers at the same host",
            Why.NAME: "its environment has the same name",
            Why.WAS_WORSE: "its own watch had found it worse before",
            Why.WAS_HEALTHY: "its own watch had found it healthy before",
        }[self.code]

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of ``to_dict``."""
        return cls(Why(data["code"]), data.get("seconds"), data.get("what", ""))


@dataclass(frozen=True, slots=True)
class Share:
    """How much of the blame a deployment has, 0 to 1, and why. `apart` is how long after the judged one it went live,
    negative for before; empty while it rolls out."""

    key: str
    share: float
    because: tuple[Because, ...]
    apart: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it: ids only, no name that not everybody may read."""
        because = [reason.to_dict() for reason in self.because]
        return {"deployment": self.key, "share": self.share, "because": because, "apart": self.apart}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of ``to_dict``."""
        because = tuple(Because.from_dict(reason) for reason in data["because"])
        return cls(data["deployment"], data["share"], because, data.get("apart"))


# When it got worse.


def onset_of_metric(samples: Series, finding: Finding, window: Window) -> float:
    """The first value beyond the band that was expected, with another beyond it among the next two.

    Where there is no such value, the time from which it was judged.
    """
    after = samples.clean().between(window.deployed_at, window.judged_until + 1e-6)
    band = (finding.picture or {}).get("band")
    if not band or not finding.change or not len(after):
        return window.judged_from
    beyond = after.values > band["high"] if finding.change > 0 else after.values < band["low"]
    lasting = [index for index in beyond.nonzero()[0] if beyond[index : index + 3].sum() > 1]
    return float(after.times[lasting[0]]) if lasting else window.judged_from


def onset_of_check(up: Series, outage: OutageFacts | None, window: Window) -> float:
    """When the outage began; without one the first reading that failed."""
    if outage:
        return max(outage.began_at, window.deployed_at)
    after = up.clean().between(window.deployed_at, window.judged_until + 1e-6)
    failed = after.times[after.values < 0.5]
    return float(failed[0]) if failed.size else window.judged_from


# Who caused it.


def share_blame(
    onset: float, texts: Iterable[str], judged: Candidate, others: Iterable[Candidate], *, step: float = 0.0
) -> tuple[Share, ...]:
    """Shares of the blame for what got worse at `onset`, together 1, the judged deployment first.

    `texts` is all that names what got worse, `step` the seconds between two of its values. Others come in the order of
    their shares, without those too small.
    """
    said = [_words(text) for text in texts]
    weighed = [(other, *_weigh(other, onset, said, step)) for other in others]
    weight, because = _weigh(judged, max(onset, judged.began_at), said, step)
    weight = max(weight, LEAST_OF_THE_JUDGED)
    ordered = sorted((row for row in weighed if row[1] > 0), key=lambda row: (-row[1], row[0].key))[: MOST - 1]
    whole = weight + sum(row[1] for row in ordered)
    kept = [row for row in ordered if row[1] / whole >= LEAST_SHARE]
    shares = _rounded([weight, *(row[1] for row in kept)])
    first = Share(judged.key, shares[0], because)
    return first, *(
        Share(other.key, share, why, _apart(other, judged))
        for (other, _, why), share in zip(kept, shares[1:], strict=True)
    )


def _weigh(
    one: Candidate, onset: float, said: Sequence[Sequence[str]], step: float
) -> tuple[float, tuple[Because, ...]]:
    if one.began_at > onset and one.began_at >= onset + step:
        return 0.0, ()
    time, reason = _time(one, onset)
    factors = [*_naming(one, said), *_watch(one, onset)]
    if one.place is not Place.ENVIRONMENT:
        factors.append((one.place.weight, Because(Why(one.place.value))))
    weight = time
    for factor, _ in factors:
        weight *= factor
    return weight, (reason, *(why for _, why in factors))


def _time(one: Candidate, onset: float) -> tuple[float, Because]:
    if one.began_at > onset:
        return WITHIN_A_STEP, Because(Why.AT_ONCE, one.began_at - onset)
    if one.live_at is None or onset < one.live_at:
        return 1.0, Because(Why.DURING, onset - one.began_at)
    lag = onset - one.live_at
    return 0.0 if lag > PLAUSIBLE_FOR else 1 / (1 + lag / HALVES_AFTER), Because(Why.AFTER, lag)


def _naming(one: Candidate, said: Sequence[Sequence[str]]) -> list[tuple[float, Because]]:
    for names, factor, why in ((one.parts, NAMES_PART, Why.PART), (one.project, NAMES_PROJECT, Why.PROJECT)):
        named = next((name for name in names if any(_holds(text, _words(name)) for text in said)), None)
        if named:
            return [(factor, Because(why, what=named))]
    return []


def _watch(one: Candidate, onset: float) -> list[tuple[float, Because]]:
    if one.found is None or one.found_at is None or one.found_at > onset:
        return []
    if one.found == "HEALTHY":
        return [(WAS_HEALTHY, Because(Why.WAS_HEALTHY))]
    return [(WAS_WORSE, Because(Why.WAS_WORSE))] if one.found in ("DEGRADED", "FAILED") else []


def _apart(other: Candidate, judged: Candidate) -> float | None:
    return None if other.live_at is None else other.live_at - (judged.live_at or judged.began_at)


def _words(text: str) -> list[str]:
    """`Checkout-DB_p95` as checkout, db, p95."""
    return re.findall(r"[^\W_]+", text.casefold())


def _holds(text: Sequence[str], name: Sequence[str]) -> bool:
    """Whether the words of a name stand in a text, next to each other."""
    length = len(name)
    return length > 0 and any(list(text[at : at + length]) == list(name) for at in range(len(text) - length + 1))


def _rounded(weights: Sequence[float]) -> list[float]:
    """Shares in hundredths that sum to 1; what rounding leaves goes to the largest."""
    whole = sum(weights)
    hundredths = [max(1, round(100 * weight / whole)) for weight in weights]
    hundredths[hundredths.index(max(hundredths))] += 100 - sum(hundredths)
    return [part / 100 for part in hundredths]


def share_together(blames: Sequence[Sequence[Share]]) -> tuple[Share, ...]:
    """One blame for all that got worse: the mean of the shares, the reasons of where a deployment's share is largest.

    Empty when nobody but the judged deployment, the first of each, is left.
    """
    if not blames:
        return ()
    rows: dict[str, list[Share]] = {}
    for share in (share for blame in blames for share in blame):
        rows.setdefault(share.key, []).append(share)
    judged = blames[0][0].key
    means = {key: sum(share.share for share in found) / len(blames) for key, found in rows.items()}
    others = sorted((key for key in means if key != judged and means[key] >= LEAST_SHARE), key=lambda k: (-means[k], k))
    if not others:
        return ()
    shares = _rounded([means[key] for key in (judged, *others)])
    largest = [max(rows[key], key=lambda share: share.share) for key in (judged, *others)]
    return tuple(
        Share(found.key, share, found.because, found.apart) for found, share in zip(largest, shares, strict=True)
    )


# In words.


def blame_sentence(blame: Sequence[Share], names: Mapping[str, str]) -> str:
    """`v2.3.0, 3 min earlier, may be the cause as well (40 %).` Of many only the first two are named."""
    judged, *others = blame
    if len(others) == 1:
        [only] = others
        verb = "is the likelier cause" if only.share > judged.share else "may be the cause as well"
        said = f"{names.get(only.key, ANOTHER)}, {_when(only)}, {verb} ({_per_cent(only)})."
    else:
        told = [f"{names.get(one.key, ANOTHER)}, {_when(one)} ({_per_cent(one)})" for one in others[:2]]
        told += [f"{len(others) - 2} more"] if len(others) > 2 else []
        said = f"{phrases.listing(told)} may be the cause as well."
    return said[:1].upper() + said[1:] if said.startswith(ANOTHER) else said


def _when(one: Share) -> str:
    if one.apart is None:
        return "still rolling out"
    if abs(one.apart) < 1:
        return "at the same time"
    return f"{phrases.duration(abs(one.apart))} {'later' if one.apart > 0 else 'earlier'}"


def _per_cent(one: Share) -> str:
    return phrases.quantity(round(100 * one.share), "%")
