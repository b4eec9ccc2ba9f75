"""Names written by strangers are text in every format: nothing is executed, linked, reordered or cut."""

import dataclasses
import time
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from reports.exports import html, json, markdown
from reports.exports.record import Blame, Lesson, OutstandingIssue, Ruling, SystemChange
from tests.reports.records import rolled_back

HOSTILE = [
    "a | b || c \\| d",
    "<script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    "[click](javascript:alert(1))",
    "](javascript:alert(1))",
    "![x](https://evil.example/pixel.png)",
    "<javascript:alert(1)>",
    "`code` ``` ~~~",
    "# heading",
    "- bullet",
    "1. one",
    "---",
    "===",
    "line one\nline two\r\n\r\n## three",
    "\u202egnp.exe",
    "\u2066\u202d stuck",
    "\\",
    "a\\",
    "&lt;b&gt; &amp;",
    "$x^2$ [^1] :smile: ~~no~~",
    "*bold* _it_ __b__",
    "\x01\x1b[31mred",
    "{{ 7|add:7 }} {% load x %}",
]


class Tags(HTMLParser):
    """What a browser would see: tags, attributes and text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data):
        self.text += data


def with_name(name):
    """Return the record with `name` wherever a stranger writes text."""
    record = rolled_back()
    return dataclasses.replace(
        record,
        project=name,
        version=name,
        changes=dataclasses.replace(record.changes, system_changes=(SystemChange(name, name, name),)),
        issues=dataclasses.replace(record.issues, outstanding=(OutstandingIssue(name, name),)),
        verdict=dataclasses.replace(
            record.verdict,
            word=name,
            sentence=name,
            outcome=name,
            blame=(Blame(name, name, name),),
            rulings=(Ruling(name, name, name, name, record.verdict.decided_at),),
        ),
        lessons_learned=dataclasses.replace(
            record.lessons_learned,
            success_factors=dataclasses.replace(
                record.lessons_learned.success_factors, tool_effectiveness=(Lesson(name, name),)
            ),
        ),
    )


def rendered(text):
    return Tags(MarkdownIt("gfm-like", {"linkify": False, "html": True}).render(text))


def flat(text):
    return " ".join(text.split())


@pytest.mark.parametrize("name", HOSTILE)
def test_markdown_shows_it_as_text(name):
    harmless, seen = rendered(markdown.export(with_name("harmless"))), rendered(markdown.export(with_name(name)))
    assert seen.tags == harmless.tags
    assert flat(markdown.clean(name)) in flat(seen.text)


@pytest.mark.parametrize("name", HOSTILE)
def test_html_shows_it_as_text(name):
    harmless, seen = Tags(html.export(with_name("harmless"))), Tags(html.export(with_name(name)))
    assert seen.tags == harmless.tags
    assert seen.attributes == harmless.attributes
    assert flat(html.clean(name)) in flat(seen.text)


@pytest.mark.parametrize("name", HOSTILE)
def test_json_carries_it_unchanged_without_markup_or_direction_characters(name):
    text = json.export(with_name(name))
    assert json.read(text) == with_name(name)
    assert not set(text) & set("<>&\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\x7f")


@pytest.mark.parametrize("form", [markdown, html])
@pytest.mark.parametrize("name", ["\u202egnp.exe", "\u2067x", "\x1b[2J"])
def test_nothing_turns_the_text_that_follows(form, name):
    assert not set(form.export(with_name(name))) & set("\u202e\u2067\x1b")


@pytest.mark.parametrize("form", [markdown, html])
def test_right_to_left_text_stays_readable(form):
    assert "מערכת تجربة" in form.export(with_name("מערכת تجربة"))


def test_html_holds_no_script_and_loads_nothing():
    seen = Tags(html.export(rolled_back()))
    assert not {"script", "link", "img", "iframe", "object", "a"} & set(seen.tags)
    assert not {"src", "href", "style", "srcdoc"} & set(seen.attributes)
    assert "url(" not in html.style()


@pytest.mark.parametrize("form", [markdown, html, json])
@pytest.mark.parametrize("letter", ["x", "`", "[", "|", "\\", "1", "#", " a"])
def test_a_name_of_100_kilobytes_is_written_quickly_and_whole(form, letter):
    name = (letter * 100_000)[:100_000]
    began = time.process_time()
    text = form.export(with_name(name))
    assert time.process_time() - began < 3
    assert len(text) > 8 * 99_000


@given(st.text(max_size=60))
@settings(max_examples=300, deadline=None)
def test_no_text_escapes_its_line_in_markdown(name):
    line = markdown.escape(name)
    assert "\n" not in line
    seen = rendered(f"- before: {line}\n- after\n\n| {line} | b |\n| --- | --- |\n| {line} | {line} |\n")
    assert seen.tags == ["ul", "li", "li", "table", "thead", "tr", "th", "th", "tbody", "tr", "td", "td"]
