"""The form of a check: the fields of its kind, in groups; each refusal names the field and the fix."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db.models import QuerySet
from django.http import QueryDict

from deployments.models import MASK, Environment
from monitoring.forms.check_kinds import KINDS, KindForm
from monitoring.forms.definitions import field_of, options_of, stored_options
from monitoring.forms.secrets import masked_lines, named_values, stored_secrets
from monitoring.models import HealthCheck, validate_location
from monitoring.probes import Kind
from monitoring.services import check_refusals
from postdeploy.forms import DurationField
from postdeploy.lib import locations
from postdeploy.lib.http import METHODS

_SECRET = {"autocomplete": "off", "spellcheck": "false"}
_CODE = {"spellcheck": "false", "autocapitalize": "off", "autocomplete": "off"}
_BELONGS = ("component", "group")
_READS = (("latest", "its latest value"), ("sum", "the sum of its values"), ("increase", "how much it grew"))


def _area(rows: int, **attrs: str) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows, "class": "mono", **_CODE, **attrs})


def _secret(**attrs: str) -> forms.PasswordInput:
    return forms.PasswordInput(render_value=True, attrs={"autocomplete": "new-password", **attrs})


class CheckForm(forms.Form):
    """A health check, as it is added and edited. Its kind is chosen before, and stays."""

    name = forms.CharField(max_length=100, help_text="What it is called in lists and alarms, such as Checkout API.")
    environment = forms.ModelChoiceField(Environment.objects.none(), empty_label=None)
    component = forms.CharField(
        required=False, max_length=200, help_text="The component it belongs to, as deployments name it."
    )
    group = forms.CharField(required=False, max_length=100, help_text="Checks of one group stand together in the list.")
    location = forms.CharField(
        required=False, max_length=locations.LONGEST, validators=[validate_location], label="Read from",
        widget=forms.TextInput(attrs=_CODE), help_text="A location that has workers, such as eu-west. Empty is home.",
    )  # fmt: skip
    target = forms.CharField(max_length=2000, widget=forms.TextInput(attrs=_CODE))
    method = forms.ChoiceField(choices=[(m, m) for m in METHODS])
    body = forms.CharField(
        required=False,
        max_length=10_000,
        widget=_area(3),
        strip=False,
        label="Request body",
        help_text="Sent as it is.",
    )
    follow = forms.BooleanField(required=False, initial=True, label="Follow redirects", help_text="At most three.")
    http_version = forms.ChoiceField(
        required=False, label="Version of HTTP",
        choices=[("", "HTTP/2 if both can, else 1.1"), ("1.1", "HTTP/1.1 only"), ("2", "HTTP/2 from the first byte")],
    )  # fmt: skip
    is_fresh = forms.BooleanField(
        required=False, label="A new connection each time",
        help_text="Otherwise connections are kept, and every tenth reading opens a new one.",
    )  # fmt: skip
    send = forms.CharField(
        required=False, max_length=1000, strip=False, label="Text to send", widget=forms.TextInput(attrs=_CODE),
        help_text=r"With \r and \n for line ends, \x00 for any byte. Nothing: only listen.",
    )  # fmt: skip
    server_name = forms.CharField(
        required=False, max_length=253, help_text="The name the certificate must be for, if it is not the host."
    )
    record = forms.ChoiceField(
        label="Type of record",
        choices=[(r, r) for r in ("A", "AAAA", "CNAME", "MX", "NS", "TXT", "CAA", "SRV", "SOA", "PTR")],
    )
    resolver = forms.CharField(
        required=False, max_length=60, help_text="An address such as 9.9.9.9; without one the resolver of this system."
    )
    period = DurationField(
        required=False,
        label="It runs every",
        least=1,
        most=366 * 86_400,
        help_text="Such as 15 min or 1 d. Or a cron expression:",
    )
    cron = forms.CharField(
        required=False, max_length=100, label="Cron expression", widget=forms.TextInput(attrs=_CODE),
        help_text="Minute, hour, day, month, weekday, such as 30 2 * * 1-5.",
    )  # fmt: skip
    time_zone = forms.CharField(
        required=False, max_length=60, initial="UTC", help_text="Of the cron expression, such as Europe/Berlin."
    )
    grace = DurationField(
        label="Grace",
        least=0,
        most=30 * 86_400,
        initial=60,
        help_text="How late a ping may be, and how long a run may take.",
    )
    steps = forms.CharField(max_length=20_000, widget=_area(16), strip=False)
    values = forms.CharField(
        required=False, max_length=8000, label="Secrets of the steps", widget=_area(2),
        help_text="One in a line, such as token: …; a step uses it as {{secret.token}}. They are stored encrypted.",
    )  # fmt: skip
    left_name = forms.CharField(max_length=60, label="Called", help_text="Such as Orders taken.")
    left_url = forms.CharField(required=False, max_length=2000, label="From an address", help_text="That answers JSON.")
    left_path = forms.CharField(required=False, max_length=200, label="JSON path", help_text="Such as orders.count.")
    left_metric = forms.CharField(required=False, max_length=200, label="Or from a metric", help_text="Its key.")
    left_read = forms.ChoiceField(required=False, label="What is read of it", choices=_READS)
    left_over = DurationField(required=False, least=1, most=90 * 86_400, initial=3600, label="Over the latest")
    right_name = forms.CharField(max_length=60, label="Called", help_text="Such as Payments booked.")
    right_url = forms.CharField(
        required=False, max_length=2000, label="From an address", help_text="That answers JSON."
    )
    right_path = forms.CharField(required=False, max_length=200, label="JSON path", help_text="Such as payments.count.")
    right_metric = forms.CharField(required=False, max_length=200, label="Or from a metric", help_text="Its key.")
    right_read = forms.ChoiceField(required=False, label="What is read of it", choices=_READS)
    right_over = DurationField(required=False, least=1, most=90 * 86_400, initial=3600, label="Over the latest")
    headers = forms.CharField(
        required=False, max_length=8000, label="Request headers", widget=_area(2),
        help_text="One in a line, such as X-Api-Key: …. Values are stored encrypted and shown as ••••••.",
    )  # fmt: skip
    user = forms.CharField(required=False, max_length=200, label="User", widget=forms.TextInput(attrs=_SECRET))
    password = forms.CharField(required=False, max_length=500, widget=_secret(), help_text="Basic authentication.")
    token = forms.CharField(required=False, max_length=4000, label="Bearer token", widget=_secret())
    certificate = forms.CharField(
        required=False, max_length=20_000, label="Client certificate", widget=_area(2), help_text="In PEM."
    )
    key = forms.CharField(
        required=False, max_length=20_000, label="Key of the client certificate", widget=_area(2), help_text="In PEM."
    )
    conditions = forms.CharField(
        required=False, max_length=8000, widget=_area(5), help_text="One a line; all of them have to hold."
    )
    timeout_ms = forms.IntegerField(
        label="Time limit, ms", min_value=100, max_value=60_000, initial=5000, help_text="For everything together."
    )
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

    def __init__(
        self,
        environments: QuerySet[Environment],
        data: QueryDict | None = None,
        *,
        kind: str = Kind.HTTP,
        check: HealthCheck | None = None,
        initial: dict[str, Any] | None = None,
    ) -> None:
        self.check = check
        self.kind = check.kind if check else kind
        self.stored = stored_secrets(check)
        known = _definition(check, self.stored) if check else {"conditions": self.shape.conditions}
        super().__init__(data, initial=known | (initial or {}))
        field = self.fields["environment"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = environments
        self._keep_fields_of_kind()

    @property
    def shape(self) -> KindForm:
        """What the form shows for this kind."""
        return KINDS[self.kind]

    def _keep_fields_of_kind(self) -> None:
        kept = {name for _, names in self.group_names() for name in names}
        for name in [name for name in self.fields if name not in kept]:
            del self.fields[name]
        for name, label in self.shape.labels.items():
            self.fields[name].label = label
        for name, text in self.shape.helps.items():
            self.fields[name].help_text = text
        if self.kind == Kind.HEARTBEAT and not self.check:
            self.fields["failure_threshold"].initial = 1

    def group_names(self) -> list[tuple[str, tuple[str, ...]]]:
        """The titles of the groups and the names of their fields."""
        limit, place = ((), ()) if self.kind == Kind.HEARTBEAT else (("timeout_ms",), ("location",))
        groups = [
            ("What is asked", ("name", "environment", *self.shape.asks)),
            ("What a good answer is", ("conditions", *limit)),
            ("When, and what it means", ("interval_seconds", *place, "failure_threshold", "is_critical", *_BELONGS)),
            *self.shape.parts,
        ]
        return [*groups, ("How it signs in", self.shape.signs_in)] if self.shape.signs_in else groups

    @property
    def has_secrets(self) -> bool:
        """Whether anything of how it signs in is stored, or was just refused."""
        names = self.shape.signs_in
        return any(self.stored.get(name) for name in names) or any(name in self.errors for name in names)

    def columns(self) -> list[list[tuple[str, list[forms.BoundField]]]]:
        """Return the fields as the page shows them: what is asked in one column, what it means in the other."""
        asks, *others = [(title, [self[name] for name in names]) for title, names in self.group_names()]
        return [[asks, *others[2:]], others[:2]]

    def clean_headers(self) -> dict[str, str]:
        """Return the headers by name; a masked value keeps what was stored under its name."""
        return named_values(self.cleaned_data["headers"], self._stored("headers"), what="header")

    def clean_values(self) -> dict[str, str]:
        """Return the secrets of the steps by name."""
        return named_values(self.cleaned_data["values"], self._stored("values"), what="secret")

    def _stored(self, name: str) -> Mapping[str, str]:
        found = self.stored.get(name, {})
        return found if isinstance(found, dict) else {}

    def secrets(self) -> dict[str, Any]:
        """What is to be kept encrypted; a mask keeps what is stored."""
        given = {name: self.cleaned_data.get(name) for name in ("headers", "values")}
        for name in ("user", "password", "token", "certificate", "key"):
            value = self.cleaned_data.get(name, "")
            given[name] = self.stored.get(name, "") if value == MASK else value
        return given

    def definition(self) -> dict[str, Any]:
        """The check as the service takes it."""
        plain = ("name", "environment", "component", "group", "location", "conditions", "timeout_ms",
                 "interval_seconds", "failure_threshold", "is_critical", "is_fresh")  # fmt: skip
        values = {name: self.cleaned_data[name] for name in plain if name in self.cleaned_data}
        options = options_of(self.kind, self.cleaned_data)
        target = self.cleaned_data.get("target", "")
        return {**values, "kind": self.kind, "target": target, "options": options, "secrets": self.secrets()}

    def clean(self) -> dict[str, Any]:
        """Refuse what cannot be asked, beside its field."""
        values = super().clean() or {}
        if not self.errors:
            for name, sentence in check_refusals(self.row()).items():
                self._refuse(name, sentence)
        return values

    def row(self) -> HealthCheck:
        """A check that is not saved, as the form's values define it."""
        row = HealthCheck(**self.definition())
        row.pk = self.check.pk if self.check else None
        return row

    def refuse(self, error: ValidationError) -> None:
        """Show what the service refused, beside the field where there is one."""
        for name, sentences in error.message_dict.items():
            for sentence in sentences:
                self._refuse(name, sentence)

    def _refuse(self, name: str, sentence: str) -> None:
        field = field_of(name)
        self.add_error(None if name == NON_FIELD_ERRORS or field not in self.fields else field, sentence)


def _definition(check: HealthCheck, stored: Mapping[str, Any]) -> dict[str, Any]:
    names = (
        "name", "environment", "component", "group", "location", "target", "conditions", "timeout_ms",
        "interval_seconds", "failure_threshold", "is_critical", "is_fresh",
    )  # fmt: skip
    masks = {name: MASK for name in ("password", "token", "key") if stored.get(name)}
    lines = {name: masked_lines(stored.get(name, {})) for name in ("headers", "values")}
    open_ones = {name: stored.get(name, "") for name in ("user", "certificate")}
    return {name: getattr(check, name) for name in names} | stored_options(check) | open_ones | masks | lines
