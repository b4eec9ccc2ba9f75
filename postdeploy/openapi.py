"""The OpenAPI description: one decorator that documents an operation with all that it can answer."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers

from postdeploy.idempotency import KEPT_FOR, LONGEST_KEY
from postdeploy.problems import CONTENT_TYPE

Handler = TypeVar("Handler", bound=Callable[..., Any])

ERRORS = {
    400: "Something in the request cannot be accepted; `errors` names each field.",
    401: "No token, or one that is unknown, expired or revoked.",
    403: "The token lacks the scope that this needs.",
    404: "Not there, or not this token's to see.",
    409: "It contradicts what is known, or the first request with this Idempotency-Key still runs.",
    412: "It is not any more as `If-Match` says; nothing was changed.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "The Idempotency-Key was used with another body.",
    503: "The database is away; try again after `Retry-After` seconds.",
}
ALWAYS = (401, 403, 503)
WITH_BODY = (400, 409, 413, 415, 422)

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": "^[!-~]([ -~]*[!-~])?$"},
    OpenApiParameter.HEADER,
    description=f"Repeat a request safely: for {KEPT_FOR.total_seconds() / 3600:.0f} h the first success is replayed.",
)
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match", OpenApiTypes.STR, OpenApiParameter.HEADER, description="The `ETag` you have: 304 if unchanged."
)
IF_MATCH = OpenApiParameter(
    "If-Match",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="The `ETag` of what you saw: 412, and nothing is changed, when somebody else changed it meanwhile.",
)


class ProblemError(serializers.Serializer[Any]):
    """One refused part of a request."""

    pointer = serializers.CharField(required=False, help_text="JSON pointer into the body, such as `/version`.")
    parameter = serializers.CharField(required=False, help_text="Name of the query parameter.")
    code = serializers.CharField()
    detail = serializers.CharField()


class Problem(serializers.Serializer[Any]):
    """Every error, as of RFC 9457."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text="What is wrong and what mends it.")
    instance = serializers.CharField()
    request_id = serializers.CharField(help_text="Also in `X-Request-ID`; finds the request in the log.")
    code = serializers.CharField(required=False, help_text="One word for programs.")
    errors = ProblemError(many=True, required=False)  # type: ignore[assignment]


class Schema(AutoSchema):
    """Tags operations by their first path part."""

    def get_tags(self) -> list[str]:
        """Return the resource, such as `deployments`."""
        parts = self.path.removeprefix("/api/v1/").split("/")
        return [parts[0]]


class BearerToken(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Documents the token of a pipeline."""

    target_class = "deployments.auth.ApiTokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        """Return the security scheme."""
        return {"type": "http", "scheme": "bearer", "description": "A project's API token: `pd_…`."}


def close_requests(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Say of every request body that unknown fields are refused."""
    for name, schema in result["components"]["schemas"].items():
        if name.endswith("Request"):
            schema["additionalProperties"] = False
    return result


def operation(
    operation_id: str,
    *,
    summary: str,
    responses: Mapping[int, Any],
    request: Any = None,
    query: type[serializers.Serializer[Any]] | None = None,
    errors: Iterable[int] = (),
    is_conditional: bool = False,
    is_guarded: bool = False,
    description: str | None = None,
    parameters: Sequence[OpenApiParameter] = (),
    media_type: str = "application/json",
) -> Callable[[Handler], Handler]:
    """Document a handler method of an `Endpoint`.

    `responses` are the successes: status → serializer (None for an empty body); `errors` the statuses of this
    operation alone, added to those that every operation has. `is_conditional` says that it answers ETag and 304,
    `is_guarded` that it heeds If-Match.
    """

    def document(handler: Handler) -> Handler:
        is_change = handler.__name__ != "get"
        statuses = {*ALWAYS, *errors, *(WITH_BODY if is_change else ()), *((400,) if query else ())}
        statuses |= {412} if is_guarded else set()
        answers: dict[Any, Any] = {
            (status, media_type): OpenApiResponse(body, description="As asked.") for status, body in responses.items()
        }
        if is_conditional:
            answers[304] = OpenApiResponse(description="Unchanged since the given ETag.")
        for status in sorted(statuses):
            answers[status, CONTENT_TYPE] = OpenApiResponse(Problem, description=ERRORS[status])
        headers = ([IDEMPOTENCY_KEY] if is_change else []) + ([IF_NONE_MATCH] if is_conditional else [])
        headers += [IF_MATCH] if is_guarded else []
        decorate = extend_schema(
            operation_id=operation_id,
            summary=summary,
            description=description,
            request=request,
            responses=answers,
            parameters=[*parameters, *headers, *([query] if query else [])],
        )
        return decorate(handler)

    return document
