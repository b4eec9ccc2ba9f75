"""The process's fields come first, in its order and words."""

import dataclasses
import re

import pytest

from reports.exports import html, json, markdown
from tests.reports.records import empty, rolled_back

FIELDS = [
    "Deployment Summary", "Project", "Version", "Date", "Implementation", "Start time", "End time", "Status", "Issues",
    "Changes", "1. System Changes", "Component", "Description", "Status",
    "2. Configuration", "Setting", "Value", "Purpose",
    "Issues", "1. Resolved", "Issue", "Resolution", "2. Outstanding", "Issue", "Plan",
    "Verdict", "Timeline", "Escalations", "Lessons Learned", "1. Success Factors", "2. Improvement Areas",
]  # fmt: skip


def positions(text):
    place = 0
    for field in FIELDS:
        place = text.index(field, place) + len(field)
        yield place


@pytest.mark.parametrize("form", [markdown, html])
def test_the_fields_stand_in_the_order_of_the_process(form):
    body = form.export(rolled_back()).partition("<body>")[2] or form.export(rolled_back())
    assert list(positions(body)) == sorted(positions(body))


def test_json_carries_the_fields_in_the_same_order():
    plain = json.to_plain(rolled_back())
    assert list(plain) == [
        "schema_version", "project", "version", "date", "implementation", "changes", "issues",
        "verdict", "timeline", "escalations", "lessons_learned",
    ]  # fmt: skip
    assert list(plain["implementation"]) == ["start_time", "end_time", "status", "issues"]
    assert list(plain["changes"]) == ["system_changes", "configuration"]
    assert list(plain["issues"]) == ["resolved", "outstanding"]


@pytest.mark.parametrize(("form", "status"), [(markdown, "- Status: Failure\n"), (html, "Failure</span>")])
def test_the_status_is_success_or_failure_in_one_word(form, status):
    assert status in form.export(rolled_back())


@pytest.mark.parametrize("form", [markdown, html])
def test_an_empty_part_says_so(form):
    assert form.export(empty()).count("None recorded.") == 6


def test_a_failure_keeps_its_reason_beside_the_verdict():
    text = markdown.export(rolled_back())
    assert text.index("rolled back by v1.42.1") > text.index("## Issues")


@pytest.mark.parametrize("form", [markdown, html])
def test_a_change_of_the_content_changes_the_hash(form):
    other = dataclasses.replace(rolled_back(), version="v1.42.1")
    assert other.content_hash != rolled_back().content_hash
    assert other.content_hash in form.export(other).replace("<wbr>", "")


@pytest.mark.parametrize("record", [rolled_back(), empty()])
def test_the_hash_is_a_sha256(record):
    assert re.fullmatch("[0-9a-f]{64}", record.content_hash)
