"""A Deployment Summary as an HTTP response: the same bytes and the same ETag for people and for pipelines."""

import hashlib

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.utils.http import content_disposition_header, http_date, parse_etags, quote_etag

from reports.exports import html
from reports.exports.formats import FORMATS, file_name
from reports.exports.record import from_plain
from reports.models import DeploymentSummary


def summary_response(request: HttpRequest, summary: DeploymentSummary, ending: str) -> HttpResponse:
    """Answer one version of a summary in the format `ending` ("md", "html", "json"), or 304 when the caller has it."""
    form, record = FORMATS[ending], from_plain(summary.content)
    body = form.export(record).encode()
    etag = quote_etag(hashlib.sha256(body).hexdigest()[:32])
    known = parse_etags(request.headers.get("If-None-Match", ""))
    is_known = "*" in known or etag in known or f"W/{etag}" in known
    response = HttpResponseNotModified() if is_known else HttpResponse(body, content_type=form.content_type)
    response["ETag"] = etag
    response["Cache-Control"] = "private, no-cache"
    response["Content-Disposition"] = content_disposition_header(False, file_name(record, form)) or "inline"
    response["Last-Modified"] = http_date(summary.built_at.timestamp())
    if ending == "html":
        # the file carries its own style sheet, and may show nothing else
        response._csp_update = {"style-src": [html.style_source()]}  # type: ignore[attr-defined]
    return response
