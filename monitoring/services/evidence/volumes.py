"""Which metric counts what the values of another one are means of: requests by route, for the latency by route."""

from collections import defaultdict
from collections.abc import Collection, Mapping

from monitoring.models import Metric, MetricKind, Series

#: What can be a mean over parts; counts are sums, and their parts say all.
MEANS = (MetricKind.LATENCY, MetricKind.ERROR_RATE, MetricKind.RATIO)
#: What counts, the likelier first.
COUNTS = (MetricKind.THROUGHPUT, MetricKind.BUSINESS_COUNT)

_Labels = frozenset[tuple[str, str]]


def volumes_of(series: Collection[Series]) -> dict[int, str]:
    """Return for each labelled series of a mean the key of the metric that counts the same parts.

    A ratio's own denominator comes first; then what has the most of the parts, throughput before business counts.
    """
    parts: defaultdict[str, dict[_Labels, Series]] = defaultdict(dict)
    metrics: dict[str, Metric] = {}
    for row in series:
        if row.metric is not None and row.labels:
            metrics[row.metric.key] = row.metric
            parts[row.metric.key][frozenset(row.labels.items())] = row
    found: dict[int, str] = {}
    for key, metric in metrics.items():
        if metric.kind in MEANS and (volume := _volume(metric, metrics, parts)):
            found |= {row.pk: volume for labels, row in parts[key].items() if labels in parts[volume]}
    return found


def _volume(metric: Metric, metrics: Mapping[str, Metric], parts: Mapping[str, Mapping[_Labels, Series]]) -> str | None:
    ranked = []
    for key, other in metrics.items():
        shared = len(parts[metric.key].keys() & parts[key].keys())
        is_own = other.pk == metric.denominator_id
        if shared and (is_own or other.kind in COUNTS):
            ranked.append((not is_own, -shared, other.kind != COUNTS[0], key))
    return min(ranked)[-1] if ranked else None
