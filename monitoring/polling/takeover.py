"""Where to go on with checks that somebody else read: after the latest reading of each that was kept."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from monitoring import store
from monitoring.polling import grid
from monitoring.polling.plan import Planned

#: How far before its latest slot a check that came from another location may have been read there.
LOOK_BACK_US = 180 * grid.SECOND


def after_orphans(checks: Collection[Planned], since_us: Mapping[int, int], now_us: int) -> dict[Planned, int]:
    """Return the slots after which to read checks of shards whose process ended without a word.

    It may have kept readings beyond what it said to have read: until `since_us` of the shard.
    """
    if not checks:
        return {}
    return _stored_slots(checks, min(since_us[planned.shard] for planned in checks), now_us)


def after_moves(checks: Collection[Planned], now_us: int) -> dict[Planned, int]:
    """Return the slots after which to read those checks that just came from another location.

    That one keeps nothing of them any more; where it never did, they are read from their move on.
    """
    far = {planned: planned.own_seconds * grid.SECOND + LOOK_BACK_US for planned in checks}
    moved = {one: one.moved_us for one in checks if one.moved_us is not None and one.moved_us + far[one] > now_us}
    if not moved:
        return {}
    return moved | _stored_slots(moved, min(moved_us - far[one] for one, moved_us in moved.items()), now_us)


def _stored_slots(checks: Collection[Planned], since_us: int, now_us: int) -> dict[Planned, int]:
    series = {planned.series["up"]: planned for planned in checks if "up" in planned.series}
    found = store.read(list(series), _moment(since_us), _moment(now_us + grid.SECOND))
    return {series[key]: round(samples.times[-1] * 1e6) for key, samples in found.items() if len(samples.times)}


def _moment(us: int) -> datetime:
    return datetime.fromtimestamp(us / grid.SECOND, UTC)
