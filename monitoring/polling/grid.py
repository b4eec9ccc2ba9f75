"""PURE: when a check is read. Slots lie on a grid that depends on nothing but the check and its interval.

So two machines that never spoke agree on every slot, nothing drifts, and a restart goes on where it was. Times are
microseconds since 1970.
"""

import zlib

SECOND = 1_000_000
#: Every so many readings of a check open a connection of their own: it shows the name look-up, the handshake and the
#: certificate, which a kept connection does not.
FRESH_EVERY = 10


def phase_of(key: int) -> float:
    """Return where in its interval the check `key` is read, 0 to 1; always the same, and spread evenly over checks."""
    return zlib.crc32(key.to_bytes(8, "little")) / 2**32


def next_slot(phase: float, interval_us: int, after_us: int) -> int:
    """Return the first slot later than `after_us`."""
    offset = int(phase * interval_us)
    return after_us + interval_us - (after_us - offset) % interval_us


def latest_slot(phase: float, interval_us: int, until_us: int) -> int:
    """Return the latest slot that is not later than `until_us`."""
    return next_slot(phase, interval_us, until_us) - interval_us


def is_fresh(phase: float, interval_us: int, slot_us: int) -> bool:
    """Whether the reading of this slot opens a connection of its own; one in ten does, other checks in other turns."""
    number = slot_us // interval_us + int(phase * FRESH_EVERY)
    return number % FRESH_EVERY == 0


def interval_in_force(own_seconds: int, asked_seconds: int | None) -> int:
    """Return the microseconds between two readings: the check's own pace, or the quicker one of the open period."""
    return max(1, min(own_seconds, asked_seconds or own_seconds)) * SECOND
