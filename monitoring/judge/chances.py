"""How often chance alone does this: the few tail probabilities that the judge needs."""

import math
from collections.abc import Hashable, Mapping, Sequence


def binomial_tail(count: int, trials: int, probability: float) -> float:
    """P(X >= count) for X of ``trials`` with this probability each."""
    if count <= 0:
        return 1.0
    if probability <= 0 or count > trials:
        return 0.0
    if probability >= 1:
        return 1.0
    log_p, log_q = math.log(probability), math.log1p(-probability)
    terms = [
        math.lgamma(trials + 1) - math.lgamma(k + 1) - math.lgamma(trials - k + 1) + k * log_p + (trials - k) * log_q
        for k in range(count, trials + 1)
    ]
    return min(1.0, math.fsum(math.exp(term) for term in terms))


def passing(chances: list[float], budget: float) -> float:
    """The largest of these chances that still counts when all were looked at (Benjamini & Hochberg 1995); 0: none.

    Where nothing has changed, the chance that anything passes is the budget, however many there are.
    """
    ordered = sorted(chances)
    passed = [chance for rank, chance in enumerate(ordered, 1) if chance <= budget * rank / len(ordered)]
    return passed[-1] if passed else 0.0


def passing_of(families: Mapping[Hashable, Sequence[float]], budget: float) -> dict[Hashable, float]:
    """The largest chance that still counts in each family, such as the routes of one metric; 0: none.

    Families are compared with each other, and only what stands out has its members compared (Benjamini & Bogomolov
    2014, "Selective inference on multiple families of hypotheses"): a metric with forty routes makes it no harder for
    the others. With one member in each this is `passing`.
    """
    strongest = {family: _simes(chances) for family, chances in families.items() if chances}
    largest = passing(list(strongest.values()), budget)
    selected = {family for family, chance in strongest.items() if chance <= largest}
    share = budget * len(selected) / max(1, len(strongest))
    return {
        family: passing(list(chances), share) if family in selected else 0.0 for family, chances in families.items()
    }


def _simes(chances: Sequence[float]) -> float:
    """The chance that chances like these come where nothing changed in any member (Simes 1986)."""
    ordered = sorted(chances)
    return min(len(ordered) * chance / rank for rank, chance in enumerate(ordered, 1))
