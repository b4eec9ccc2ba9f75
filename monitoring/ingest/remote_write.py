"""Prometheus remote write 1.0. Of 2.0 a receiver of 1.0 must answer 415, and the sender falls back."""

from django.http import HttpRequest, HttpResponse

from monitoring import services
from monitoring.formats.batch import LeftOut
from monitoring.formats.remote_write import CONTENT_TYPE, MESSAGE, read_write_request, unsnap
from monitoring.ingest.door import Door, challenged, environment_of, in_road
from monitoring.models import RefusalReason, SourceKind
from monitoring.services import Taken
from postdeploy.parsers import read_raw
from postdeploy.problems import Refused

MAX_BYTES, MAX_INFLATED = 8 * 1024 * 1024, 32 * 1024 * 1024
#: Not the sender's fault and not mended by its log: an infinite value is fine in Prometheus, it only cannot be kept.
_NO_FAULT = {RefusalReason.NOT_FINITE}


def _render(request: HttpRequest, refused: Refused) -> HttpResponse:
    """Return a refusal as one line of text, which Prometheus writes into its log."""
    headers = {"Content-Type": "text/plain; charset=utf-8", **refused.headers}
    return challenged(HttpResponse(f"{refused.detail}\n", status=refused.status_code, headers=headers))


@in_road(SourceKind.REMOTE_WRITE, ["POST"], _render)
def remote_write(request: HttpRequest, door: Door) -> HttpResponse:
    """Store a WriteRequest: 204; 400 when something of it cannot be, and then the rest is stored."""
    _refuse_other_versions(request)
    message = unsnap(read_raw(request, limit=MAX_BYTES), max_bytes=MAX_INFLATED)
    sender = door.into(environment_of(request))
    taken = services.ingest(sender=sender, batch=read_write_request(message), is_partial=True, now=door.now)
    if taken.left_out:
        services.note_refusals(source_id=door.source_id, left_out=taken.left_out, now=door.now)
    faults = [each for each in taken.left_out if each.reason not in _NO_FAULT]
    if faults:
        return _render(request, _partly(taken, faults))
    return HttpResponse(status=204)


def _partly(taken: Taken, faults: list[LeftOut]) -> Refused:
    told = " ".join(
        f"{each.count} × {each.sentence}" + (f" Such as {each.example}." if each.example else "") for each in faults
    )
    return Refused(400, f"{taken.accepted} samples were stored, {taken.rejected} were not: {told}")


def _refuse_other_versions(request: HttpRequest) -> None:
    media_type, _, parameters = (request.headers.get("Content-Type") or "").partition(";")
    message = parameters.partition("proto=")[2].strip()
    if media_type.strip().lower() != CONTENT_TYPE or (message and message != MESSAGE):
        detail = f"This is a receiver of remote write 1.0: send “Content-Type: {CONTENT_TYPE}” with {MESSAGE}."
        raise Refused(415, detail, code="unsupported_media_type")
    if request.headers.get("Content-Encoding", "").strip().lower() != "snappy":
        raise Refused(415, "Send the body as a snappy block, with “Content-Encoding: snappy”.", code="unsupported")
