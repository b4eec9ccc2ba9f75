"""How far back a page looks: a word such as 24h, or two times of the address."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.utils import timezone

from postdeploy.lib import words

#: Ranges by the word in the address.
RANGES = {
    "3h": timedelta(hours=3),
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
}
#: A shorter stretch holds too little to be a line.
SHORTEST = timedelta(minutes=1)
LONGEST = timedelta(days=800)
#: Nothing was measured before: what is earlier in an address is cut off, so that sums stay within what a time bears.
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
#: A picture is about so wide; the latest of them is where `now` lies.
PIXELS = 800


@dataclass(frozen=True)
class Span:
    """A stretch of time; `word` is the range it stands for, or is a part of when it is zoomed."""

    start: datetime
    end: datetime
    word: str
    is_zoomed: bool = False

    @property
    def length(self) -> timedelta:
        """Return how long it is."""
        return self.end - self.start

    @property
    def window(self) -> tuple[float, float]:
        """Return both ends in seconds since 1970."""
        return self.start.timestamp(), self.end.timestamp()

    @property
    def told(self) -> str:
        """Return it in words: "the last 24 h", "12:00 to 12:30"."""
        if not self.is_zoomed:
            return f"the last {words.period(self.length)}"
        start, end = timezone.localtime(self.start), timezone.localtime(self.end)
        return f"{words.moment(start, end)} to {words.moment(end, end)}"


def span_of(over: str, start: datetime | None, end: datetime | None, *, now: datetime, default: str = "3h") -> Span:
    """Return what the address asks for: `start` to `end` where both make sense, else the range `over` until now."""
    word = over if over in RANGES else default
    if start and end:
        end = max(min(end, now + SHORTEST), EARLIEST)
        start = max(start, end - LONGEST, EARLIEST)
        if end - start >= SHORTEST:
            return Span(start, end, word, is_zoomed=True)
    return latest_span(RANGES[word], now, word)


def latest_span(length: timedelta, now: datetime, word: str = "") -> Span:
    """Return the stretch until now, to the end of its pixel: a picture to which nothing was added stays the same."""
    pixel = length / PIXELS
    end = EARLIEST - (EARLIEST - now) // pixel * pixel
    return Span(end - length, end, word)
