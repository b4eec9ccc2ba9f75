"""RFC 9457 problem documents: the one shape of every error the API answers."""

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, JsonResponse

CONTENT_TYPE = "application/problem+json"


def problem_body(
    *,
    status: int,
    detail: str,
    instance: str,
    request_id: str,
    errors: list[dict[str, str]] | None = None,
    **extra: Any,
) -> dict[str, Any]:
    """Return the members of a problem document; `errors` names each refused field by JSON pointer."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": instance,
        "request_id": request_id,
        **extra,
    }
    if errors:
        body["errors"] = errors
    return body


def problem_response(request: HttpRequest, *, status: int, detail: str, **extra: Any) -> JsonResponse:
    """Return a problem document as a plain Django response, for errors outside DRF's reach."""
    body = problem_body(
        status=status, detail=detail, instance=request.path, request_id=getattr(request, "id", ""), **extra
    )
    return JsonResponse(body, status=status, content_type=CONTENT_TYPE)
