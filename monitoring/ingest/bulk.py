"""Our own bulk JSON, in rows and in columns: `POST /api/v1/metrics`."""

from http import HTTPMethod

from django.http import HttpRequest, HttpResponse

from monitoring import services
from monitoring.formats.bulk import Sent, name_faults, read_bulk
from monitoring.formats.samples import Fault
from monitoring.formats.samples import Refused as RowsRefused
from monitoring.ingest.door import Door, in_road, render_problem
from monitoring.models import RefusalReason, SourceKind
from monitoring.services import NamesRefused, Untimely
from postdeploy.idempotency import claim_key, key_of, refuse_reuse
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
    try:
        sent = read_bulk(body, now=door.now)
        return _store(request, door, sent, body, key)
    except Exception as error:
        if key is not None and not isinstance(error, Refused):
            refuse_reuse(owner=door.digest, method=HTTPMethod.POST, path=request.path, key=key, body=body)
        raise


def _store(request: HttpRequest, door: Door, sent: Sent, body: bytes, key: str | None) -> HttpResponse:
    if sent.project and sent.project != door.project_slug:
        detail = f"There is no project “{sent.project}” that this token may use. It may use: {door.project_slug}."
        raise Refused(404, detail, code="unknown_project", projects=[door.project_slug])

    def guard(accepted: int) -> None:
        claim_key(
            owner=door.digest,
            method=HTTPMethod.POST,
            path=request.path,
            key=key or "",
            body=body,
            answer=_answer(accepted),
            now=door.now,
        )

    try:
        taken = services.ingest(
            sender=door.into(sent.environment),
            batch=sent.batch,
            is_partial=False,
            now=door.now,
            guard=guard if key is not None else None,
        )
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
    if first.reason == RefusalReason.BAD_NAME and not sent.is_rows:
        return RowsRefused(name_faults(sent.batch.names))
    return refused
