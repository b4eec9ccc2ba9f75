"""When checks were read last: no row says so, the store does."""

from collections.abc import Collection
from datetime import datetime

from monitoring import store
from monitoring.models import Series


def latest_readings(check_ids: Collection[int]) -> dict[int, datetime]:
    """Return when each check was read last, by its id; those that never were are left out."""
    rows = Series.objects.filter(health_check__in=check_ids, aspect=Series.UP)
    series = {pk: check for pk, check in rows.values_list("pk", "health_check_id") if check is not None}
    return {series[pk]: sample.at for pk, sample in store.latest(list(series)).items()}
