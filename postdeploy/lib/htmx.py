"""Pages with a live part: the whole page for a browser, the part alone for its poll, 304 when nothing has changed.

The part is an inline partial of the page's template, and its element is what static/js/live.js describes:

    {% partialdef log inline %}<section id="log" data-live hx-get="{{ request.get_full_path }}" …>…{% endpartialdef %}
"""

import hashlib
import re
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags, quote_etag
from django_htmx.middleware import HtmxDetails

# No changes of the page: a token that is masked anew in each answer, and distances that app.js keeps fresh by itself.
_CSRF_FIELD = re.compile(r'<input type="hidden" name="csrfmiddlewaretoken" value="[^"]*">')
_RELATIVE_TIME = re.compile(r"(<time [^>]*data-rel>)[^<]*")


class HtmxRequest(HttpRequest):
    """A request after django-htmx's middleware."""

    htmx: HtmxDetails


def live_page(
    request: HttpRequest, template: str, context: dict[str, Any], *, part: str, status: int = 200
) -> HttpResponse:
    """Answer a page, or its partial `part` alone when the element with that id polls; a poll carries an ETag."""
    details: HtmxDetails = request.htmx  # type: ignore[attr-defined]
    if details and details.target == part:
        return _part(request, f"{template}#{part}", context)
    response = render(request, template, context, status=status)
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response


def _part(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    html = render_to_string(template, context, request)
    lasting = _RELATIVE_TIME.sub(r"\1", _CSRF_FIELD.sub("", html))
    etag = quote_etag(hashlib.sha256(lasting.encode()).hexdigest()[:32])
    known = parse_etags(request.headers.get("If-None-Match", ""))
    response = HttpResponseNotModified() if etag in known or f"W/{etag}" in known else HttpResponse(html)
    response["ETag"] = etag
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response
