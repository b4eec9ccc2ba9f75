"""Prometheus' text, pushed as to a Pushgateway: `PUT`, `POST` and `DELETE` of `…/metrics/job/<job>{/<label>/<value>}`.

We keep a history, not a page to be scraped: what is pushed are samples of now (or of the time they carry), PUT and POST
do the same, and DELETE only says that the job has gone; what it sent before stays.
"""

import base64
import re

from django.http import HttpRequest, HttpResponse

from monitoring import services
from monitoring.formats.batch import Batch, BodyRefused, LeftOut, Name, shown
from monitoring.formats.exposition import read_lines
from monitoring.ingest.door import Door, environment_of, in_road, render_problem
from monitoring.models import RefusalReason, SourceKind
from monitoring.services import NamesRefused, Untimely
from monitoring.store import microseconds
from postdeploy.parsers import inflated, read_raw
from postdeploy.problems import Refused

MAX_BYTES = 4 * 1024 * 1024
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_BASE64 = "@base64"
_TIMES = " A time is in milliseconds since 1970; leave it out where it is now."
#: A series that is refused is told up to so many characters.
MOST_SHOWN = 80
#: What is left of bytes of an address that are no UTF-8.
_NO_UTF8 = re.compile("%[89A-F][0-9A-F]")


@in_road(SourceKind.PUSHGATEWAY, ["PUT", "POST", "DELETE"], render_problem)
def push(request: HttpRequest, door: Door, grouping: str, environment: str = "") -> HttpResponse:
    """Store what is pushed, all or nothing: 200; 202 for a DELETE, which stores nothing."""
    labels = group_labels(grouping)
    if _NO_UTF8.search(environment):
        raise Refused(400, "The environment's name in the address is not valid UTF-8.", code="invalid_utf8")
    if request.method == "DELETE":
        return HttpResponse(status=202)
    if (request.content_type or "text/plain").lower() != "text/plain":
        detail = "Send Prometheus' text format, with the header “Content-Type: text/plain; version=0.0.4”."
        raise Refused(415, detail, code="unsupported_media_type", headers={"Accept": "text/plain"})
    body = inflated(request, read_raw(request, limit=MAX_BYTES), limit=MAX_BYTES)
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise Refused(400, f"The body is not valid UTF-8 (byte {error.start}).", code="invalid_utf8") from None
    batch, lines = read_lines(text, now_us=microseconds(door.now), labels=labels)
    sender = door.into(environment or environment_of(request))
    try:
        taken = services.ingest(sender=sender, batch=batch, is_partial=False, now=door.now)
    except Untimely as untimely:
        name = batch.names[batch.of[untimely.place]]
        raise _of_line(lines[untimely.place], name, untimely.left_out, _TIMES) from None
    except NamesRefused as refused:
        raise _of_name(refused, batch, lines) from None
    if taken.left_out:
        services.note_refusals(source_id=door.source_id, left_out=taken.left_out, now=door.now)
    return HttpResponse(status=200)


def _of_name(refused: NamesRefused, batch: Batch, lines: list[int]) -> Exception:
    """Name the line where a name comes first; want of room and of an environment is not of one line."""
    (_, name), why = next(iter(refused.refused.items()))
    if why.reason not in (RefusalReason.BAD_NAME, RefusalReason.BAD_VALUE):
        return refused
    return _of_line(lines[int((batch.of == batch.names.index(name)).argmax())], name, why)


def _of_line(line: int, name: Name, why: LeftOut, fix: str = "") -> BodyRefused:
    series = shown(name)
    series = series if len(series) <= MOST_SHOWN else f"{series[:MOST_SHOWN]}…"
    return BodyRefused(f"Line {line}: {series}: {why.sentence}{fix}", code=why.reason.lower(), pointer=str(line))


def group_labels(grouping: str) -> dict[str, str]:
    """Return the labels of an address such as `job/nightly/shop/eu`; Refused (400) when it is none."""
    parts = grouping.strip("/").split("/")
    names, values = parts[::2], parts[1::2]
    if len(names) != len(values):
        raise Refused(400, "The address must end in pairs: /metrics/job/<job>/<label>/<value>.", code="bad_grouping")
    labels = dict(_label(name, value) for name, value in zip(names, values, strict=True))
    if not labels.get("job"):
        raise Refused(400, "The address must name a job: /metrics/job/<job>.", code="bad_grouping")
    return {name: value for name, value in labels.items() if value}


def _label(name: str, value: str) -> tuple[str, str]:
    is_base64 = name.endswith(_BASE64)
    name = name.removesuffix(_BASE64)
    if not _LABEL.fullmatch(name):
        raise Refused(400, f"“{name[:40]}” cannot be the name of a label.", code="bad_grouping")
    return name, _decoded(value) if is_base64 else value


def _decoded(text: str) -> str:
    bare = text.rstrip("=")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), altchars=b"-_", validate=True).decode()
    except ValueError:  # also of the decoding
        raise Refused(400, "A value of the address is not base64 of UTF-8.", code="bad_grouping") from None
