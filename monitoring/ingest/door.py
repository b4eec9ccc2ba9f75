"""Who sends, in one query: token, project, limits and source; a revoked token is refused with the next request."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from deployments.models import USE_NOTED_EVERY, ApiToken, Scope
from deployments.selectors import digest_sent
from monitoring import services
from monitoring.formats.batch import BodyRefused, LeftOut, environment_fault
from monitoring.formats.samples import Refused as RowsRefused
from monitoring.models import RefusalReason
from monitoring.services import NamesRefused, Sender, Untimely
from postdeploy.idempotency import Replay
from postdeploy.lib.payloads import PayloadRefused
from postdeploy.lib.prepared import Prepared
from postdeploy.problems import CONTENT_TYPE, Refused, problem_body

SCOPE = Scope.METRICS_WRITE
_ASK = Prepared(
    "ingest_door",
    ("text", "text", "timestamptz"),
    """
    SELECT t.id, t.name, t.scopes, t.latest_use_at, t.project_id, p.slug, l.generation, s.id, e.name
    FROM deployments_apitoken t
    JOIN deployments_project p ON p.id = t.project_id
    LEFT JOIN monitoring_metriclimits l ON l.project_id = t.project_id
    LEFT JOIN monitoring_source s ON s.token_id = t.id AND s.kind = $1
    LEFT JOIN deployments_environment e ON e.id = s.environment_id
    WHERE t.digest = $2 AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > $3)
    """,
)
Arguments = ParamSpec("Arguments")


@dataclass(frozen=True, slots=True)
class Door:
    """One request that may send samples: its sender, the clock, and what a repeat is told by."""

    sender: Sender
    source_id: int
    project_slug: str
    digest: str
    now: datetime

    def into(self, environment: str) -> Sender:
        """Return the sender, with `environment` for what does not say its own; "" leaves the source's.

        Refused (400) when it cannot be the name of one.
        """
        if environment and (fault := environment_fault(environment)):
            raise Refused(400, fault, errors=[{"parameter": "environment", "code": "invalid", "detail": fault}])
        return replace(self.sender, environment=environment) if environment else self.sender


Handler = Callable[Concatenate[HttpRequest, Door, Arguments], HttpResponse]
Render = Callable[[HttpRequest, Refused], HttpResponse]


def in_road(
    kind: str, methods: Iterable[str], render: Render
) -> Callable[[Handler[Arguments]], Callable[Concatenate[HttpRequest, Arguments], HttpResponse]]:
    """Make a view of a function that takes samples of `kind` and raises what it refuses; `render` writes refusals.

    What was refused of a known sender is counted for the page of its sources.
    """
    allowed = frozenset(methods)

    def decorate(handle: Handler[Arguments]) -> Callable[Concatenate[HttpRequest, Arguments], HttpResponse]:
        @csrf_exempt
        @wraps(handle)
        def view(request: HttpRequest, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> HttpResponse:
            door: Door | None = None
            try:
                if request.method not in allowed:
                    raise not_allowed(request, allowed)
                door = enter(request, kind, timezone.now())
                _refuse_unknown(request)
                return handle(request, door, *args, **kwargs)
            except Replay as replay:
                return replay.response
            except KNOWN as error:
                refused, left_out = explain(error)
                if door is not None:
                    services.note_refusals(source_id=door.source_id, left_out=left_out, now=door.now)
                return render(request, refused)

        return view

    return decorate


def enter(request: HttpRequest, kind: str, now: datetime) -> Door:
    """Return who sends; Refused with 401 or 403. The body has not been looked at yet."""
    digest = digest_sent(request, may_be_password=True)
    if digest is None:
        raise Refused(401, 'Send a token in the header "Authorization: Bearer …".', code="not_authenticated")
    row = _ASK.first_row([kind, digest, now])
    if row is None:
        raise Refused(401, "This token is unknown, expired or revoked.", code="authentication_failed")
    token_id, name, scopes, latest_use, project_id, slug, generation, source_id, environment = row
    if SCOPE not in scopes:
        carried = ", ".join(scopes) or "none"
        detail = f"This needs the scope {SCOPE}; the token “{name}” has: {carried}."
        raise Refused(403, detail, code="missing_scope", scope=str(SCOPE))
    if latest_use is None or latest_use < now - USE_NOTED_EVERY:
        ApiToken.objects.note_use(token_id, latest=latest_use, now=now)
    if source_id is None:
        source_id = services.ensure_source(token_id=token_id, project_id=project_id, kind=kind, now=now)
    sender = Sender(project_id, generation, kind, source_id, environment or "")
    return Door(sender, source_id, slug, digest, now)


def environment_of(request: HttpRequest) -> str:
    """Return the environment that the address names (`?environment=…`), "" for none."""
    return request.GET.get("environment", "") if request.META.get("QUERY_STRING") else ""


def _refuse_unknown(request: HttpRequest) -> None:
    """Refuse by name what the address asks and nobody knows: a typing error would send samples elsewhere."""
    unknown = sorted(set(request.GET) - {"environment"}) if request.META.get("QUERY_STRING") else []
    if unknown:
        detail = "There is no such parameter here. Known: environment."
        errors = [{"parameter": name, "code": "unknown_field", "detail": detail} for name in unknown]
        raise Refused(400, f"{unknown[0][:60]}: {detail}", code="unknown_field", errors=errors)


def not_allowed(request: HttpRequest, allowed: Iterable[str]) -> Refused:
    """Return the refusal (405) of a method."""
    names = ", ".join(sorted(allowed))
    detail = f"Method {request.method} is not possible here; use {names}."
    return Refused(405, detail, code="method_not_allowed", headers={"Allow": names})


KNOWN = (Refused, PayloadRefused, BodyRefused, RowsRefused, NamesRefused, Untimely)


def explain(error: Exception) -> tuple[Refused, list[LeftOut]]:
    """Return the answer to an error of `KNOWN`, and what of it the page of sources is to show."""
    match error:
        case Refused():
            return error, _shown(error)
        case RowsRefused():
            return _of_faults(error), [LeftOut(RefusalReason.BAD_VALUE, str(error), example=_place(error))]
        case NamesRefused():
            return _of_names(error), list(error.refused.values())
        case Untimely():
            return Refused(400, error.left_out.sentence, code=error.left_out.reason.lower()), [error.left_out]
        case PayloadRefused() | BodyRefused():
            where = [{"pointer": error.pointer, "code": error.code, "detail": error.detail}] if error.pointer else []
            refused = Refused(error.status, error.detail, code=error.code, errors=where)
            return refused, _shown(refused)
    raise error


def _shown(refused: Refused) -> list[LeftOut]:
    """Return what a refused request counts as; somebody else's project or a used key is not a matter of the data."""
    reasons = {400: RefusalReason.BAD_BODY, 413: RefusalReason.TOO_LARGE, 415: RefusalReason.UNSUPPORTED}
    reason = reasons.get(refused.status_code)
    return [LeftOut(reason, str(refused.detail))] if reason else []


def _of_faults(error: RowsRefused) -> Refused:
    errors = [{"pointer": _pointer(fault.path), "code": "invalid", "detail": fault.sentence} for fault in error.faults]
    told = " ".join(f"{each['pointer'] or 'body'}: {each['detail']}" for each in errors[:3])
    more = f" … and {len(errors) - 3} more." if len(errors) > 3 else ""
    return Refused(400, f"The request was refused by its fields. {told}{more}", errors=errors)


def _of_names(error: NamesRefused) -> Refused:
    first = next(iter(error.refused.values()))
    if first.reason == RefusalReason.TOO_MANY_SERIES:
        detail = f"{len(error.refused)} new series were refused, such as {first.example}. {first.sentence}"
        return Refused(409, detail, code="too_many_series")
    detail = f"{first.example}: {first.sentence}" if first.example else first.sentence
    return Refused(400, detail, code=first.reason.lower())


def _place(error: RowsRefused) -> str:
    return _pointer(error.faults[0].path)


def _pointer(path: Iterable[Any]) -> str:
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)


def render_problem(request: HttpRequest, refused: Refused) -> HttpResponse:
    """Return a refusal as a problem document."""
    body = problem_body(
        status=refused.status_code,
        detail=str(refused.detail),
        instance=request.path,
        request_id=getattr(request, "id", ""),
        errors=refused.errors,
        code=refused.code,
        **refused.extra,
    )
    response = JsonResponse(body, status=refused.status_code, content_type=CONTENT_TYPE, headers=refused.headers)
    return challenged(response)


def challenged(response: HttpResponse) -> HttpResponse:
    """Say in a 401 how to sign in (RFC 6750)."""
    if response.status_code == 401:
        response["WWW-Authenticate"] = 'Bearer realm="postdeploy", error="invalid_token"'
    return response
