"""How often chance alone does this: the few tail probabilities that the judge needs."""

import math


def heavy_tail(score: float) -> float:
    """P(T >= score) for Student's t with 6 degrees of freedom, in closed form (Abramowitz & Stegun 26.7.3).

    Differences between quiet moments of real metrics have tails about like these: a normal law would call one in a
    thousand what happens at one in a hundred.
    """
    if score < 0:
        return 1.0 - heavy_tail(-score)
    square = 6 / (6 + score * score)
    sine = math.sqrt(1 - square)
    rest = square / (1 + sine)  # 1 - sine, without losing digits far out
    return rest**3 * (8 + 9 * sine + 3 * sine**2) / 16


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
