"""Reading request bodies of the API: bounded before they are in memory, strict when they are parsed."""

from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.http import HttpRequest, UnreadablePostError
from rest_framework.parsers import BaseParser

from postdeploy.lib.payloads import PayloadRefused, inflate, read_json, too_large
from postdeploy.problems import Refused

#: Nested deeper than anything we ask for; shallow enough that no reader recurses too far.
MAX_DEPTH = 20


class StrictJSONParser(BaseParser):
    """JSON in UTF-8 without NaN, NUL, lone surrogates, doubled names or endless depth."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return what the body says; Refused when it is not such JSON."""
        raw = stream.read()  # bounded before: see `read_body`
        try:
            return read_json(raw, max_bytes=len(raw), max_depth=MAX_DEPTH)
        except PayloadRefused as error:
            raise refused(error) from None


def max_body_bytes() -> int:
    """Return the largest accepted body (`MAX_BODY_BYTES`)."""
    return settings.DATA_UPLOAD_MAX_MEMORY_SIZE


def read_body(request: HttpRequest, *, limit: int) -> bytes:
    """Read the body into memory, never more than `limit` bytes of it; Refused with 413 when it is larger.

    What was compressed with gzip is inflated, up to the same limit.
    """
    body = inflated(request, read_raw(request, limit=limit), limit=limit)
    keep_body(request, body)
    return body


def read_raw(request: HttpRequest, *, limit: int) -> bytes:
    """Read the body as it was sent, at most `limit` bytes; Refused with 413 when it is larger.

    A body without a length (chunked) is read up to the limit as well: Django alone would take it for empty.
    """
    length = int(request.META.get("CONTENT_LENGTH") or 0)
    if length > limit:
        raise refused(too_large(limit))
    is_chunked = not length and request.META.get("wsgi.input_terminated") and "HTTP_TRANSFER_ENCODING" in request.META
    source: Any = request.META["wsgi.input"] if is_chunked else request
    try:
        body = bytes(source.read(limit + 1))
    except (UnreadablePostError, OSError):
        raise Refused(400, "The body ended before it was complete.", code="body_incomplete") from None
    if len(body) > limit:
        raise refused(too_large(limit))
    return body


def inflated(request: HttpRequest, body: bytes, *, limit: int) -> bytes:
    """Return the body without its `Content-Encoding`, at most `limit` bytes; Refused with 413, 415 or 400."""
    try:
        return inflate(body, content_encoding=request.headers.get("Content-Encoding", ""), max_bytes=limit)
    except PayloadRefused as error:
        raise refused(error) from None


def keep_body(request: HttpRequest, body: bytes) -> None:
    """Let `request.body` answer with what was read, as if Django had read it."""
    request._body = body
    request._read_started = True  # type: ignore[attr-defined]
    request.META["CONTENT_LENGTH"] = str(len(body))


def refused(error: PayloadRefused) -> Refused:
    """Return the refusal of a payload as a problem."""
    where = [{"pointer": error.pointer, "code": error.code, "detail": error.detail}] if error.pointer else []
    return Refused(error.status, error.detail, code=error.code, errors=where)
