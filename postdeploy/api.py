"""What every operation of the REST API shares: the endpoint class, errors as problem documents, ETags.

An operation is a subclass of `Endpoint` that parses with a `StrictSerializer`, makes one service call and answers.
Fields and pages live in `postdeploy.fields` and `postdeploy.paging` and are offered here too, so that the floors need
one import.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from http import HTTPMethod
from typing import Any, TypeVar, cast

from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags, quote_etag
from rest_framework import exceptions, serializers
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from postdeploy.fields import Choice, Flag, Line, Moment, Nothing, StrictSerializer, Text, Url, Word
from postdeploy.idempotency import Replay, answer_once, key_of
from postdeploy.paging import PageQuery, cursor_page, paged_response
from postdeploy.parsers import max_body_bytes, read_body
from postdeploy.problems import CONTENT_TYPE, Refused, problem_body

__all__ = [
    "ApiRequest",
    "Choice",
    "Endpoint",
    "Flag",
    "Line",
    "Moment",
    "Nothing",
    "PageQuery",
    "Refused",
    "StrictSerializer",
    "Text",
    "Url",
    "Word",
    "conditional_response",
    "cursor_page",
    "etag_of",
    "field_faults",
    "not_modified",
    "one_of",
    "paged_response",
    "problem_from_exception",
    "refuse_if_changed",
    "row_at",
]

SAFE = {"GET", "HEAD"}
#: A larger number in an address is the key of no row, and the database would refuse it.
LARGEST_KEY = 2**62
Values = TypeVar("Values", bound=Serializer[Any])
Row = TypeVar("Row", bound=Model)


class ApiRequest(Request):
    """A request of the API: `now` is the one reading of the clock, `auth` the `ApiToken`."""

    now: datetime


class AlwaysJson(BaseContentNegotiation):
    """The API speaks JSON whatever `Accept` asks for: a refusal would help nobody (RFC 9110, 12.5.1)."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        """Return the parser for the request's media type, if there is one."""
        wanted = (request.content_type or "").partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == wanted), None)

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Return the first renderer."""
        renderer = next(iter(renderers))
        return renderer, str(renderer.media_type)


class Endpoint(APIView):
    """One address of the API. `scopes` says which scope a token needs for each method."""

    scopes: dict[str, str] = {}
    max_body_bytes: int | None = None
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]
    content_negotiation_class = AlwaysJson
    metadata_class = None
    request: ApiRequest

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer the request; a change that carries an Idempotency-Key happens once."""
        self.args, self.kwargs = args, kwargs
        self.headers = self.default_response_headers
        self.request = self.initialize_request(request, *args, **kwargs)
        response: Response
        try:
            if (request.method or "") not in self.allowed_methods:
                detail = f"Method {request.method} is not possible here; use {', '.join(self.allowed_methods)}."
                raise exceptions.MethodNotAllowed(request.method or "", detail=detail)
            self.initial(self.request, *args, **kwargs)
            response = self._answer()
        except Replay as replay:
            response = cast(Response, replay.response)
        except Exception as error:
            response = self.handle_exception(error)
        self.response = self.finalize_response(self.request, response, *args, **kwargs)
        return self.response

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> ApiRequest:
        """Wrap the request and read the clock."""
        wrapped = ApiRequest(
            request,
            parsers=self.get_parsers(),
            authenticators=self.get_authenticators(),
            negotiator=self.get_content_negotiator(),
            parser_context=self.get_parser_context(request),
        )
        wrapped.now = timezone.now()
        return wrapped

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        """Keep answers out of shared caches; a client may ask again with an ETag."""
        answer = super().finalize_response(request, response, *args, **kwargs)
        answer.headers.setdefault("Cache-Control", "private, no-cache")
        patch_vary_headers(answer, ["Authorization"])
        return answer

    def body(self, serializer: type[Serializer[Any]], **context: Any) -> dict[str, Any]:
        """Return the validated body; ValidationError becomes 400 with a pointer to each refused field."""
        reader = serializer(data=self.request.data, context=context)
        reader.is_valid(raise_exception=True)
        return cast(dict[str, Any], reader.validated_data)

    def query(self, serializer: type[Serializer[Any]]) -> dict[str, Any]:
        """Return the validated query parameters, those not given left out unless they have a default."""
        reader = serializer(data=self.request.query_params.dict())
        if not reader.is_valid():
            errors = [_as_parameter(error) for error in pointed_errors(reader.errors)]
            raise Refused(400, _summary(errors, "parameter"), errors=errors)
        return cast(dict[str, Any], reader.validated_data)

    def _answer(self) -> Response:
        method = str(self.request.method)
        handler = getattr(self, method.lower())
        if method in SAFE:
            return cast(Response, handler(self.request, *self.args, **self.kwargs))
        body = read_body(self.request._request, limit=self.max_body_bytes or max_body_bytes())
        key = key_of(self.request._request)
        if key is None:
            return cast(Response, handler(self.request, *self.args, **self.kwargs))
        return answer_once(
            lambda: handler(self.request, *self.args, **self.kwargs),
            owner=str(getattr(self.request.auth, "digest", "")),
            method=HTTPMethod(method),
            path=self.request.path,
            key=key,
            body=body,
            now=self.request.now,
        )


def problem_from_exception(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Return the problem document of a known error; None lets anything else become a 500 (or 503)."""
    known = _known(error)
    if known is None:
        return None
    request = context["request"]
    body = problem_body(
        status=known.status_code,
        detail=str(known.detail),
        instance=request.path,
        request_id=getattr(request._request, "id", ""),
        errors=known.errors,
        code=known.code,
        **known.extra,
    )
    response = Response(body, status=known.status_code, headers=known.headers, content_type=CONTENT_TYPE)
    if header := getattr(error, "auth_header", None):
        response["WWW-Authenticate"] = _challenge(header, error)
    return response


def _known(error: Exception) -> Refused | None:
    """Return `error` as a Refused, if it is one that callers may see."""
    match error:
        case Refused():
            return error
        case Http404():
            return Refused(404, _sentence(error) or "There is nothing here.", code="not_found")
        case PermissionDenied():
            return Refused(403, _sentence(error) or "This is not allowed.", code="permission_denied")
        case exceptions.ValidationError():
            errors = pointed_errors(error.detail)
            return Refused(400, _summary(errors, "field"), errors=errors)
        case exceptions.NotAuthenticated():
            return Refused(401, 'Send a token in the header "Authorization: Bearer …".', code="not_authenticated")
        case exceptions.UnsupportedMediaType():
            detail = 'Send the body as JSON, with the header "Content-Type: application/json".'
            return Refused(415, detail, code="unsupported_media_type", headers={"Accept": "application/json"})
        case exceptions.APIException():
            return Refused(error.status_code, str(error.detail), code=_code_of(error), headers=_retry_header(error))
    return None


def _sentence(error: Exception) -> str:
    return str(error.args[0]) if error.args and isinstance(error.args[0], str) else ""


def _code_of(error: exceptions.APIException) -> str:
    code = error.get_codes()
    return code if isinstance(code, str) else "invalid"


def _retry_header(error: Exception) -> dict[str, str]:
    wait = getattr(error, "wait", None)
    return {} if wait is None else {"Retry-After": str(int(wait) + 1)}


def _challenge(header: str, error: Exception) -> str:
    """RFC 6750: say what is wrong with a token that was sent, nothing when none was."""
    is_bad_token = isinstance(error, exceptions.AuthenticationFailed)
    return f'{header}, error="invalid_token"' if is_bad_token else header


def pointed_errors(detail: Any, pointer: str = "") -> list[dict[str, str]]:
    """Flatten DRF's nested error detail into `{"pointer", "code", "detail"}`, in the order of the fields."""
    if isinstance(detail, Mapping):
        pairs = [(pointer if key == "non_field_errors" else f"{pointer}/{_escape(key)}", detail[key]) for key in detail]
        return [error for where, part in pairs for error in pointed_errors(part, where)]
    if isinstance(detail, list):
        is_leaf = [not isinstance(part, Mapping | list) for part in detail]
        return [
            error
            for at, part in enumerate(detail)
            for error in pointed_errors(part, pointer if is_leaf[at] else f"{pointer}/{at}")
        ]
    return [{"pointer": pointer, "code": getattr(detail, "code", None) or "invalid", "detail": str(detail)}]


def _escape(key: Any) -> str:
    return str(key).replace("~", "~0").replace("/", "~1")


def _as_parameter(error: dict[str, str]) -> dict[str, str]:
    return {"parameter": error["pointer"].lstrip("/"), "code": error["code"], "detail": error["detail"]}


def _summary(errors: list[dict[str, str]], kind: str) -> str:
    named = [f"{error.get('pointer') or error.get('parameter') or 'body'}: {error['detail']}" for error in errors[:3]]
    more = f" … and {len(errors) - 3} more." if len(errors) > 3 else ""
    return f"The request was refused by its {kind}s. " + " ".join(named) + more


def etag_of(data: Any) -> str:
    """Return a strong ETag for JSON-ready `data`."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), default=str)
    return quote_etag(hashlib.sha256(text.encode()).hexdigest()[:32])


def not_modified(request: Request | HttpRequest, etag: str) -> bool:
    """Tell whether the caller already has the representation `etag` (`If-None-Match`)."""
    known = parse_etags(request.headers.get("If-None-Match", ""))
    return "*" in known or etag in known or f"W/{etag}" in known


def refuse_if_changed(request: Request, etag: str) -> None:
    """Refuse (412) to change what is not any more as the caller saw it; without `If-Match` nothing is asked."""
    wanted = request.headers.get("If-Match")
    if wanted is None or {"*", etag} & set(parse_etags(wanted)):
        return
    detail = "It was changed meanwhile: read it again, and send the ETag of what you then see in If-Match."
    raise Refused(412, detail, code="precondition_failed", headers={"ETag": etag})


def row_at(rows: QuerySet[Row], pk: int, noun: str, *, is_locked: bool = False) -> Row:
    """Return the row that an address names, locked if it is to be changed; Refused (404) when `rows` have none such."""
    rows = rows.select_for_update(of=("self",), no_key=True) if is_locked else rows
    row = rows.filter(pk=pk).first() if pk < LARGEST_KEY else None
    if row is None:
        raise Refused(404, f"There is no such {noun} in this token's project.", code="not_found")
    return row


def field_faults(error: ValidationError, names: Mapping[str, str]) -> serializers.ValidationError:
    """Return a service's refusal as the API's; `names` are those of fields that are called otherwise in the body."""
    return serializers.ValidationError(
        {names.get(name, name): sentences for name, sentences in error.message_dict.items()}
    )


def one_of(rows: QuerySet[Row], name: str) -> Row:
    """Return the one row that a body names; ValidationError for the field `name` when there is none."""
    row = rows.first()
    if row is None:
        raise serializers.ValidationError({name: [f"There is no such {name} in this project."]}, code="not_found")
    return row


def conditional_response(request: Request, data: Any, *, headers: Mapping[str, str] | None = None) -> Response:
    """Answer `data` with its ETag, or 304 without a body when the caller has it."""
    etag = etag_of(data)
    given = {**(headers or {}), "ETag": etag}
    if not_modified(request, etag):
        return Response(status=304, headers=given)
    return Response(data, headers=given)
