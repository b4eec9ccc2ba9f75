"""The Deployment Summary as JSON: `schema_version` first, then the record's fields in their order."""

import json
import re
from typing import Any

from reports.exports.record import Record, RecordError, from_plain, to_plain

CONTENT_TYPE = "application/json"

# Written as escapes, so that neither a screen nor a page that quotes the document is rearranged by a name in it.
_TRICKS = re.compile(r"[\x7f-\x9f\u2028-\u202e\u2066-\u2069<>&]")


def export(record: Record) -> str:
    """Return the record as one JSON document; the same record gives the same bytes."""
    text = json.dumps(to_plain(record), indent=2, ensure_ascii=False, allow_nan=False)
    return _TRICKS.sub(lambda match: f"\\u{ord(match.group()):04x}", text) + "\n"


def read(text: str | bytes) -> Record:
    """Return the record that `export` was given; RecordError says what does not fit."""
    try:
        plain: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RecordError(f"this is not JSON: {error}") from error
    return from_plain(plain)
