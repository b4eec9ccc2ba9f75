"""PURE: which series of a target are taken, by rules such as `node_memory_*` or `http_requests_total{code=5*|4*}`.

A rule names a metric, labels in braces, or both. `*` stands for any text and `|` for "or"; `!=` says which label values
do not match. A label that a series does not have is empty, as in Prometheus.
"""

import fnmatch
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from monitoring.formats.batch import Batch, Name

MAX_RULES, MAX_RULE = 100, 500
_RULE = re.compile(r"(?P<name>[^{}\s]*)\s*(?:\{(?P<labels>[^{}]*)\})?")
_LABEL = re.compile(
    r"\s*(?P<key>[^\s=!~,\"]+)\s*(?P<sign>=~|!~|!=|=)\s*(?:\"(?P<quoted>[^\"]*)\"|(?P<plain>[^,\"]*))\s*"
)


class RuleRefused(ValueError):
    """A rule that cannot be read; the text is a sentence."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a text; `is_equal` False turns it round."""

    pattern: re.Pattern[str]
    is_equal: bool = True

    def fits(self, text: str) -> bool:
        """Tell whether the text meets the condition."""
        return (self.pattern.match(text) is not None) is self.is_equal


@dataclass(frozen=True, slots=True)
class Rule:
    """A metric's name and labels, as patterns; `text` is how it was written."""

    text: str
    name: Matcher
    labels: tuple[tuple[str, Matcher], ...] = ()

    def fits(self, series: Name) -> bool:
        """Tell whether a series is one of those that the rule names."""
        if not self.name.fits(series.metric):
            return False
        if not self.labels:
            return True
        values = dict(series.labels)
        return all(matcher.fits(values.get(key, "")) for key, matcher in self.labels)


@dataclass(frozen=True, slots=True)
class Selection:
    """What is kept (everything when `keep` is empty), and what is dropped of that."""

    keep: tuple[Rule, ...] = ()
    drop: tuple[Rule, ...] = ()

    def takes(self, series: Name) -> bool:
        """Tell whether a series is taken."""
        if self.keep and not any(rule.fits(series) for rule in self.keep):
            return False
        return not any(rule.fits(series) for rule in self.drop)

    def apply(self, batch: Batch) -> tuple[Batch, int]:
        """Return the samples that are taken, and how many were dropped."""
        if not (self.keep or self.drop) or not len(batch):
            return batch, 0
        takes = np.array([self.takes(name) for name in batch.names], dtype=np.bool_)
        kept = takes[batch.of]
        # a name without samples would become a series all the same
        names = [name for name, is_taken in zip(batch.names, takes.tolist(), strict=True) if is_taken]
        of = (np.cumsum(takes) - 1)[batch.of[kept]]
        taken = replace(batch, names=names, of=of, times_us=batch.times_us[kept], values=batch.values[kept])
        return taken, int((~kept).sum())


def rules_of(text: str) -> tuple[Rule, ...]:
    """Return the rules of a text, one in a line; RuleRefused names the line."""
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    written = [(number, line) for number, line in lines if line and not line.startswith("#")]
    if len(written) > MAX_RULES:
        raise RuleRefused(f"There are {len(written)} rules; at most {MAX_RULES} are read.")
    return tuple(_rule(number, line) for number, line in written)


def _rule(number: int, text: str) -> Rule:
    found = _RULE.fullmatch(text) if len(text) <= MAX_RULE else None
    if found is None:
        raise RuleRefused(f"Line {number} is no rule such as node_memory_* or {{code=5*}}: {text[:60]}")
    labels = tuple(_labels(number, found["labels"] or ""))
    if not found["name"] and not labels:
        raise RuleRefused(f"Line {number} names neither a metric nor a label; write * for every metric.")
    return Rule(text, _matcher((found["name"] or "*").split("|")), labels)


def _labels(number: int, inside: str) -> Iterable[tuple[str, Matcher]]:
    at = 0
    while at < len(inside.rstrip(" ,")):
        found = _LABEL.match(inside, at)
        if found is None or (found.end() < len(inside) and inside[found.end()] != ","):
            raise RuleRefused(f"Line {number}: write labels as {{code=5*, method!=GET}}.")
        if found["sign"] in ("=~", "!~"):
            sign = "=" if found["sign"] == "=~" else "!="
            raise RuleRefused(f"Line {number}: regular expressions are not known here; write {found['key']}{sign}a*|b.")
        value = found["plain"].strip() if found["quoted"] is None else found["quoted"]
        yield found["key"], _matcher(value.split("|"), is_equal=found["sign"] == "=")
        at = found.end() + 1


@lru_cache(maxsize=4096)
def _compiled(words: tuple[str, ...]) -> re.Pattern[str]:
    # fnmatch knows `?` and `[…]` too, which are text here; what it makes of `*` takes linear time
    quoted = (word.replace("[", "[[]").replace("?", "[?]") for word in words)
    return re.compile("|".join(fnmatch.translate(word) for word in quoted))


def _matcher(words: Sequence[str], *, is_equal: bool = True) -> Matcher:
    return Matcher(_compiled(tuple(words)), is_equal)
