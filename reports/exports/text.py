"""What the documents share: foreign text made harmless to look at, the process's headings, moments in words."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, time

from postdeploy.lib import words
from reports.exports.record import Lesson, LessonsLearned, Record

# Control characters, and those that turn the direction of what follows: foreign text may not rearrange the page.
_TRICKS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

NOTHING = "None recorded"
UNKNOWN = "Not reported"


def clean(text: str) -> str:
    """Return `text` with every control and direction character shown as the replacement character."""
    return _TRICKS.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))


def day(record: Record) -> str:
    """Return the record's date: "19 November 2026"."""
    return words.date(datetime.combine(record.date, time(), UTC))


def clock(at: datetime | None) -> str:
    """Return "09:58:12 (UTC)", or that it was not reported."""
    return words.clock(at.astimezone(UTC)) if at else UNKNOWN


def moment(record: Record, at: datetime | None) -> str:
    """Return the time of an entry: "10:02:40" on the record's day, else "20 November 2026, 10:02:40"; all UTC."""
    if at is None:
        return "not yet"
    at = at.astimezone(UTC)
    return f"{at:%H:%M:%S}" if at.date() == record.date else f"{words.date(at)}, {at:%H:%M:%S}"


def lesson_groups(lessons: LessonsLearned) -> Iterable[tuple[str, list[tuple[str, tuple[Lesson, ...]]]]]:
    """Return the process review: each half with its categories, the empty ones too, in the process's words."""
    success, improvement = lessons.success_factors, lessons.improvement_areas
    yield (
        "1. Success Factors",
        [
            ("What worked", success.what_worked),
            ("Best practices", success.best_practices),
            ("Team performance", success.team_performance),
            ("Tool effectiveness", success.tool_effectiveness),
        ],
    )
    yield (
        "2. Improvement Areas",
        [
            ("Challenges", improvement.challenges),
            ("Bottlenecks", improvement.bottlenecks),
            ("Tool gaps", improvement.tool_gaps),
            ("Process issues", improvement.process_issues),
        ],
    )
