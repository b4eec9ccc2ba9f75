"""Stretches of time: what of a history is left out, where a reference is moved to, and time that does not count.

A stretch is (from, to) in seconds since 1970; its end does not belong to it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from monitoring.judge.facts import Floats, OutageFacts, Series, Window

Stretch = tuple[float, float]
DAY, WEEK = 86_400.0, 604_800.0
#: So much of a history, and so many values, have to remain when something is left out of it; otherwise nothing is.
LEAST_LEFT, LEAST_VALUES = 1 / 3, 6
#: Planned work that takes no more than this share of a window is a gap in it; more parts it in two.
_SMALL_GAP = 0.1
#: What followed such work is judged by itself when it is at least this share of the longest part, and so many steps.
_LATEST_PART, _LATEST_STEPS = 0.25, 6


def merged(stretches: Iterable[Stretch]) -> tuple[Stretch, ...]:
    """Stretches that may overlap as ones that do not, in the order of time; empty ones go."""
    found: list[Stretch] = []
    for start, end in sorted(stretch for stretch in stretches if stretch[0] < stretch[1]):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return tuple(found)


def cut(stretches: Iterable[Stretch], start: float, end: float) -> tuple[Stretch, ...]:
    """What of the stretches lies between ``start`` and ``end``, merged."""
    return merged((max(start, first), min(end, last)) for first, last in stretches)


def moved(stretches: Iterable[Stretch], by: float) -> tuple[Stretch, ...]:
    """The same stretches so many seconds later."""
    return tuple((start + by, end + by) for start, end in stretches)


def seconds(stretches: Iterable[Stretch]) -> float:
    """How long they are together; they must not overlap."""
    return sum(end - start for start, end in stretches)


def inside(times: Floats, stretches: Sequence[Stretch]) -> npt.NDArray[np.bool_]:
    """Which of these times lie in one of the stretches, which must be merged."""
    if not stretches:
        return np.zeros(times.shape, bool)
    starts, ends = np.array(stretches, float).T
    place = np.searchsorted(starts, times, "right") - 1
    found: npt.NDArray[np.bool_] = (place >= 0) & (times < ends[np.maximum(place, 0)])
    return found


# --- a history without what says nothing of what is normal ------------------------------------------------------------


def ordinary(history: Series, left_out: Sequence[Stretch]) -> tuple[Series, bool]:
    """The history without its anomalous stretches, and whether they could be left out.

    Where less than a third of it would remain, or too few values to compare with, it is returned as it is.
    """
    kept = ~inside(history.times, merged(left_out))
    if kept.all():
        return history, True
    if kept.sum() < max(LEAST_VALUES, LEAST_LEFT * len(history)):
        return history, False
    return Series(history.times[kept], history.values[kept]), True


def is_mostly_inside(left_out: Iterable[Stretch], start: float, end: float) -> bool:
    """Whether at least half of the time between ``start`` and ``end`` is left out."""
    return seconds(cut(left_out, start, end)) >= 0.5 * (end - start) > 0


# --- a reference in the place of the hours before ---------------------------------------------------------------------


def aligned(start: float, end: float, deployed_at: float) -> tuple[float, float, float]:
    """(from, to, by how much it is moved) of what is compared with, of a reference from ``start`` to ``end``.

    Moved it ends right before the deployment, with its clock hours where they were: by whole weeks when a whole week of
    it remains, by whole days when a whole day remains; what is left over at its end is not used. A shorter one shows no
    season: it is moved as it is. Days are those of UTC; where the clock changed in between, the hours of people are one
    hour apart, as they are for the judge's own "same hours of earlier days".
    """
    for unit in (WEEK, DAY):
        last = end - (end - deployed_at) % unit
        if last - start >= unit:
            return start, last, deployed_at - last
    return start, end, deployed_at - end


# --- time that does not count -----------------------------------------------------------------------------------------


def on_a_stopped_clock(
    readings: Series, window: Window, outage: OutageFacts | None, stopped: Sequence[Stretch]
) -> tuple[Series, Window, OutageFacts | None]:
    """A check's readings, window and outage as if the clock had stood still in these stretches since the deployment.

    What was read in them is gone, and what came later moves up: planned maintenance is no gap and no outage.
    """
    quiet = cut(stopped, window.deployed_at, window.judged_until)
    if not quiet:
        return readings, window, outage
    kept = ~inside(readings.times, quiet)
    seen = Series(_stopped(readings.times[kept], quiet), readings.values[kept])
    opens_at, closes_at, looked_at = _stopped(np.array([window.opens_at, window.closes_at, window.looked_at]), quiet)
    at = replace(window, opens_at=float(opens_at), closes_at=float(closes_at), looked_at=float(looked_at))
    return seen, at, _outage(outage, quiet)


def undisturbed(window: Window, stopped: Sequence[Stretch], step: float) -> tuple[Window, ...]:
    """The parts of a metric's window to judge when nothing measured in these stretches counts; without any, itself.

    A metric has its hours, so its clock cannot stand still. Short work in between is a gap. Longer work parts the
    window: the longest part is judged, and the latest one as well, so that what got worse after the work is not missed;
    each is compared with ordinary moments of its own length, and settles anew. Of a window that lies in planned work
    altogether nothing is left: it is returned as it is.
    """
    begin = max(window.opens_at, window.deployed_at)
    quiet = cut(stopped, begin, window.judged_until)
    free = between(quiet, begin, window.judged_until)
    if not quiet or not free:
        return (window,)
    whole = (free[0][0], free[-1][1])
    if whole[1] - whole[0] - seconds(free) <= _SMALL_GAP * (whole[1] - whole[0]):
        return (_part(window, whole),)
    latest, longest = free[-1], max(free, key=lambda part: (part[1] - part[0], part))
    least = max(_LATEST_PART * (longest[1] - longest[0]), _LATEST_STEPS * step + window.settle_seconds)
    is_more = latest != longest and latest[1] - latest[0] >= least
    return tuple(_part(window, part) for part in ((longest, latest) if is_more else (longest,)))


def between(quiet: Sequence[Stretch], start: float, end: float) -> tuple[Stretch, ...]:
    """What lies between stretches that are merged, from ``start`` to ``end``."""
    edges = [start, *(edge for stretch in quiet for edge in stretch), end]
    return merged(zip(edges[::2], edges[1::2], strict=True))


def _part(window: Window, part: Stretch) -> Window:
    """A window that is judged in ``part`` alone; it is over when the whole one is."""
    begin = max(window.opens_at, window.deployed_at)
    is_over = window.looked_at >= window.closes_at
    return replace(
        window,
        settle_seconds=window.settle_seconds + part[0] - begin,
        looked_at=min(window.looked_at, part[1]),
        closes_at=min(window.closes_at, part[1]) if is_over else window.closes_at,
    )


def _stopped(times: Floats, quiet: Sequence[Stretch]) -> Floats:
    passed = np.zeros(times.shape)
    for start, end in quiet:
        passed += np.clip(times - start, 0.0, end - start)
    return times - passed


def _outage(outage: OutageFacts | None, quiet: Sequence[Stretch]) -> OutageFacts | None:
    if outage is None:
        return None
    ended_at = np.nan if outage.ended_at is None else outage.ended_at
    times = _stopped(np.array([outage.began_at, outage.confirmed_at, ended_at]), quiet)
    return replace(
        outage,
        began_at=float(times[0]),
        confirmed_at=float(times[1]),
        ended_at=None if outage.ended_at is None else float(times[2]),
    )
