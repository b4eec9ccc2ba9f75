"""RFC 9457 problem documents: the one shape of every error the API answers."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, JsonResponse
from rest_framework.exceptions import APIException

CONTENT_TYPE = "application/problem+json"


class Refused(APIException):
    """Raised anywhere below the API to answer a problem document.

    `errors` are `{"pointer": "/version", "code": "required", "detail": "…"}`, one for each refused field; `extra`
    become members of the document, `headers` of the response.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        code: str = "invalid",
        errors: Iterable[dict[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail, code)
        self.status_code = status
        self.code = code
        self.errors = list(errors)
        self.headers = dict(headers or {})
        self.extra = extra


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


def is_api(request: HttpRequest) -> bool:
    """Tell whether the caller speaks to the API, and so wants errors as problem documents."""
    return request.path == "/api" or request.path.startswith("/api/")


def only_reading(request: HttpRequest) -> JsonResponse:
    """Return the refusal (405) of a method that would change something at an address that can only be read."""
    response = problem_response(request, status=405, detail=f"{request.method} is not possible here; use GET.")
    response["Allow"] = "GET, HEAD"
    return response
