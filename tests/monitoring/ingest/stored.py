"""What is stored, as tests compare it: by metric and labels, exactly."""

from datetime import UTC, datetime

from monitoring import store
from monitoring.models import Metric, Series

LONG_AGO, FAR_AHEAD = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def series_of(key, **labels):
    """The series of a metric that have these labels among theirs."""
    rows = Series.objects.filter(
        metric__key=key, labels__contains={name.replace("__", "."): v for name, v in labels.items()}
    )
    return list(rows.order_by("pk"))


def samples_of(key, **labels):
    """The samples of the one series of a metric with these labels, as (milliseconds, value)."""
    (series,) = series_of(key, **labels)
    found = store.read([series.pk], LONG_AGO, FAR_AHEAD)[series.pk]
    return [(round(at * 1000), value) for at, value in zip(found.times.tolist(), found.values.tolist(), strict=True)]


def values_of(key, **labels):
    return [value for _, value in samples_of(key, **labels)]


def keys():
    return set(Metric.objects.values_list("key", flat=True))
