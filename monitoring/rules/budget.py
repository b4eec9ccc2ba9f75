"""The error budget of an objective, and how fast it burns.

Windows and factors: The Site Reliability Workbook (Beyer, Murphy, Rensin, Kawahara, Thorne, 2018), chapter 5,
"Alerting on SLOs", section 6 "Multiwindow, Multi-Burn-Rate Alerts", table 5-8: with a target over 30 days, 14.4 x
burns 2 % of the budget in 1 h, 6 x burns 5 % in 6 h, 1 x burns 10 % in 3 d; the short window, a twelfth of the long
one, says that it still burns.
"""

from dataclasses import dataclass

import numpy as np

from monitoring.rules.values import NOTHING, Floats, Line, Spans, quiet_at

MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0


@dataclass(frozen=True, slots=True)
class Burn:
    """One pair of windows in seconds, and how many times too fast the budget burns when both are beyond `factor`."""

    factor: float
    long: float
    short: float


#: What is worth waking somebody for, and what is worth a ticket.
FAST = (Burn(14.4, 1 * HOUR, 5 * MINUTE), Burn(6.0, 6 * HOUR, 30 * MINUTE))
SLOW = (Burn(1.0, 3 * DAY, 6 * HOUR),)


@dataclass(frozen=True, slots=True)
class Tally:
    """What was counted: in each bucket, ending at `times`, how much of `total` was `bad`."""

    times: Floats
    bad: Floats
    total: Floats


def cut(bad: Line, total: Line, *, step: float, spans: Spans = ()) -> Tally:
    """Count two lines of one thing into buckets of `step` seconds; a bad one that nobody counted in total counts too.

    What lies in `spans` (maintenance) is left out.
    """
    keys_bad, keys_total = np.ceil(bad.times / step), np.ceil(total.times / step)
    keys = np.union1d(keys_bad, keys_total)
    sums = [np.zeros(len(keys)), np.zeros(len(keys))]
    for place, (own, line) in enumerate(((keys_bad, bad), (keys_total, total))):
        counted = ~quiet_at(line.times, spans)
        np.add.at(sums[place], np.searchsorted(keys, own[counted]), line.values[counted])
    worst = np.maximum(sums[0], 0.0)
    return Tally(keys * step, worst, np.maximum(sums[1], worst))


def burn_rate(tally: Tally, moments: Floats, window: float, target: float) -> Floats:
    """Return how many times too fast the budget of `target` (0.999) burnt in the `window` before each moment.

    1 spends exactly the budget; NaN where nothing was counted.
    """
    bad, total = (_within(tally.times, counts, moments, window) for counts in (tally.bad, tally.total))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(total > 0, bad / total / (1 - target), np.nan)


def burn_values(tally: Tally, moments: Floats, burns: tuple[Burn, ...], target: float) -> Floats:
    """Return the worst of `burns` at each moment: above 1 both of its windows burn faster than its factor."""
    rates = [
        np.minimum(burn_rate(tally, moments, burn.long, target), burn_rate(tally, moments, burn.short, target))
        / burn.factor
        for burn in burns
    ]
    worst: Floats = np.fmax.reduce(rates)
    return worst


def budget_left(tally: Tally, target: float) -> float | None:
    """Return the share of the budget that is left, below 0 when more was spent; None when nothing was counted."""
    total = float(tally.total.sum())
    return None if total <= 0 else 1 - float(tally.bad.sum()) / (total * (1 - target))


def burn_down(tally: Tally, target: float, start: float, end: float, points: int) -> Line:
    """Return the share of the budget that was left at `points` moments from `start` to `end`.

    The whole budget is what the total of the tally allows, so that the line ends where `budget_left` stands. NaN before
    the first count.
    """
    moments = np.linspace(start, end, points)
    allowed = float(tally.total.sum()) * (1 - target)
    if allowed <= 0:
        return Line(moments, np.full(points, np.nan))
    spent = np.concatenate([[0.0], np.cumsum(tally.bad)])
    left = 1 - spent[np.searchsorted(tally.times, moments, side="right")] / allowed
    return Line(moments, np.where(moments < tally.times[0], np.nan, left))


def _within(times: Floats, counts: Floats, moments: Floats, window: float) -> Floats:
    running = np.concatenate([[0.0], np.cumsum(counts)])
    after = np.searchsorted(times, moments, side="right")
    first = np.searchsorted(times, moments - window, side="right")
    # a difference of sums can miss zero by a rounding error, and zero is what it must be
    return np.where(after > first, np.maximum(running[after] - running[first], 0.0), 0.0)


def by_time(tally: Tally) -> Tally:
    """Return the tally with each bucket weighed alike: what was asked more often was not up for longer."""
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(tally.total > 0, tally.bad / tally.total, 0.0)
    return Tally(tally.times, share, (tally.total > 0).astype(np.float64))


def increments(line: Line) -> Line:
    """Return how much a counter grew up to each of its samples; one that fell began again at nought."""
    if len(line.times) < 2:
        return NOTHING
    grown = np.diff(line.values)
    return Line(line.times[1:], np.where(grown < 0, line.values[1:], grown))
