"""Markdown that people wrote, as harmless HTML: rendered without raw HTML, then cleaned by an allow-list.

Put `hx-disable` around the result, so that no attribute in it can ever be read as one of htmx's.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import nh3
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

_TAGS = {
    "a", "blockquote", "br", "code", "del", "em", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "s",
    "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
_ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}, "th": {"scope"}}
_SCHEMES = {"http", "https", "mailto"}
#: A document within a page begins one level below the page's own heading.
_LOWEST = 6


@cache
def _parser() -> MarkdownIt:
    options = {"html": False, "linkify": False, "maxNesting": 100}
    parser = MarkdownIt("commonmark", options).enable(["table", "strikethrough"])
    parser.add_render_rule("image", _image)
    return parser


def _image(_renderer: object, tokens: Sequence[Any], index: int, _options: object, _env: object) -> str:
    """A link to the picture: showing it would tell a foreign host who reads here."""
    token = tokens[index]
    address = escape(str(token.attrs["src"]))
    return f'<a href="{address}">{escape(token.content) or address}</a>'


def render(text: str) -> SafeString:
    """Return `text` as HTML without scripts, styles, images, ids or any other attribute than a link's address."""
    parser = _parser()
    tokens = parser.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + 1, _LOWEST)}"
    html = parser.renderer.render(tokens, parser.options, {})
    clean = nh3.clean(html, tags=_TAGS, attributes=_ATTRIBUTES, url_schemes=_SCHEMES, link_rel="noopener nofollow")
    return mark_safe(clean)  # noqa: S308  cleaned by nh3's allow-list in the line above
