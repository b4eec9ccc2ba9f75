"""The Deployment Summary as Markdown: CommonMark with tables, the same on GitHub and GitLab."""

import re
from collections.abc import Iterable, Sequence

from reports.exports.record import Lesson, Record, TimelineEntry
from reports.exports.text import NOTHING, clean, clock, day, lesson_groups, moment

CONTENT_TYPE = "text/markdown; charset=utf-8; variant=GFM"

# Everything that could begin markup inside a line; `$` and `^` begin formulas and footnotes on GitHub and GitLab.
_MARKUP = str.maketrans({letter: f"\\{letter}" for letter in "\\`*_{}[]<>|~&$^"})
# What begins a block when it stands first: headings, bullets, rules, numbers of a list.
_BLOCK = re.compile(r"^(#{1,6}(?=\s|$)|[+-](?=\s|$)|[-=](?=[-=\s]*$)|\d{1,9}(?=[.)](?:\s|$)))")
_SPACE = re.compile(r"\s+")


def export(record: Record) -> str:
    """Return the record as one Markdown document."""
    parts = [
        *_head(record),
        *_changes(record),
        *_issues(record),
        *_verdict(record),
        *_timeline(record),
        *_escalations(record),
        *_lessons(record),
        f"Content SHA-256 `{record.content_hash}`. All times UTC.",
    ]
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """Return `text` on one line with nothing left that Markdown or HTML would act on."""
    line = _SPACE.sub(" ", clean(text)).strip()
    return _BLOCK.sub(_escape_first, line.translate(_MARKUP))


def _escape_first(match: re.Match[str]) -> str:
    first = match.group(1)
    return f"{first}\\" if first.isdigit() else f"\\{first}"


def _head(record: Record) -> Iterable[str]:
    done = record.implementation
    yield "# Deployment Summary"
    yield _lines(
        f"Project: {escape(record.project)}",
        f"Version: {escape(record.version)}",
        f"Date: {day(record)}",
    )
    yield "## Implementation"
    yield _list(
        f"Start time: {clock(done.start_time)}",
        f"End time: {clock(done.end_time)}",
        f"Status: {done.status}",
        f"Issues: {done.issues}",
    )


def _changes(record: Record) -> Iterable[str]:
    yield "## Changes"
    yield "### 1. System Changes"
    yield _table(
        ("Component", "Description", "Status"),
        [(row.component, row.description, row.status) for row in record.changes.system_changes],
    )
    yield "### 2. Configuration"
    yield _table(
        ("Setting", "Value", "Purpose"),
        [(row.setting, row.value, row.purpose) for row in record.changes.configuration],
    )


def _issues(record: Record) -> Iterable[str]:
    yield "## Issues"
    yield "### 1. Resolved"
    yield _table(("Issue", "Resolution"), [(row.issue, row.resolution) for row in record.issues.resolved])
    yield "### 2. Outstanding"
    yield _table(("Issue", "Plan"), [(row.issue, row.plan) for row in record.issues.outstanding])


def _verdict(record: Record) -> Iterable[str]:
    verdict = record.verdict
    yield "## Verdict"
    yield f"**{escape(verdict.word)}.** {escape(verdict.sentence)}"
    if verdict.outcome:
        yield escape(verdict.outcome)
    if verdict.stages:
        yield _table(
            ("Watch", "From", "To", "Result", "Reason"),
            [
                (row.name, moment(record, row.opened_at), moment(record, row.ended_at), row.result, row.sentence)
                for row in verdict.stages
            ],
        )
    if verdict.findings:
        yield _table(
            ("Metric or check", "Before", "After", "Change", "Result"),
            [(row.name, row.before, row.after, row.change, row.result) for row in verdict.findings],
        )
    if verdict.blame:
        yield "What got worse may come from any of these:"
        yield _table(
            ("Deployment", "Share", "Because"), [(row.deployment, row.share, row.because) for row in verdict.blame]
        )
    if verdict.rulings:
        yield "What people said of it:"
        yield _table(
            ("About", "Ruling", "Reason", "By", "Time"),
            [(row.about, row.ruling, row.reason, row.by, moment(record, row.at)) for row in verdict.rulings],
        )
    if verdict.not_watched:
        yield "Not watched, which counts as unknown and never as healthy:"
        yield _list(*(f"{escape(row.name)}: {escape(row.reason)}" for row in verdict.not_watched))


def _timeline(record: Record) -> Iterable[str]:
    if record.timeline:
        yield "## Timeline"
        yield _table(
            ("Time", "Event"),
            [(moment(record, row.at), _told(row)) for row in record.timeline],
        )


def _told(row: TimelineEntry) -> str:
    return f"{row.text}{'' if row.text.endswith('.') else '.'} {row.detail}" if row.detail else row.text


def _escalations(record: Record) -> Iterable[str]:
    if record.escalations:
        yield "## Escalations"
        yield _table(
            ("Time", "Issue", "From", "To", "Reason"),
            [(moment(record, row.at), row.issue, row.from_tier, row.to_tier, row.reason) for row in record.escalations],
        )


def _lessons(record: Record) -> Iterable[str]:
    yield "## Lessons Learned"
    for half, categories in lesson_groups(record.lessons_learned):
        yield f"### {half}"
        yield _list(*(f"{name}: {_lesson(lesson)}" for name, lessons in categories for lesson in lessons))


def _lesson(lesson: Lesson) -> str:
    return escape(lesson.text) + (f" ({escape(lesson.author)})" if lesson.author else "")


def _lines(*lines: str) -> str:
    return "  \n".join(lines)


def _list(*items: str) -> str:
    return "\n".join(f"- {item}" for item in items) or f"{NOTHING}."


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return f"{NOTHING}."
    lines = [heads, ["---"] * len(heads), *([escape(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
