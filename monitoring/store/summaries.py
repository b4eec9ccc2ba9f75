"""Roll-ups and percentiles of any window: from the samples where they are kept, from the tiers beyond."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from monitoring.store import postgres
from monitoring.store.buckets import joined_rollups, regrouped, roll_up
from monitoring.store.columns import NO_LINE, Line
from monitoring.store.reading import read_lines
from monitoring.store.rollcodec import Rolled, unpack_rolled
from monitoring.store.shapes import DAY_US, SECOND_US, SHELF, Floats, Rollups, microseconds
from monitoring.store.sketches import merge, quantiles, sketch
from monitoring.store.tiers import HOURS, MINUTES, STEPS

SHORTEST_STEP = timedelta(minutes=1)
#: Percentiles of up to so long a window are those of the samples themselves; they are unpacked faster than merged.
EXACT_UP_TO = timedelta(days=2)

_MINUTE_ROW, _HOUR_ROW, _OPEN_DAY = 0, 1, 2
_DAYS = "BETWEEN %(first)s AND %(last)s"
_ROLLED: Final = f"""
SELECT {_MINUTE_ROW}::bigint, series_id, day::bigint, body FROM {MINUTES}
WHERE series_id = ANY(%(series)s::bigint[]) AND day {_DAYS}
UNION ALL SELECT {_HOUR_ROW}::bigint, series_id, day::bigint, body FROM {HOURS}
WHERE series_id = ANY(%(series)s::bigint[]) AND day {_DAYS}
UNION ALL SELECT DISTINCT {_OPEN_DAY}::bigint, 0::bigint, open.day::bigint, ''::bytea FROM (
  SELECT hour / 24 AS day FROM monitoring_hourchunk
  WHERE series_id = ANY(%(series)s::bigint[]) AND hour BETWEEN %(first)s * 24 AND %(last)s * 24 + 23
  UNION ALL SELECT day FROM monitoring_samplerun WHERE shelf = ANY(%(shelves)s::int[]) AND day {_DAYS}
  UNION ALL SELECT first_us / {DAY_US} FROM monitoring_samplebatch
  UNION ALL SELECT last_us / {DAY_US} FROM monitoring_samplebatch
) AS open
"""  # noqa: S608


@dataclass
class _Found:
    """What there is of one series in a window: roll-ups of some days, samples of the others."""

    days: dict[int, Rolled] = field(default_factory=dict)
    line: Line = NO_LINE


@dataclass(frozen=True)
class _Window:
    """A stretch of time in microseconds since 1970."""

    start: int
    end: int

    @property
    def first_day(self) -> int:
        return self.start // DAY_US

    @property
    def last_day(self) -> int:
        return (self.end - 1) // DAY_US

    def has_all_of(self, day: int) -> bool:
        return self.start <= day * DAY_US and (day + 1) * DAY_US <= self.end


def rollups(series_ids: Collection[int], start: datetime, end: datetime, *, step: timedelta) -> dict[int, Rollups]:
    """Return each series' buckets of `step` (at least a minute) that hold something of start <= time < end.

    Buckets are aligned to multiples of `step` since 1970, UTC. Where samples are gone, a bucket is made of the minutes
    or hours that are left; they are in the window if their start is.
    """
    if step < SHORTEST_STEP:
        raise ValueError("the shortest step is a minute")
    seconds = step.total_seconds()
    by_hours = seconds % STEPS[HOURS] == 0
    found = _find(series_ids, _Window(microseconds(start), microseconds(end)), by_hours=by_hours)
    return {series: _rolled_up(one, seconds, by_hours) for series, one in found.items()}


def percentiles(
    series_ids: Collection[int], start: datetime, end: datetime, quantiles: Sequence[float]
) -> dict[int, Floats]:
    """Return the values at `quantiles` (0 to 1) of each series' samples in the window; NaN where there are none.

    Exact for up to two days, else to within 1 % from sketches of the hours.
    """
    by_hours = end - start > EXACT_UP_TO
    found = _find(series_ids, _Window(microseconds(start), microseconds(end)), by_hours=by_hours)
    return {series: _percentiles(one, quantiles) for series, one in found.items()}


def _rolled_up(found: _Found, step: float, by_hours: bool) -> Rollups:
    times = found.line.times / 1e6
    if not found.days:
        return roll_up(times, found.line.values, step)
    base = STEPS[HOURS] if by_hours else STEPS[MINUTES]
    parts = joined_rollups(
        [*(rolled.rollups for rolled in found.days.values()), roll_up(times, found.line.values, base)]
    )
    return regrouped(parts.pick(np.argsort(parts.starts, kind="stable")), step)


def _percentiles(found: _Found, at: Sequence[float]) -> Floats:
    if found.days:
        sketches = (one for rolled in found.days.values() for one in rolled.sketches())
        return quantiles(merge([*sketches, sketch(found.line.values)]), at)
    if not len(found.line.values):
        return np.full(len(at), np.nan)
    with np.errstate(over="ignore", invalid="ignore"):
        between = np.asarray(np.quantile(found.line.values, at), np.float64)
    if np.isfinite(between).all():
        return between
    return np.asarray(np.quantile(found.line.values, at, method="lower"), np.float64)  # too far apart to interpolate


# --- finding ----------------------------------------------------------------------------------------------------------


def _find(series_ids: Collection[int], window: _Window, *, by_hours: bool) -> dict[int, _Found]:
    """Gather what there is; by the hour, days that are over and wholly in the window are taken from that tier."""
    found = {series: _Found() for series in series_ids}
    if not found or window.start >= window.end:
        return found
    if not by_hours and _read_whole(found, window):
        return found
    minutes, hours, open_days = _rolled_rows(series_ids, window)
    for (series, day), body in minutes.items():
        found[series].days[day] = _within(unpack_rolled(body), window)
    for (series, day), body in hours.items():
        if by_hours and window.has_all_of(day) and day not in open_days:
            found[series].days[day] = unpack_rolled(body)
    for series, line in _samples(found, window).items():
        found[series].line = line
    for (series, day), body in hours.items():
        if day not in found[series].days and not _has(found[series].line, day):
            found[series].days[day] = _within(unpack_rolled(body), window)
    return found


def _read_whole(found: dict[int, _Found], window: _Window) -> bool:
    """Read the samples; False if those of some day may be gone, so that roll-ups have to be looked for."""
    whole: set[tuple[int, int]] = set()
    for series, line in read_lines(list(found), window.start, window.end, whole=whole).items():
        found[series].line = line
    return len(whole) >= len(found) * (window.last_day - window.first_day + 1)


def _rolled_rows(
    series_ids: Collection[int], window: _Window
) -> tuple[dict[tuple[int, int], memoryview], dict[tuple[int, int], memoryview], set[int]]:
    """The rows of both tiers by series and day, and the days of which something still waits to be folded."""
    minutes: dict[tuple[int, int], memoryview] = {}
    hours: dict[tuple[int, int], memoryview] = {}
    open_days = set()
    parameters = {
        "series": list(series_ids),
        "shelves": list({series // SHELF for series in series_ids}),
        "first": window.first_day,
        "last": window.last_day,
    }
    for kind, series, day, body in postgres.rows(_ROLLED, parameters):
        if kind == _OPEN_DAY:
            open_days.add(day)
        else:
            (minutes if kind == _MINUTE_ROW else hours)[series, day] = body
    return minutes, hours, open_days


def _samples(found: dict[int, _Found], window: _Window) -> dict[int, Line]:
    """The samples of each series of those days whose roll-ups are not taken."""
    days = range(window.first_day, window.last_day + 1)
    wanted = [day for day in days if any(day not in one.days for one in found.values())]
    lines: dict[int, list[Line]] = {series: [] for series in found}
    for first, last in _stretches(wanted):
        start, end = max(first * DAY_US, window.start), min((last + 1) * DAY_US, window.end)
        for series, line in read_lines(list(found), start, end).items():
            lines[series].append(_without(line, found[series].days))
    return {series: _chained(parts) for series, parts in lines.items()}


def _stretches(days: Iterable[int]) -> Iterator[tuple[int, int]]:
    """The first and last of each stretch of consecutive days."""
    first = last = None
    for day in days:
        if first is None or last is None or day > last + 1:
            if first is not None and last is not None:
                yield first, last
            first = day
        last = day
    if first is not None and last is not None:
        yield first, last


def _without(line: Line, days: Collection[int]) -> Line:
    if not days:
        return line
    kept = ~np.isin(line.times // DAY_US, list(days))
    return Line(line.times[kept], line.values[kept])


def _chained(parts: Sequence[Line]) -> Line:
    if len(parts) == 1:
        return parts[0]
    return Line(*(np.concatenate(column) for column in zip(*parts, strict=True))) if parts else NO_LINE


def _has(line: Line, day: int) -> bool:
    begin, end = np.searchsorted(line.times, [day * DAY_US, (day + 1) * DAY_US])
    return bool(begin < end)


def _within(rolled: Rolled, window: _Window) -> Rolled:
    starts = rolled.rollups.starts * SECOND_US
    return rolled.pick(np.flatnonzero((starts >= window.start) & (starts < window.end)))
