"""Lines for the page: thinned to the pixels there are, gaps left open, deployments marked.

Their shape is described in `static/js/charts.js`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from monitoring.selectors.marks import Mark, deployment_marks, deployments_between
from monitoring.store import Floats, Samples

__all__ = [
    "COLUMNS",
    "GAP_STEPS",
    "Band",
    "Chart",
    "Stretch",
    "deployment_marks",
    "deployments_between",
    "line_chart",
    "ordinary_step",
    "phases_chart",
    "short",
    "stretches",
    "thinned",
]

#: Pixel columns of a chart that nobody has said the width of.
COLUMNS = 200
#: A pause of more than so many ordinary steps is a gap.
GAP_STEPS = 2.5

Chart = dict[str, Any]
Band = tuple[float, float] | None
Window = tuple[float, float] | None
Indices = npt.NDArray[np.intp]


def line_chart(
    samples: Samples,
    *,
    unit: str,
    marks: Sequence[Mark] = (),
    limit: tuple[float, str] | None = None,
    band: Band = None,
    band_from: float | None = None,
    columns: int = COLUMNS,
    window: Window = None,
) -> Chart:
    """Return the data of one chart; `band` is what was expected from `band_from` on (everywhere without it).

    `columns` is how many pixels wide it is: of each column the least and the greatest value stay.
    """
    kept = thinned(samples, columns)
    times, (values,) = _with_gaps(kept.times, [kept.values], _gaps(samples.times))
    low, high = _band(times, band, band_from)
    return {
        "unit": unit,
        "times": seconds(times),
        "values": short(values),
        "low": low,
        "high": high,
        "marks": list(marks),
        "limit": {"value": limit[0], "label": limit[1]} if limit else None,
        "window": list(window) if window else None,
    }


def phases_chart(
    total: Samples,
    phases: Sequence[tuple[str, Samples]],
    *,
    rest: str,
    marks: Sequence[Mark] = (),
    limit: tuple[float, str] | None = None,
    columns: int = COLUMNS,
    window: Window = None,
) -> Chart:
    """Return the data of a chart that stacks the phases of each reading, lowest first, in milliseconds.

    A phase that a reading did not have, such as connecting again, took no time; `rest` names what none of them took.
    """
    kept = _extremes(total.times, total.values, columns)
    times = total.times[kept]
    parts = [_at(times, samples) for _, samples in phases]
    left = np.maximum(total.values[kept] - sum(parts, np.zeros(len(times))), 0.0)
    whole, layers = _with_gaps(times, [*parts, left], _gaps(total.times))
    names = [*(name for name, _ in phases), rest]
    return {
        "unit": "ms",
        "times": seconds(whole),
        "phases": [{"name": name, "values": short(layer)} for name, layer in zip(names, layers, strict=True)],
        "marks": list(marks),
        "limit": {"value": limit[0], "label": limit[1]} if limit else None,
        "window": list(window) if window else None,
    }


def _at(times: Floats, samples: Samples) -> Floats:
    """The values at exactly these times, 0 where there is none."""
    if not len(samples.times):
        return np.zeros(len(times))
    places = np.minimum(np.searchsorted(samples.times, times), len(samples.times) - 1)
    return np.where(samples.times[places] == times, samples.values[places], 0.0)


def _band(times: Floats, band: Band, since: float | None) -> tuple[list[float | None] | None, ...]:
    if band is None:
        return None, None
    inside = [since is None or time >= since for time in times.tolist()]
    low, high = short(np.array(band))
    return [low if is_in else None for is_in in inside], [high if is_in else None for is_in in inside]


# --- numbers as they are written ----------------------------------------------------------------------------------


def short(values: Floats) -> list[float | None]:
    """Six significant figures: no screen shows more, and the page is half as long; NaN is None, a gap."""
    if not len(values):
        return []
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.floor(np.log10(np.nanmax(np.abs(values)))) if not np.isnan(values).all() else 0.0
    digits = int(5 - size) if np.isfinite(size) else 0
    rounded = np.round(values, min(digits, 300))
    return [None if value != value else value for value in rounded.tolist()]


def seconds(times: Floats) -> list[float]:
    """Times to the millisecond."""
    return np.round(times, 3).tolist()  # type: ignore[no-any-return]


# --- thinning and gaps --------------------------------------------------------------------------------------------


def thinned(samples: Samples, columns: int) -> Samples:
    """Return the least and the greatest sample of each of `columns` equal stretches of time."""
    kept = _extremes(samples.times, samples.values, columns)
    return Samples(samples.times[kept], samples.values[kept])


def _extremes(times: Floats, values: Floats, columns: int) -> Indices:
    count = len(times)
    if count <= 2 * columns:
        return np.arange(count)
    column = np.minimum(((times - times[0]) / (times[-1] - times[0]) * columns).astype(np.int64), columns - 1)
    begins = np.flatnonzero(np.diff(column, prepend=-1))
    lengths = np.diff(begins, append=count)
    kept = [_first_hits(values == np.repeat(of.reduceat(values, begins), lengths), column) for of in _BOTH_ENDS]
    return np.unique(np.concatenate(kept))


_BOTH_ENDS = (np.minimum, np.maximum)


def _first_hits(is_hit: npt.NDArray[np.bool_], column: npt.NDArray[np.int64]) -> Indices:
    """The first place in each column where something holds."""
    hits = np.flatnonzero(is_hit)
    return hits[np.flatnonzero(np.diff(column[hits], prepend=-1))]


def _gaps(times: Floats) -> Floats:
    """The middle of each pause that is longer than usual."""
    cuts = np.flatnonzero(np.diff(times) > GAP_STEPS * ordinary_step(times))
    return (times[cuts] + times[cuts + 1]) / 2


def _with_gaps(times: Floats, columns: Iterable[Floats], gaps: Floats) -> tuple[Floats, list[Floats]]:
    """Put a NaN into each column where the line is to break."""
    places = np.searchsorted(times, gaps)
    return np.insert(times, places, gaps), [np.insert(column, places, np.nan) for column in columns]


def ordinary_step(times: Floats) -> float:
    """Return the seconds between two samples that three in four are not above; a minute where there is no telling.

    Not the median: while an environment is watched its checks are read more often than otherwise.
    """
    return float(np.quantile(np.diff(times), 0.75)) if len(times) > 1 else 60.0


# --- the table beside a chart -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stretch:
    """What a line did between two deployments, for the table beside the chart."""

    label: str
    start: float
    end: float
    count: int
    median: float
    p95: float
    highest: float
    kind: str = ""
    deployment: str = ""


def stretches(samples: Samples, marks: Sequence[Mark]) -> list[Stretch]:
    """Cut a line at its marks and sum each part up; parts without samples are left out."""
    if not len(samples.times):
        return []
    heads = [(f"before {marks[0]['label']}" if marks else "whole time", "", "")]
    heads += [(f"since {mark['label']}", mark["kind"], mark.get("deployment", "")) for mark in marks]
    cuts = np.searchsorted(samples.times, [mark["at"] for mark in marks])
    parts = zip(heads, np.split(samples.times, cuts), np.split(samples.values, cuts), strict=True)
    return [_stretch(head, Samples(times, values)) for head, times, values in parts if len(times)]


def _stretch(head: tuple[str, str, str], part: Samples) -> Stretch:
    label, kind, deployment = head
    return Stretch(
        label=label,
        start=float(part.times[0]),
        end=float(part.times[-1]),
        count=len(part.times),
        median=float(np.median(part.values)),
        p95=float(np.quantile(part.values, 0.95)),
        highest=float(part.values.max()),
        kind=kind,
        deployment=deployment,
    )
