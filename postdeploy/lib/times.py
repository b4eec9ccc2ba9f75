"""Points in time as others write them, and as we do. Always aware, always UTC once inside."""

import re
from datetime import UTC, datetime, timedelta, timezone

#: Outside of these years a time is a mistake; 10000 would even be a row that cannot be read again.
FIRST_YEAR, LAST_YEAR = 2000, 2100

_RFC_3339 = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})"
    r"(?:\.([0-9]{1,9}))?([Zz]|[+-][0-9]{2}:[0-9]{2})?"
)
_GITLAB_ZONE = re.compile(r" (?:UTC|([+-][0-9]{2}):?([0-9]{2})(?: UTC)?)$")
_EPOCH = re.compile(r"[0-9]{9,19}(?:\.[0-9]{1,9})?")
_GO_ZERO = re.compile(r"0001-01-01[Tt ]00:00:00")

#: Nanoseconds in one unit, by the number of digits that years 2000 to 2100 have in it.
_EPOCH_UNITS = {9: 10**9, 10: 10**9, 12: 10**6, 13: 10**6, 15: 10**3, 16: 10**3, 18: 1, 19: 1}


class TimeRefused(ValueError):
    """The text is not an accepted time; the error's text is a sentence."""


def parse_time(text: object) -> datetime:
    """A time in RFC 3339 with its zone, as UTC. Digits after the microseconds are cut."""
    if not isinstance(text, str):
        raise TimeRefused("Must be a time as text, such as 2026-11-19T12:09:00Z.")
    match = _RFC_3339.fullmatch(text.strip())
    if not match:
        raise TimeRefused("Must be a time such as 2026-11-19T12:09:00Z or 2026-11-19T13:09:00+01:00.")
    if not match.group(8):
        raise TimeRefused("Must have a time zone; add Z or an offset such as +01:00.")
    return _in_range(_from_match(match))


def parse_vendor_time(value: object) -> datetime | None:
    """A time in any of the shapes that senders use, as UTC; ``None`` for null, "" and Go's zero time.

    RFC 3339, ``2021-04-28 21:50:00 +0200``, ``2020-11-02 12:55:12 UTC``, and seconds, milli-, micro- or nanoseconds
    since 1970 as a number or as digits; the unit is told by the size, which is unambiguous for the accepted years.
    """
    if value is None or value == "":
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _from_epoch(str(value) if isinstance(value, int) else f"{value:.6f}")
    if not isinstance(value, str):
        raise TimeRefused("Must be a time as text or a number of seconds, milliseconds or nanoseconds since 1970.")
    text = value.strip()
    if _GO_ZERO.match(text):
        return None
    if _EPOCH.fullmatch(text):
        return _from_epoch(text)
    return parse_time(_GITLAB_ZONE.sub(lambda zone: f"{zone[1]}:{zone[2]}" if zone[1] else "Z", text))


def format_time(at: datetime) -> str:
    """RFC 3339 in UTC with milliseconds: ``2026-11-19T12:09:00.000Z``."""
    if at.tzinfo is None:
        raise ValueError("a time without a zone cannot be written")
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _from_match(match: re.Match[str]) -> datetime:
    year, month, day, hour, minute, second = (int(match.group(index)) for index in range(1, 7))
    micros = int((match.group(7) or "").ljust(6, "0")[:6])
    # A leap second has no place in datetime: it becomes the first instant of the next day, as in POSIX.
    leap = 1 if second == 60 else 0
    try:
        zone = _zone(match.group(8))
        local = datetime(year, month, day, hour, minute, second - leap, micros * (1 - leap), tzinfo=zone)
        at = (local + timedelta(seconds=leap)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise TimeRefused("There is no such date or time of day.") from None
    if leap and (at.hour, at.minute) != (0, 0):
        raise TimeRefused("There is no such date or time of day.")
    return at


def _zone(text: str) -> timezone:
    if text in "Zz":
        return UTC
    hours, minutes = int(text[1:3]), int(text[4:6])
    if hours > 23 or minutes > 59:
        raise ValueError("no such offset")
    return timezone((-1 if text[0] == "-" else 1) * timedelta(hours=hours, minutes=minutes))


def _from_epoch(text: str) -> datetime:
    whole, _, fraction = text.partition(".")
    unit = _EPOCH_UNITS.get(len(whole))
    if unit is None or not whole.isdigit():
        raise TimeRefused(_range_sentence())
    nanos = int(whole) * unit + int(fraction.ljust(9, "0")[:9] or 0) * unit // 10**9
    return _in_range(datetime.fromtimestamp(0, UTC) + timedelta(microseconds=nanos // 1000))


def _in_range(at: datetime) -> datetime:
    if not FIRST_YEAR <= at.year <= LAST_YEAR:
        raise TimeRefused(_range_sentence())
    return at


def _range_sentence() -> str:
    return f"Must be between the years {FIRST_YEAR} and {LAST_YEAR}."
