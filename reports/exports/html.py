"""The Deployment Summary as one HTML file: its style inside, no script, nothing loaded, made for A4."""

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from django.template.loader import render_to_string

from reports.exports.record import FAILURE, Record
from reports.exports.text import clean, clock, day, lesson_groups, moment

CONTENT_TYPE = "text/html; charset=utf-8"

# Written here and not as a template: the site's own pages may hold no style block.
_DOCUMENT = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light">
<title>Deployment Summary: {title}</title>
<style>{style}</style>
</head>
<body>
{body}</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class Table:
    """Heads and rows of cleaned text; `numbers` are the columns set flush right, `short` those that never wrap."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: Sequence[int] = ()
    short: Sequence[int] = ()

    def cells(self) -> Iterator[list[tuple[str, str, str]]]:
        """Yield each row as triples of head, text and class."""
        for row in self.rows:
            yield [(self.heads[at], clean(cell), self._class(at)) for at, cell in enumerate(row)]

    def columns(self) -> list[tuple[str, str]]:
        """Return the heads as pairs of text and class."""
        return [(head, self._class(position)) for position, head in enumerate(self.heads)]

    def _class(self, position: int) -> str:
        return "num" if position in self.numbers else "nowrap" if position in self.short else ""


def export(record: Record) -> str:
    """Return the record as one HTML document; the same record gives the same bytes."""
    title = escape(clean(f"{record.project} {record.version}"))
    body = render_to_string("reports/_paper.html", paper(record))
    return _DOCUMENT.format(title=title, style=style(), body=re.sub(r"\n\s*\n+", "\n", body))


@cache
def style() -> str:
    """Return the document's style sheet."""
    return (Path(__file__).parent / "paper.css").read_text(encoding="utf-8")


def style_source() -> str:
    """Return what a Content-Security-Policy must allow as `style-src` so that the document keeps its style."""
    digest = base64.b64encode(hashlib.sha256(style().encode()).digest()).decode()
    return f"'sha256-{digest}'"


def paper(record: Record) -> dict[str, Any]:
    """Return what `reports/_paper.html` shows; the page and the file share it."""
    done, verdict = record.implementation, record.verdict
    return {
        "record": record,
        "project_name": clean(record.project),
        "version": clean(record.version),
        "day": day(record),
        "start_time": clock(done.start_time),
        "end_time": clock(done.end_time),
        "is_failure": done.status == FAILURE,
        "verdict": {
            "state": verdict.state,
            "word": clean(verdict.word),
            "sentence": clean(verdict.sentence),
            "outcome": clean(verdict.outcome),
        },
        "tables": _tables(record),
        "not_watched": [(clean(row.name), clean(row.reason)) for row in verdict.not_watched],
        "timeline": [(moment(record, row.at), clean(row.text), clean(row.detail)) for row in record.timeline],
        "lessons": [
            (half, [(name, clean(lesson.text), clean(lesson.author)) for name, rows in groups for lesson in rows])
            for half, groups in lesson_groups(record.lessons_learned)
        ],
        "content_hash": [record.content_hash[place : place + 16] for place in range(0, 64, 16)],
    }


def _tables(record: Record) -> dict[str, Table]:
    changes, issues = record.changes, record.issues
    return {
        "system_changes": Table(
            ("Component", "Description", "Status"),
            [(row.component, row.description, row.status) for row in changes.system_changes],
        ),
        "configuration": Table(
            ("Setting", "Value", "Purpose"), [(row.setting, row.value, row.purpose) for row in changes.configuration]
        ),
        "resolved": Table(("Issue", "Resolution"), [(row.issue, row.resolution) for row in issues.resolved]),
        "outstanding": Table(("Issue", "Plan"), [(row.issue, row.plan) for row in issues.outstanding]),
        "stages": Table(
            ("Watch", "From", "To", "Result", "Reason"),
            [
                (row.name, moment(record, row.opened_at), moment(record, row.ended_at), row.result, row.sentence)
                for row in record.verdict.stages
            ],
            short=(0, 1, 2, 3),
        ),
        "findings": Table(
            ("Metric or check", "Before", "After", "Change", "Result"),
            [(row.name, row.before, row.after, row.change, row.result) for row in record.verdict.findings],
            numbers=(1, 2, 3),
            short=(4,),
        ),
        "blame": Table(
            ("Deployment", "Share", "Because"),
            [(row.deployment, row.share, row.because) for row in record.verdict.blame],
            numbers=(1,),
        ),
        "rulings": Table(
            ("About", "Ruling", "Reason", "By", "Time"),
            [(row.about, row.ruling, row.reason, row.by, moment(record, row.at)) for row in record.verdict.rulings],
            short=(1, 4),
        ),
        "escalations": Table(
            ("Time", "Issue", "From", "To", "Reason"),
            [(moment(record, row.at), row.issue, row.from_tier, row.to_tier, row.reason) for row in record.escalations],
            short=(0, 1, 2, 3),
        ),
    }
