"""Which tier is told first, which next, and when: pure rules over plain data."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

TECHNICAL = "TECHNICAL"

#: An escalation that comes this much after its time says so.
NOTICEABLE_DELAY = timedelta(minutes=1)

# After these many seconds the next attempt is made; the last one is the tenth (Standard Webhooks 1.0).
_RETRY_STEPS = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
MOST_ATTEMPTS = len(_RETRY_STEPS) + 1
LONGEST_WAIT = 86_400.0


@dataclass(frozen=True, slots=True)
class Tier:
    """A support tier as the rules see it; `clock_seconds` is what it has before the next one is called."""

    id: int
    track: str
    level: int
    clock_seconds: int


def choose_tier(severity: str, rules: Mapping[str, int], tiers: Iterable[Tier]) -> Tier | None:
    """Return the tier that an issue of `severity` goes to first.

    `rules` maps a severity to a tier's id; without a rule the first technical level gets it. None: there is no tier.
    """
    known = sorted(tiers, key=lambda tier: (tier.track != TECHNICAL, tier.level))
    wanted = next((tier for tier in known if tier.id == rules.get(severity)), None)
    return wanted or next(iter(known), None)


def next_tier(current: Tier, tiers: Iterable[Tier]) -> Tier | None:
    """Return the next level of the same track, or None at its end."""
    higher = (tier for tier in tiers if tier.track == current.track and tier.level > current.level)
    return min(higher, key=lambda tier: tier.level, default=None)


def escalation_due_at(current: Tier, tiers: Iterable[Tier], started_at: datetime) -> datetime | None:
    """Return when the clock of `current` runs out, or None when nobody comes after it."""
    if next_tier(current, tiers) is None:
        return None
    return started_at + timedelta(seconds=current.clock_seconds)


def delay(due_at: datetime, now: datetime) -> timedelta | None:
    """Return how late an escalation is, or None when it is in time."""
    late = now - due_at
    return late if late >= NOTICEABLE_DELAY else None


def retry_after(attempts: int, *, wished: float | None, jitter: float) -> float | None:
    """Return the seconds to wait after `attempts` failed ones, or None to give up.

    `wished` is the receiver's Retry-After in seconds; `jitter` between 0 and 1 stretches the wait by up to a fifth.
    """
    if attempts >= MOST_ATTEMPTS:
        return None
    wait = max(_RETRY_STEPS[max(attempts, 1) - 1] * (1 + 0.2 * jitter), wished or 0.0)
    return min(wait, LONGEST_WAIT * 1.2)
