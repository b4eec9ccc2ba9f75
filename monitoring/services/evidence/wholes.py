"""Wholes that nobody sends: the mean of a metric over its parts, weighed with what counts them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from monitoring.judge.facts import Floats, Series
from monitoring.services.evidence.shapes import MetricEvidence

#: Where so much of what was counted has no value, the mean is not known.
_UNKNOWN = 0.1
_MOST_STEPS = 20_000

Labels = frozenset[tuple[str, str]]
Counted = Mapping[tuple[str, Labels], MetricEvidence]


def counted_of(metrics: Iterable[MetricEvidence]) -> Counted:
    """Return metrics by what they are and of which part."""
    return {(metric.metric, labels_of(metric)): metric for metric in metrics}


def labels_of(metric: MetricEvidence) -> Labels:
    """Return the labels so that they can be compared."""
    return frozenset(metric.labels.items())


def volume_of(part: MetricEvidence, counted: Counted) -> MetricEvidence:
    """Return what counts a part."""
    return counted[part.volume, labels_of(part)]


def noun_of(part: MetricEvidence) -> str:
    """Return what a part is called: "route", or "part" where several labels make it."""
    return next(iter(part.labels)).replace("_", " ") if len(part.labels) == 1 else "part"


def parts_of_metrics(metrics: Iterable[MetricEvidence]) -> dict[str, list[MetricEvidence]]:
    """Return by metric its parts that are counted, two at least; of several ways to part it the one with most parts."""
    ways: defaultdict[str, defaultdict[tuple[str, ...], list[MetricEvidence]]] = defaultdict(lambda: defaultdict(list))
    for metric in metrics:
        if metric.volume:
            ways[metric.metric][tuple(sorted(metric.labels))].append(metric)
    found = {key: max(parts.values(), key=len) for key, parts in ways.items()}
    return {key: parts for key, parts in found.items() if len(parts) >= 2}


def wholes_of(metrics: Sequence[MetricEvidence]) -> list[MetricEvidence]:
    """Return a whole for each metric that has counted parts and none; it has no series of its own."""
    has_whole = {metric.metric for metric in metrics if metric.metric and not metric.labels}
    counted = counted_of(metrics)
    return [
        _whole(parts, counted)
        for key, parts in parts_of_metrics(metrics).items()
        if key not in has_whole and _is_one_history(parts, counted)
    ]


def _is_one_history(parts: Sequence[MetricEvidence], counted: Counted) -> bool:
    """Whether all of it is compared with the same: the hours before, or the reference."""
    return len({one.is_pinned for part in parts for one in (part, volume_of(part, counted))}) == 1


def _whole(parts: Sequence[MetricEvidence], counted: Counted) -> MetricEvidence:
    volumes = [volume_of(part, counted).samples for part in parts]
    first, step = parts[0], _step(parts, counted)
    labels = ", ".join(f"{name} {value}" for name, value in sorted(first.labels.items()))
    name = first.facts.name.removesuffix(f" ({labels})")
    facts = replace(
        first.facts,
        key=f"metric:{first.metric}",
        name=f"{name}, mean of all {noun_of(first)}s",
        step_seconds=step,
        must_have_data=False,  # its parts say what is missing
    )
    samples = weighed_mean([part.samples for part in parts], volumes, step)
    return MetricEvidence(
        facts, 0, samples, metric=first.metric, is_pinned=first.is_pinned, maintenance=first.maintenance
    )


def _step(parts: Sequence[MetricEvidence], counted: Counted) -> float:
    """Twice the coarsest step, so that each part has values in each of them though they do not come at one time."""
    every = [one for part in parts for one in (part, volume_of(part, counted))]
    times = [one.samples.times for one in every if len(one.samples)]
    length = max((float(found.max()) for found in times), default=0.0) - min(
        (float(found.min()) for found in times), default=0.0
    )
    return max(2 * max(one.facts.step_seconds for one in every), length / _MOST_STEPS)


def weighed_mean(values: Sequence[Series], volumes: Sequence[Series], step: float) -> Series:
    """Return the mean of all parts in each step, weighed with their volumes.

    A part that was not counted in a step had no volume there; a step in which a tenth of the volume has no value is
    not known.
    """
    levels, counts = [series.clean() for series in values], [series.clean() for series in volumes]
    times = np.concatenate([np.empty(0), *(series.times for series in (*levels, *counts))])
    if not times.size:
        return Series.empty()
    start = float(times.min()) // step * step
    steps = int((float(times.max()) - start) // step) + 1
    level = np.array([_means(series, start, step, steps) for series in levels])
    count = np.maximum(np.nan_to_num([_means(series, start, step, steps) for series in counts]), 0.0)
    weights = np.where(np.isfinite(level), count, 0.0)
    known, total = weights.sum(axis=0), count.sum(axis=0)
    good = (known > 0) & (known >= (1 - _UNKNOWN) * total)
    middles = np.asarray(start + (np.flatnonzero(good) + 0.5) * step, np.float64)
    return Series(middles, _mean(level[:, good], weights[:, good]))


def _mean(level: Floats, weights: Floats) -> Floats:
    """Return the weighed mean of each column; it lies between the values that weigh, whatever is rounded."""
    has_weight = weights > 0
    most = weights.max(axis=0, initial=0.0)
    shares = weights / most
    mean = (np.where(has_weight, level, 0.0) * (shares / shares.sum(axis=0))).sum(axis=0)
    lowest, highest = np.where(has_weight, level, np.inf).min(axis=0), np.where(has_weight, level, -np.inf).max(axis=0)
    found: Floats = np.clip(mean, lowest, highest)
    return found


def _means(series: Series, start: float, step: float, steps: int) -> Floats:
    place = np.minimum(((series.times - start) // step).astype(int), steps - 1)
    counts = np.bincount(place, minlength=steps)
    sums = np.bincount(place, weights=series.values, minlength=steps)
    found: Floats = np.divide(sums, counts, out=np.full(steps, np.nan), where=counts > 0)
    return found
