"""The form of a check; each refusal names the field and the fix."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db.models import QuerySet
from django.http import QueryDict

from deployments.models import MASK, Environment
from monitoring.models import HealthCheck
from monitoring.poller import http_check
from monitoring.probes import HttpCheck
from monitoring.services import check_refusals
from postdeploy.forms import DurationField
from postdeploy.lib.secrets import SecretUnreadable

MAX_HEADERS = 20


class CheckForm(forms.Form):
    """A health check, as it is added and edited."""

    name = forms.CharField(max_length=100, help_text="What answers, such as Checkout API.")
    environment = forms.ModelChoiceField(Environment.objects.none(), empty_label=None)
    url = forms.CharField(label="Address", max_length=2000, help_text="Begins with http:// or https://.")
    method = forms.ChoiceField(choices=[(m, m) for m in ("GET", "HEAD", "POST")])
    expected_status = forms.CharField(
        max_length=60, initial="200-299", help_text="Status codes that are well: 200, 200-299,301 or 2xx."
    )
    body_contains = forms.CharField(
        required=False, max_length=500, label="Text in the body", help_text="Must occur in the first 64 KB."
    )
    json_path = forms.CharField(
        required=False, max_length=200, label="JSON path", help_text="Such as status or data.database.ok."
    )
    json_value = forms.CharField(
        required=False, max_length=200, label="JSON value", help_text="Without one, the path only has to be there."
    )
    timeout_ms = forms.IntegerField(
        label="Time limit, ms", min_value=100, max_value=60_000, initial=5000, help_text="For everything together."
    )
    max_response_ms = forms.IntegerField(
        required=False, label="Slowest good answer, ms", min_value=1, max_value=60_000,
        help_text="A slower one is a failed reading.",
    )  # fmt: skip
    interval_seconds = DurationField(
        label="Every", least=1, most=86_400, initial=60,
        help_text="Such as 60 s. While a deployment is watched it is read at least as often as the environment's"
        " policy says.",
    )  # fmt: skip
    failure_threshold = forms.IntegerField(
        label="Down after", min_value=1, max_value=20, initial=3, help_text="Failed readings in a row."
    )
    is_critical = forms.BooleanField(
        required=False, initial=True, label="Critical", help_text="Down fails a deployment; otherwise it degrades it."
    )
    component = forms.CharField(
        required=False, max_length=200, help_text="The component it belongs to, as deployments name it."
    )
    headers = forms.CharField(
        required=False, max_length=8000, label="Request headers", widget=forms.Textarea(attrs={"rows": 2}),
        help_text="One in a line, such as Authorization: Bearer …. Values are stored encrypted and shown as ••••••.",
    )  # fmt: skip

    GROUPS = (
        ("What is asked", ("name", "environment", "url", "method", "headers", "component")),
        (
            "What a good answer is",
            ("expected_status", "body_contains", "json_path", "json_value", "timeout_ms", "max_response_ms"),
        ),
        ("When, and what it means", ("interval_seconds", "failure_threshold", "is_critical")),
    )

    def __init__(
        self,
        environments: QuerySet[Environment],
        data: QueryDict | None = None,
        *,
        check: HealthCheck | None = None,
        initial: dict[str, Any] | None = None,
    ) -> None:
        self.check = check
        super().__init__(data, initial=(_definition(check) if check else {}) | (initial or {}))
        field = self.fields["environment"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = environments

    def groups(self) -> list[tuple[str, list[forms.BoundField]]]:
        """Return the fields as the page shows them: under three titles."""
        return [(title, [self[name] for name in names]) for title, names in self.GROUPS]

    def clean_headers(self) -> dict[str, str]:
        """Return the headers by name; a masked value keeps what was stored under its name."""
        stored = _stored_headers(self.check)
        headers: dict[str, str] = {}
        for line in filter(None, (line.strip() for line in self.cleaned_data["headers"].splitlines())):
            name, colon, value = (part.strip() for part in line.partition(":"))
            if not colon:
                raise ValidationError(f"“{line[:60]}” is no header; write Name: value, one in a line.")
            if value == MASK and name not in stored:
                raise ValidationError(f"Enter the value of {name}: nothing is stored under this name.")
            headers[name] = stored[name] if value == MASK else value
        if len(headers) > MAX_HEADERS:
            raise ValidationError(f"At most {MAX_HEADERS} headers are sent.")
        return headers

    def clean(self) -> dict[str, Any]:
        """Refuse what cannot be asked, beside its field."""
        values = super().clean() or {}
        if not self.errors:
            for name, sentence in check_refusals(self.http_check()).items():
                self.add_error(name, sentence)
        return values

    def http_check(self) -> HttpCheck:
        """Return what the form's values ask."""
        values = {name: self.cleaned_data.get(name) for name in self.fields}
        return http_check(HealthCheck(**values))

    def refuse(self, error: ValidationError) -> None:
        """Show what the service refused, beside the field where there is one."""
        for name, sentences in error.message_dict.items():
            self.add_error(None if name == NON_FIELD_ERRORS or name not in self.fields else name, sentences)


def _definition(check: HealthCheck) -> dict[str, Any]:
    names = (
        "name", "environment", "url", "method", "expected_status", "body_contains", "json_path", "json_value",
        "timeout_ms", "max_response_ms", "interval_seconds", "failure_threshold", "is_critical", "component",
    )  # fmt: skip
    return {name: getattr(check, name) for name in names} | {"headers": _masked(_stored_headers(check))}


def _stored_headers(check: HealthCheck | None) -> dict[str, str]:
    try:
        return dict(check.headers) if check else {}
    except SecretUnreadable:
        return {}


def _masked(names: Iterable[str]) -> str:
    return "\n".join(f"{name}: {MASK}" for name in names)
