"""What only this floor can say of the installation's readiness."""

from django.db import connection

from postdeploy.health import Part

#: Readings that are so late mean that nobody polls; a probe may take a minute, and its shard waits for it.
POLL_LATE_SECONDS = 90.0


def poll_lag() -> Part:
    """How far behind the readings of home are, by the database's clock, where it is worst; for `/readyz`."""
    with connection.cursor() as cursor:
        cursor.execute(_LAG)
        lag = float(cursor.fetchone()[0] or 0.0)
    if lag <= 0:
        return Part("polls", True, "no check is to be read", 0.0)
    return Part("polls", lag <= POLL_LATE_SECONDS, f"every reading that was due {lag:.0f} s ago has been kept", lag)


_LAG = """
SELECT extract(epoch FROM max(clock_timestamp() - coalesce(shard.polled_until, active.oldest)))
FROM (
    SELECT shard, min(created_at) AS oldest FROM monitoring_healthcheck
    WHERE location = '' AND paused_at IS NULL GROUP BY shard
) AS active LEFT JOIN monitoring_pollshard AS shard ON shard.location = '' AND shard.number = active.shard
"""
