"""The formats a Deployment Summary can be had in: how each is written, called and shown by a browser."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from reports.exports import html, json, markdown
from reports.exports.record import Record


@dataclass(frozen=True, slots=True)
class Format:
    """One format: `ending` of its files, media type, and the function that writes it."""

    ending: str
    name: str
    content_type: str
    export: Callable[[Record], str]


FORMATS = {
    "md": Format("md", "Markdown", markdown.CONTENT_TYPE, markdown.export),
    "html": Format("html", "HTML", html.CONTENT_TYPE, html.export),
    "json": Format("json", "JSON", json.CONTENT_TYPE, json.export),
}

_UNSAFE = re.compile(r"[^\w.+-]+")


def file_name(record: Record, form: Format) -> str:
    """Return the name under which a browser keeps the document, such as "shop-v1.42.0-summary.md"."""
    stem = _UNSAFE.sub("-", f"{record.project[:60]}-{record.version[:80]}").strip("-.")
    return f"{stem or 'deployment'}-summary.{form.ending}"
