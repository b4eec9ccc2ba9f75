"""OTLP/HTTP metrics, protobuf and JSON: `POST …/v1/metrics`."""

from django.http import HttpRequest, HttpResponse

from monitoring import services
from monitoring.formats import otlp as formats
from monitoring.ingest.door import Door, challenged, environment_of, in_road
from monitoring.models import SourceKind
from monitoring.services import Taken
from monitoring.store import microseconds
from postdeploy.parsers import inflated, read_raw
from postdeploy.problems import Refused

MAX_BYTES, MAX_INFLATED = 8 * 1024 * 1024, 32 * 1024 * 1024


def _content_type(request: HttpRequest) -> str:
    """Return the type of body and answer: that of the request, JSON when it is neither."""
    return formats.PROTOBUF if (request.content_type or "").lower() == formats.PROTOBUF else formats.JSON


def _render(request: HttpRequest, refused: Refused) -> HttpResponse:
    """Return a refusal as a google.rpc.Status in the type of the request."""
    content_type = _content_type(request)
    body = formats.failure(message=str(refused.detail), content_type=content_type)
    response = HttpResponse(body, status=refused.status_code, content_type=content_type, headers=refused.headers)
    return challenged(response)


@in_road(SourceKind.OTLP, ["POST"], _render)
def otlp(request: HttpRequest, door: Door) -> HttpResponse:
    """Store an ExportMetricsServiceRequest: 200, with the number of points that were not stored, if there are any."""
    content_type = _content_type(request)
    if content_type != (request.content_type or "").lower():
        detail = f"Send {formats.PROTOBUF} or {formats.JSON}."
        raise Refused(415, detail, code="unsupported_media_type")
    body = inflated(request, read_raw(request, limit=MAX_BYTES), limit=MAX_INFLATED)
    batch = formats.read_otlp(body, content_type=content_type, now_us=microseconds(door.now))
    taken = services.ingest(sender=door.into(environment_of(request)), batch=batch, is_partial=True, now=door.now)
    if taken.left_out:
        services.note_refusals(source_id=door.source_id, left_out=taken.left_out, now=door.now)
    answer = formats.success(rejected=taken.rejected, message=_message(taken), content_type=content_type)
    return HttpResponse(answer, content_type=content_type)


def _message(taken: Taken) -> str:
    return " ".join(each.sentence + (f" Such as {each.example}." if each.example else "") for each in taken.left_out)
