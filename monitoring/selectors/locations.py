"""Named locations: who reads the checks of each, and since when nobody does. Home is told by the lag of polls."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from monitoring.selectors.readiness import POLL_LATE_SECONDS
from postdeploy.health import Part
from postdeploy.lib.words import plural

#: A location is silent when none of its workers was heard of for so long: longer than it takes to restart one.
SILENT_SECONDS = 15.0
#: A worker speaks every second or two.
_ABSENT_SECONDS = 10.0
_SILENCE = "no worker at {} since"


@dataclass(frozen=True, slots=True)
class Location:
    """A location that checks name: how many are read there, by how many workers, and how it does.

    `heard_at` is when a worker was last heard of, or when the first check came where none ever was; `heard` is the same
    in words, with its day unless that is today.
    """

    name: str
    checks: int
    workers: int
    heard_at: datetime
    heard: str
    silent_seconds: float
    lag_seconds: float

    @property
    def is_silent(self) -> bool:
        """Tell whether nobody reads its checks."""
        return self.silent_seconds > SILENT_SECONDS

    @property
    def is_behind(self) -> bool:
        """Tell whether its readings are so late that its workers cannot be said to do their work."""
        return self.lag_seconds > POLL_LATE_SECONDS

    @property
    def silence(self) -> str:
        """Return the words for its silence, such as “no worker at eu-west since 10:02 UTC”."""
        return f"{_SILENCE.format(self.name)} {self.heard} UTC"


def locations(name: str = "") -> tuple[Location, ...]:
    """Return the locations that checks name, or the one of that name, in one query."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCATIONS, {"name": name, "absent": _ABSENT_SECONDS})
        return tuple(Location(*row) for row in cursor.fetchall())


def says_silence(detail: str, name: str) -> bool:
    """Tell whether the latest detail of a check says that nobody reads it at this location."""
    return bool(name) and detail.startswith(f"{_SILENCE.format(name)} ")


_LOCATIONS = """
SELECT location, checks, workers, heard_at,
    to_char(heard_at, CASE WHEN heard_at::date = current_date THEN 'HH24:MI' ELSE 'FMDD Mon HH24:MI' END),
    extract(epoch FROM clock_timestamp() - heard_at)::float8, greatest(extract(epoch FROM lag), 0)::float8
FROM (
    SELECT location, sum(checks)::int AS checks, coalesce(max(there.workers), 0)::int AS workers,
        coalesce(greatest(max(there.seen_at), max(shard.polled_until)), min(own.since)) AS heard_at,
        max(clock_timestamp() - coalesce(shard.polled_until, own.since)) AS lag
    FROM (
        SELECT location, shard AS number, count(*) AS checks, min(coalesce(moved_at, created_at)) AS since
        FROM monitoring_healthcheck
        WHERE location > '' AND (%(name)s = '' OR location = %(name)s) AND paused_at IS NULL GROUP BY location, shard
    ) AS own
    LEFT JOIN monitoring_pollshard AS shard USING (location, number)
    LEFT JOIN (
        SELECT location, max(seen_at) AS seen_at,
            count(*) FILTER (WHERE seen_at > clock_timestamp() - make_interval(secs => %(absent)s)) AS workers
        FROM monitoring_prober GROUP BY location
    ) AS there USING (location)
    GROUP BY location
) AS found ORDER BY location
"""


def locations_ready() -> Part:
    """Whether the checks of every named location are read there; for `/readyz`."""
    found = locations()
    if not found:
        return Part("locations", True, "no check names a location", 0.0)
    silent_ones, late = [one for one in found if one.is_silent], [one for one in found if one.is_behind]
    if silent_ones:
        return Part("locations", False, "; ".join(one.silence for one in silent_ones), _longest(silent_ones))
    if late:
        words = ", ".join(f"{one.name} ({one.lag_seconds:.0f} s)" for one in late)
        return Part("locations", False, f"readings are late: {words}", _longest(late))
    count = f"{plural(len(found), 'location')} {'is' if len(found) == 1 else 'are'} read"
    return Part("locations", True, f"{count}: {', '.join(one.name for one in found)}", _longest(found))


def _longest(found: Iterable[Location]) -> float:
    return max(one.silent_seconds for one in found)
