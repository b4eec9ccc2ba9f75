"""One number that sums up what a check measured in a stretch of time."""

from datetime import datetime

import numpy as np

from monitoring import store
from monitoring.models import Series


def median_response_ms(check_id: int, start: datetime, end: datetime) -> float | None:
    """Return the median response time of a check between `start` and `end`, None where it did not answer."""
    rows = Series.objects.filter(health_check=check_id, aspect=Series.RESPONSE_TIME)
    found = store.read(list(rows.values_list("pk", flat=True)), start, end)
    values = np.concatenate([samples.values for samples in found.values()]) if found else np.empty(0)
    return float(np.median(values)) if values.size else None
