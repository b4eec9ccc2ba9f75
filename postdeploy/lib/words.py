"""Numbers, durations and moments in words: one way of writing them for pages, exports, messages and sentences.

Pure: no Django, no clock, no locale. Times are aware datetimes; the zone of `now` (or of the moment itself) is the
reader's zone. Values and units are joined by a no-break space, the minus is a true minus, thousands have a comma.
"""

import math
from datetime import datetime, timedelta

NBSP = "\u00a0"
MINUS = "\u2212"
ARROW = "\u2192"

Seconds = float | timedelta

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_STEPS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_BYTE_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")
# From here on the smaller unit says nothing any more.
_DAYS_ALONE = 3
# A ratio from here on is said as "8 times as high"; per cent above +200 are hard to read.
_TIMES_FROM = 3.0
# A number so many times larger leaves nothing of the other: that is rounding, not a measurement.
_MOST_TIMES = 1e9
# Nobody counts the commas of a longer number.
_READABLE = 1e15


def plural(count: int, singular: str, plural_form: str | None = None) -> str:
    """Return "1 issue", "3 issues", "0 issues"; `plural_form` for words that do not just take an s."""
    word = singular if count == 1 else plural_form or f"{singular}s"
    return f"{number(count)} {word}"


def number(value: float, *, digits: int | None = None) -> str:
    """Return a bare number: integers whole ("1,960"), others with up to three significant figures ("41.8", "0.12").

    `digits` fixes the number of decimals instead. NaN and infinities are "unknown".
    """
    if not math.isfinite(value):
        return "unknown"
    if abs(value) >= _READABLE:
        return f"{value:.2e}".replace("-", MINUS)
    text = f"{abs(value):,.{_decimals(value) if digits is None else digits}f}"
    if digits is None and "." in text:
        text = text.rstrip("0").rstrip(".")
    is_zero = not text.strip("0.,")
    return f"{MINUS}{text}" if value < 0 and not is_zero else text


def quantity(value: float | None, unit: str = "", *, digits: int | None = None) -> str:
    """Return value and unit: "450 ms", "0.94 %", "1,960 jobs", "612 MiB" (for the unit "bytes"); None is "no data"."""
    if value is None:
        return "no data"
    if unit in {"bytes", "By", "B"}:
        value, unit = _scale_bytes(value)
    return f"{number(value, digits=digits)}{NBSP}{unit}" if unit else number(value, digits=digits)


def pair(before: float, after: float, unit: str = "") -> str:
    """Return "310 → 450 ms": what it was, what it is, the unit once."""
    if unit in {"bytes", "By", "B"}:
        return f"{quantity(before, unit)} {ARROW} {quantity(after, unit)}"
    return f"{number(before)} {ARROW} {quantity(after, unit)}"


def signed(value: float, unit: str = "") -> str:
    """Return a difference with its sign: "+410 jobs", "−12 %", "0 %"."""
    sign = "+" if value > 0 and number(value) != "0" else ""
    return sign + quantity(value, unit)


def change(before: float, after: float, unit: str = "") -> str:
    """Return how much `after` differs: "+45 %", "8 times as high", "+0.82 points" (unit "%"), "+520 jobs" (from 0)."""
    if after == before:
        return "no change"
    if unit == "%":
        return signed(after - before, "points")
    if abs(before) * _MOST_TIMES < abs(after):
        return signed(after - before, unit)
    ratio = after / before
    if ratio >= _TIMES_FROM and before > 0:
        return f"{round(ratio):,} times as high"
    share = (ratio - 1) * 100 * (1 if before > 0 else -1)
    return signed(round(share) if abs(share) >= 1 else round(share, 1), "%")


def share(part: float, whole: float) -> str:
    """Return "99.79 %" of a whole; "100 %" only if nothing is missing and "0 %" only if there is nothing."""
    if whole <= 0:
        return "no data"
    percent = 100 * part / whole
    rounded = round(percent, 2)
    if part < whole and rounded >= 100:
        return f"over{NBSP}99.99{NBSP}%"
    if part > 0 and rounded <= 0:
        return f"under{NBSP}0.01{NBSP}%"
    return quantity(rounded, "%", digits=0 if rounded == int(rounded) else 2)


def duration(value: Seconds, *, coarse: bool = False) -> str:
    """Return the two largest units: "1 h 29 min", "4 min 30 s", "12 d", "450 ms".

    `coarse` leaves seconds away from a minute on, for durations that are still growing ("38 min").
    """
    seconds = _seconds(value)
    sign = MINUS if seconds < 0 else ""
    seconds = abs(seconds)
    if 0 < seconds < 1:
        return f"{sign}{quantity(max(round(seconds * 1000), 1), 'ms')}"
    return sign + _two_units(int(seconds), coarse=coarse)


def period(value: Seconds) -> str:
    """Return a planned length in one unit, as people plan it: "90 s", "60 min", "72 h", "14 d"."""
    seconds = _seconds(value)
    size, unit = _planning_unit(seconds)
    return quantity(round(seconds / size, 1), unit)


def progress(done: Seconds, total: Seconds) -> str:
    """Return "38 of 60 min", "18 of 24 h", or "28 min of 72 h" before the first whole unit."""
    whole, gone = _seconds(total), min(max(_seconds(done), 0), _seconds(total))
    size, _ = _planning_unit(whole)
    if 0 < gone < size:
        return f"{duration(gone, coarse=True)} of {period(whole)}"
    return f"{number(gone // size)} of {period(whole)}"


def ago(at: datetime, now: datetime) -> str:
    """Return "17 min ago", "in 1 h 12 min" or "now" (a few seconds ahead is a clock's fault, not the future)."""
    seconds = (now - at).total_seconds()
    if -5 < seconds < 1:
        return "now"
    if seconds < 0:
        return f"in {duration(-seconds, coarse=True)}"
    return f"{duration(seconds, coarse=True)} ago"


def moment(at: datetime, now: datetime, *, seconds: bool = False) -> str:
    """Return when, in the zone of `now`: "12:09" today, "Wed 16:40" this week, "12 Nov 15:47", "12 November 2025".

    `seconds` shows them, too: "12:09:31".
    """
    at = at.astimezone(now.tzinfo)
    clock = f"{at:%H:%M:%S}" if seconds else f"{at:%H:%M}"
    if at.date() == now.date():
        return clock
    if at.isocalendar()[:2] == now.isocalendar()[:2]:
        return f"{_DAYS[at.weekday()]} {clock}"
    if at.year == now.year:
        return f"{at.day} {_MONTHS[at.month - 1][:3]} {clock}"
    return date(at)


def date(at: datetime) -> str:
    """Return "19 November 2026", in the moment's own zone."""
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year}"


def clock(at: datetime) -> str:
    """Return "09:58:12 (UTC+1)", in the moment's own zone."""
    return f"{at:%H:%M:%S} ({offset(at)})"


def exact(at: datetime) -> str:
    """Return "19 November 2026, 09:58:12 (UTC+1)", in the moment's own zone."""
    return f"{date(at)}, {clock(at)}"


def offset(at: datetime) -> str:
    """Return "UTC", "UTC+1", "UTC−3:30"."""
    minutes = round((at.utcoffset() or timedelta()).total_seconds() / 60)
    if not minutes:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'+' if minutes > 0 else MINUS}{hours}{f':{rest:02}' if rest else ''}"


def _seconds(value: Seconds) -> float:
    return value.total_seconds() if isinstance(value, timedelta) else float(value)


def _decimals(value: float) -> int:
    """Decimals that leave three significant figures, two below one; whole numbers keep all their digits."""
    size = abs(value)
    if size >= 100 or value == int(value):
        return 0
    if size >= 1:
        return 1 if size >= 10 else 2
    return min(1 - math.floor(math.log10(size)), 12)


def _scale_bytes(value: float) -> tuple[float, str]:
    step = 0
    while abs(value) >= 1024 and step < len(_BYTE_UNITS) - 1:
        value, step = value / 1024, step + 1
    return value, _BYTE_UNITS[step]


def _two_units(seconds: int, *, coarse: bool) -> str:
    parts: list[str] = []
    for index, (size, unit) in enumerate(_STEPS):
        count, seconds = divmod(seconds, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count:,}{NBSP}{unit}")
            second = _STEPS[index + 1 : index + 2]
            if second and not _is_enough(count, unit, coarse=coarse) and seconds >= second[0][0]:
                parts.append(f"{seconds // second[0][0]}{NBSP}{second[0][1]}")
            break
    return " ".join(parts)


def _is_enough(count: int, unit: str, *, coarse: bool) -> bool:
    return (unit == "d" and count >= _DAYS_ALONE) or (unit == "min" and coarse)


def _planning_unit(seconds: float) -> tuple[int, str]:
    if seconds <= 120:
        return 1, "s"
    if seconds <= 2 * 3_600:
        return 60, "min"
    return (3_600, "h") if seconds <= 4 * 86_400 else (86_400, "d")
