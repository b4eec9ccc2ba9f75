"""The REST API of checks: list, make, change, pause and delete them. What is secret goes in and never comes out."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.response import Response

from deployments.models import Scope
from deployments.selectors import project_of, token_of
from deployments.services import ensure_environment
from monitoring import services
from monitoring.models import CheckState, HealthCheck
from monitoring.probes import CHOICES
from monitoring.selectors import checks_for_api, latest_readings, ping_url
from postdeploy.api import (
    ApiRequest,
    Endpoint,
    Flag,
    Line,
    Moment,
    Nothing,
    PageQuery,
    StrictSerializer,
    Word,
    cursor_page,
    etag_of,
    paged_response,
    refuse_if_changed,
    row_at,
)
from postdeploy.fields import Text
from postdeploy.lib.locations import LONGEST
from postdeploy.lib.secrets import SecretUnreadable
from postdeploy.lib.times import format_time
from postdeploy.openapi import operation

READ, WRITE = Scope.DEPLOYMENTS_READ.value, Scope.CHECKS_WRITE.value


# --- what goes in -----------------------------------------------------------------------------------------------------


class SecretsInput(StrictSerializer):
    """What is stored encrypted and never answered. An empty text or object takes one away; what is left out stays."""

    headers = serializers.DictField(child=Text(max_length=8000), required=False, help_text="Request headers by name.")
    user = Line(required=False, allow_blank=True, max_length=200, help_text="Basic authentication.")
    password = Line(required=False, allow_blank=True, max_length=500)
    token = Line(required=False, allow_blank=True, max_length=4000, help_text="Bearer token.")
    certificate = Text(required=False, allow_blank=True, max_length=20_000, help_text="Client certificate in PEM.")
    key = Text(required=False, allow_blank=True, max_length=20_000, help_text="Its key in PEM.")
    values = serializers.DictField(
        child=Text(max_length=8000), required=False, help_text="What a flow's steps use as `{{secret.NAME}}`."
    )


class ChangeInput(StrictSerializer):
    """What a check asks and what a good answer is; what is left out stays as it is."""

    name = Line(required=False, max_length=100)
    component = Line(required=False, allow_blank=True, max_length=200)
    group = Line(required=False, allow_blank=True, max_length=100)
    location = Line(
        required=False, allow_blank=True, max_length=LONGEST,
        help_text="Whose workers read it, such as `eu-west`; empty is home. Not for heartbeats.",
    )  # fmt: skip
    target = Line(
        required=False, allow_blank=True, max_length=2000,
        help_text="`http`: a URL; `tcp`, `tls`: host:port; `dns`: a name; for other kinds nothing.",
    )  # fmt: skip
    options = serializers.DictField(required=False, help_text="What only its kind has: see `docs/checks.md`.")
    conditions = Text(
        required=False, allow_blank=True, max_length=8000, help_text="One a line, such as `status in 200-299`."
    )
    secrets = SecretsInput(required=False)
    timeout_ms = serializers.IntegerField(required=False, min_value=100, max_value=60_000)
    interval_seconds = serializers.IntegerField(required=False, min_value=1, max_value=86_400)
    failure_threshold = serializers.IntegerField(required=False, min_value=1, max_value=20)
    is_critical = Flag(required=False)
    is_fresh = Flag(required=False, help_text="A connection of its own for every reading.")


class CheckInput(ChangeInput):
    """A check to make."""

    project = Line(max_length=60)
    environment = Line(max_length=100, help_text="One that was never named is created.")
    name = Line(max_length=100)
    kind = serializers.ChoiceField(
        [(kind.lower(), words) for kind, words in CHOICES],
        default="http",
        error_messages={"invalid_choice": f"Must be one of: {', '.join(kind.lower() for kind, _ in CHOICES)}."},
    )


# --- what comes out ---------------------------------------------------------------------------------------------------


class ChecksQuery(PageQuery):
    """Which checks to list."""

    project = Line(required=False, max_length=60)
    environment = Line(required=False, max_length=100)
    location = Line(required=False, max_length=LONGEST, help_text="`home` for those that name none.")


class CheckOutput(serializers.ModelSerializer[HealthCheck]):
    """A check and what is known of it. Secrets are named, never answered."""

    environment = serializers.CharField(source="environment.name")
    kind = serializers.SerializerMethodField(help_text="`http`, `tcp`, `tls`, `dns`, `heartbeat`, `flow`, …")
    options = serializers.DictField()
    secrets = serializers.SerializerMethodField(help_text="Which secrets are stored, such as `headers.X-Api-Key`.")
    ping_url = serializers.SerializerMethodField(help_text="Heartbeats: what the job requests. For `checks:write`.")
    state = Word(CheckState)
    is_paused = Flag()
    state_since = Moment(allow_null=True)
    latest_reading_at = serializers.SerializerMethodField()

    class Meta:
        model = HealthCheck
        fields = [
            "id", "environment", "name", "kind", "component", "group", "location", "target", "options", "conditions",
            "secrets", "ping_url", "timeout_ms", "interval_seconds", "failure_threshold", "is_critical", "is_fresh",
            "version", "is_paused", "state", "state_since", "failures_in_a_row", "latest_reading_at", "latest_detail",
        ]  # fmt: skip

    def get_kind(self, check: HealthCheck) -> str:
        """Return what it asks, in one word."""
        return check.kind.lower()

    def get_secrets(self, check: HealthCheck) -> list[str]:
        """Return the names of what is stored encrypted."""
        return secret_names(check)

    @extend_schema_field(Moment(allow_null=True))
    def get_latest_reading_at(self, check: HealthCheck) -> str | None:
        """Return when it was read last."""
        at = self.context["latest"].get(check.pk)
        return format_time(at) if at else None

    def get_ping_url(self, check: HealthCheck) -> str | None:
        """Return where a heartbeat is pinged, to those who may change it."""
        return ping_url(check) if self.context.get("may_write") else None


def secret_names(check: HealthCheck) -> list[str]:
    """The names of a check's secrets; none when they cannot be read any more."""
    try:
        stored = check.secrets
    except SecretUnreadable:
        return []
    parts = {name: value if isinstance(value, dict) else None for name, value in stored.items()}
    return sorted(f"{name}.{inner}" if inner else name for name, inside in parts.items() for inner in (inside or [""]))


class ChecksOutput(serializers.Serializer[Any]):
    """One page of checks, in the order they were made."""

    items = CheckOutput(many=True)
    next = serializers.CharField(allow_null=True, help_text="The `cursor` of the next page.")


def shown(request: ApiRequest, checks: list[HealthCheck]) -> list[dict[str, Any]]:
    """The answer of many checks, in a fixed number of queries."""
    latest = latest_readings([check.pk for check in checks])
    context = {"may_write": token_of(request).may(WRITE), "latest": latest}
    return list(CheckOutput(checks, many=True, context=context).data)


# --- operations -------------------------------------------------------------------------------------------------------


class Checks(Endpoint):
    """The health checks of the token's project."""

    scopes = {"GET": READ, "POST": WRITE}

    @operation(
        "list_checks", summary="List health checks", query=ChecksQuery, responses={200: ChecksOutput}, errors=[404]
    )
    def get(self, request: ApiRequest) -> Response:
        """Return one page."""
        filters = self.query(ChecksQuery)
        project = project_of(request, filters.get("project", token_of(request).project.slug))
        names = {name: filters.get(name, "") for name in ("environment", "location")}
        rows = checks_for_api(project, **names)
        items, next_cursor = cursor_page(request, rows, order=("id",), filters=filters)
        return paged_response(request, shown(request, items), next_cursor)

    @operation(
        "make_check",
        summary="Make a health check",
        request=CheckInput,
        responses={201: CheckOutput},
        errors=[404],
        description="It is read within seconds. Conditions that cannot be read are refused with line and fix.",
    )
    def post(self, request: ApiRequest) -> Response:
        """Make a check."""
        values = self.body(CheckInput)
        project = project_of(request, values.pop("project"))
        name, kind = values.pop("environment"), values.pop("kind").upper()
        with transaction.atomic():  # what is refused leaves no new environment behind
            environment = ensure_environment(project=project, name=name, now=request.now)
            check = saved(request, None, {**values, "environment": environment, "kind": kind})
        return Response(shown(request, [check])[0], status=201)


class Check(Endpoint):
    """One health check. Its ETag is of its definition: how it stands does not change it."""

    scopes = {"GET": READ, "PATCH": WRITE, "DELETE": WRITE}

    @operation("read_check", summary="Read a health check", responses={200: CheckOutput}, errors=[404])
    def get(self, request: ApiRequest, check: int) -> Response:
        """Return what it asks and how it stands."""
        return answered(request, check_of(request, check))

    @operation(
        "change_check",
        summary="Change a health check",
        request=ChangeInput,
        responses={200: CheckOutput},
        errors=[404],
        is_guarded=True,
        description="`options` and `conditions` are replaced whole, `secrets` one by one. The kind stays.",
    )
    def patch(self, request: ApiRequest, check: int) -> Response:
        """Change what was named."""
        values = self.body(ChangeInput)
        with transaction.atomic():
            row = check_of(request, check, is_locked=True)
            refuse_if_changed(request, check_etag(row))
            changed = saved(request, row, {**values, "environment": row.environment})
        return answered(request, changed)

    @operation(
        "delete_check",
        summary="Delete a health check",
        request=Nothing,
        responses={204: None},
        errors=[404],
        is_guarded=True,
        description="It goes with its readings and outages; verdicts keep what they say of it.",
    )
    def delete(self, request: ApiRequest, check: int) -> Response:
        """Delete it."""
        self.body(Nothing)
        with transaction.atomic():
            row = check_of(request, check, is_locked=True)
            refuse_if_changed(request, check_etag(row))
            services.delete_check(check=row)
        return Response(status=204)


class Pause(Endpoint):
    """Whether a check is read."""

    scopes = {"POST": WRITE}

    @operation(
        "pause_check", summary="Pause a health check", request=Nothing, responses={200: CheckOutput}, errors=[404]
    )
    def post(self, request: ApiRequest, check: int) -> Response:
        """Stop reading it."""
        self.body(Nothing)
        services.pause_check(check=check_of(request, check), now=request.now)
        return Response(shown(request, [check_of(request, check)])[0])


class Resume(Endpoint):
    """Whether a check is read."""

    scopes = {"POST": WRITE}

    @operation(
        "resume_check", summary="Resume a health check", request=Nothing, responses={200: CheckOutput}, errors=[404]
    )
    def post(self, request: ApiRequest, check: int) -> Response:
        """Read it again."""
        self.body(Nothing)
        services.resume_check(check=check_of(request, check), now=request.now)
        return Response(shown(request, [check_of(request, check)])[0])


def check_of(request: ApiRequest, pk: int, *, is_locked: bool = False) -> HealthCheck:
    """Return the check; Refused (404) when there is none that the token may see."""
    rows = checks_for_api(token_of(request).project, environment="")
    return row_at(rows, pk, "check", is_locked=is_locked)


def check_etag(check: HealthCheck) -> str:
    """Return the ETag of what people set of a check."""
    return etag_of([check.pk, check.version, check.paused_at])


def answered(request: ApiRequest, check: HealthCheck) -> Response:
    """Return a check with its ETag."""
    return Response(shown(request, [check])[0], headers={"ETag": check_etag(check)})


def saved(request: ApiRequest, check: HealthCheck | None, values: Mapping[str, Any]) -> HealthCheck:
    """Save what was sent; ValidationError with a pointer to each refused field."""
    definition = dict(values)
    if "secrets" in definition:
        definition["secrets"] = _stored(check) | definition["secrets"]
    try:
        return services.save_check(check=check, now=request.now, **definition)
    except ValidationError as error:
        raise serializers.ValidationError(_nested(error.message_dict)) from None


def _stored(check: HealthCheck | None) -> dict[str, Any]:
    try:
        return dict(check.secrets) if check else {}
    except SecretUnreadable:
        return {}


_SECRETS = frozenset(SecretsInput().fields)
#: A name that is taken is told beside the name.
_PLACE = {"__all__": "name"}


def _nested(faults: Mapping[str, list[str]]) -> dict[str, Any]:
    """Faults as DRF nests them: ``options.left.url`` is a field in a field, secrets stand below `secrets`."""
    errors: dict[str, Any] = {}
    for name, sentences in faults.items():
        *outer, last = ["secrets", name] if name in _SECRETS else _PLACE.get(name, name).split(".")
        inner = errors
        for part in outer:
            inner = inner.setdefault(part, {}) if isinstance(inner.get(part, {}), dict) else {}
        inner[last] = [serializers.ErrorDetail(sentence, code="invalid") for sentence in sentences]
    return errors
