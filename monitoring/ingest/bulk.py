"""Our own bulk JSON, in rows and in columns: `POST /api/v1/metrics`."""

from collections.abc import Callable
from functools import partial
from http import HTTPMethod

from django.http import HttpRequest, HttpResponse

from monitoring import services
from monitoring.formats.batch import MAX_KEY, LeftOut, Name, text_fault
from monitoring.formats.bulk import Sent, read_bulk
from monitoring.formats.samples import MAX_FAULTS, Fault
from monitoring.formats.samples import Refused as RowsRefused
from monitoring.ingest.door import Door, in_road, render_problem
from monitoring.models import RefusalReason, SourceKind
from monitoring.services import NamesRefused, Untimely
from postdeploy.idempotency import Claim, key_of
from postdeploy.lib.payloads import PayloadRefused
from postdeploy.parsers import inflated, read_raw
from postdeploy.problems import Refused

MAX_BYTES = 4 * 1024 * 1024
_NEEDS_JSON = 'Send the body as JSON, with the header "Content-Type: application/json".'


@in_road(SourceKind.JSON, ["POST"], render_problem)
def bulk(request: HttpRequest, door: Door) -> HttpResponse:
    """Store the samples of a body, all or nothing; 202 when they are committed."""
    if (request.content_type or "").lower() != "application/json":
        raise Refused(415, _NEEDS_JSON, code="unsupported_media_type", headers={"Accept": "application/json"})
    body = inflated(request, read_raw(request, limit=MAX_BYTES), limit=MAX_BYTES)
    key = key_of(request)
    claim_of = None if key is None else partial(_claim, request, door, key, body)
    try:
        return _store(door, read_bulk(body, now=door.now), claim_of)
    except (PayloadRefused, RowsRefused, NamesRefused):
        if claim_of is not None:
            claim_of(0).refuse_reuse()
        raise


def _claim(request: HttpRequest, door: Door, key: str, body: bytes, accepted: int) -> Claim:
    return Claim(door.digest, HTTPMethod.POST, request.path, key, body, _answer(accepted), door.now)


def _store(door: Door, sent: Sent, claim_of: Callable[[int], Claim] | None) -> HttpResponse:
    if sent.project and sent.project != door.project_slug:
        detail = f"There is no project “{sent.project}” that this token may use. It may use: {door.project_slug}."
        raise Refused(404, detail, code="unknown_project", projects=[door.project_slug])
    sender = door.into(sent.environment)
    try:
        taken = services.ingest(sender=sender, batch=sent.batch, is_partial=False, now=door.now, claim_of=claim_of)
    except Untimely as untimely:
        raise RowsRefused([Fault(sent.time_of(untimely.place), untimely.left_out.sentence)]) from None
    except NamesRefused as refused:
        raise _pointed(refused, sent) from None
    return _answer(taken.accepted)


def _answer(accepted: int) -> HttpResponse:
    return HttpResponse(b'{"accepted":%d}' % accepted, status=202, content_type="application/json")


def _pointed(refused: NamesRefused, sent: Sent) -> Exception:
    """Name the place in the body where there is one."""
    first = next(iter(refused.refused.values()))
    if first.reason == RefusalReason.NO_ENVIRONMENT:
        return RowsRefused([Fault(("environment",), "Name the environment, or choose one for this source.")])
    faults = [Fault(sent.place_of(name, _field(name, why)), why.sentence) for name, why in _pointable(refused)]
    return RowsRefused(faults[:MAX_FAULTS]) if faults else refused


def _pointable(refused: NamesRefused) -> list[tuple[Name, LeftOut]]:
    """Return the names that are refused for what they say, not for want of room."""
    reasons = (RefusalReason.BAD_NAME, RefusalReason.BAD_VALUE)
    return [(name, why) for (_, name), why in refused.refused.items() if why.reason in reasons]


def _field(name: Name, why: LeftOut) -> str:
    if why.reason == RefusalReason.BAD_VALUE:
        return "unit"
    return "metric" if not name.metric or text_fault("", name.metric, MAX_KEY) else "labels"
