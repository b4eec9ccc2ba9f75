"""PURE: how right verdicts were, against what people ruled: counts, precision and recall with their intervals.

Of those that were called worse and ruled on, **precision** is the share that was truly us. Of those that were truly us,
**recall** is the share that was called worse. "Expected" counts for neither: the judge was right that something
changed, and nobody can blame it for not knowing that it was wanted.
"""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

US, NOT_US, EXPECTED = "US", "NOT_US", "EXPECTED"
RULINGS = (US, NOT_US, EXPECTED, "")

WORSE, NOT_WORSE, UNKNOWN = "WORSE", "NOT_WORSE", "UNKNOWN"
SAID = (WORSE, NOT_WORSE, UNKNOWN)
_SAID = {
    "FAILED": WORSE, "DEGRADED": WORSE, "REGRESSED": WORSE,
    "HEALTHY": NOT_WORSE, "UNCHANGED": NOT_WORSE, "IMPROVED": NOT_WORSE,
}  # fmt: skip

#: With fewer rulings a share is not worth a number.
LEAST_RULINGS = 5
#: Of the normal distribution, for an interval that holds in 95 of 100 cases.
_Z = 1.959964


def said_of(result: str | None) -> str:
    """Return what a result (of a verdict or a finding) says: worse, not worse, or that it cannot tell."""
    return _SAID.get(result or "", UNKNOWN)


@dataclass(frozen=True, slots=True)
class Share:
    """`hits` of `of`, with the interval that the true share lies in at 95 %."""

    hits: int
    of: int

    @property
    def is_enough(self) -> bool:
        """False: too few rulings to say."""
        return self.of >= LEAST_RULINGS

    @property
    def value(self) -> float | None:
        """The share, 0 to 1; None of nothing."""
        return self.hits / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's score interval, which keeps its promise for few cases and shares near 0 or 1.

        E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927), 209-212.
        """
        if not self.of:
            return 0.0, 1.0
        share, square = self.hits / self.of, _Z**2 / self.of
        middle = share + square / 2
        half = _Z * math.sqrt(share * (1 - share) / self.of + square / (4 * self.of))
        low, high = (middle - half) / (1 + square), (middle + half) / (1 + square)
        return max(0.0, low), min(1.0, high)


@dataclass(frozen=True)
class Score:
    """How often each thing was said and ruled: counts by (what was said, ruling); an empty ruling: nobody ruled."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    @classmethod
    def of(cls, cases: Iterable[tuple[str | None, str]]) -> "Score":
        """Return the score of (result, ruling) pairs."""
        return cls(Counter((said_of(result), ruling) for result, ruling in cases))

    def count(self, said: str, ruling: str) -> int:
        """Return how often it was said and ruled so."""
        return self.counts[said, ruling]

    @property
    def total(self) -> int:
        """All cases."""
        return sum(self.counts.values())

    @property
    def ruled(self) -> int:
        """Cases that somebody ruled on."""
        return sum(count for (_, ruling), count in self.counts.items() if ruling)

    @property
    def right_alarms(self) -> int:
        """Called worse, and it was us."""
        return self.count(WORSE, US)

    @property
    def false_alarms(self) -> int:
        """Called worse, and it was not us."""
        return self.count(WORSE, NOT_US)

    @property
    def missed(self) -> int:
        """It was us, and was not called worse: neither "healthy" nor "cannot tell" warned anybody."""
        return self.count(NOT_WORSE, US) + self.count(UNKNOWN, US)

    @property
    def precision(self) -> Share:
        """Of what was called worse and ruled, how much was us."""
        return Share(self.right_alarms, self.right_alarms + self.false_alarms)

    @property
    def recall(self) -> Share:
        """Of what was us, how much was called worse."""
        return Share(self.right_alarms, self.right_alarms + self.missed)
