"""The three formats, byte for byte."""

from pathlib import Path

import pytest

from reports.exports import html, json, markdown
from tests.reports.records import empty, rolled_back

GOLDEN = Path(__file__).parent / "golden"
FORMATS = {"md": markdown, "html": html, "json": json}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("record", [rolled_back, empty])
def test_the_document_is_what_it_was(form, record):
    golden = GOLDEN / f"{record.__name__}.{form}"
    assert FORMATS[form].export(record()) == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_data_gives_the_same_bytes(form):
    assert FORMATS[form].export(rolled_back()).encode() == FORMATS[form].export(rolled_back()).encode()


def test_the_hash_does_not_depend_on_the_zone_a_time_was_given_in():
    first, second = rolled_back(), json.read(json.export(rolled_back()))
    assert first.implementation.start_time.tzinfo != second.implementation.start_time.tzinfo
    assert first.content_hash == second.content_hash
