"""Forms of the sources that we fetch from; each refusal names the field and the fix."""

from datetime import timedelta
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import QueryDict

from deployments.models import MASK, Environment, Project
from monitoring.models import Source, SourceKind
from monitoring.pulls import MAX_BACKFILL, ConfigRefused
from monitoring.services import PulledFacts, definition_of
from monitoring.services.pulled_sources import Definition, refuse_taken_name
from postdeploy.forms import DurationField
from postdeploy.lib.secrets import SecretUnreadable

SECRETS = ("token", "user", "password")


def _lines(rows: int, **kwargs: Any) -> forms.CharField:
    widget = forms.Textarea(attrs={"rows": rows, "class": "mono", "spellcheck": "false"})
    return forms.CharField(max_length=20_000, widget=widget, **kwargs)


class PulledForm(forms.Form):
    """What all sources have in common that we fetch from."""

    kind: ClassVar[SourceKind]
    config_names: ClassVar[tuple[str, ...]] = ()

    name = forms.CharField(max_length=120)
    environment = forms.ModelChoiceField(
        Environment.objects.none(), required=False, empty_label="named by the data",
        help_text="Where the samples belong. “Named by the data” takes it from a label such as environment.",
    )  # fmt: skip
    url = forms.CharField(label="Address", max_length=2000)
    interval_seconds = DurationField(label="Every", least=5, most=86_400, initial=30, help_text="Such as 30 s.")
    timeout_seconds = forms.IntegerField(label="Time limit, s", min_value=1, max_value=60, initial=10)
    token = forms.CharField(
        label="Bearer token", required=False, max_length=4000, help_text="Stored encrypted and shown as ••••••."
    )
    user = forms.CharField(required=False, max_length=200, help_text="With a password, instead of a token.")
    password = forms.CharField(required=False, max_length=1000, help_text="Stored encrypted and shown as ••••••.")

    SIGN_IN = ("How we sign in", SECRETS)
    GROUPS: ClassVar[tuple[tuple[str, tuple[str, ...]], ...]] = ()

    def __init__(
        self,
        environments: QuerySet[Environment],
        data: QueryDict | None = None,
        *,
        project: Project,
        source: Source | None = None,
    ) -> None:
        self.project, self.source = project, source
        self.stored = _stored(source)
        super().__init__(data, initial=self._initial())
        field = self.fields["environment"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = environments
        for name in ("token", "password"):
            self.fields[name].widget.attrs |= {"autocomplete": "off", "spellcheck": "false"}

    def groups(self) -> list[tuple[str, list[forms.BoundField]]]:
        """Return the fields as the page shows them: under their titles."""
        groups = (*self.GROUPS, self.SIGN_IN)
        return [(title, [self[name] for name in names if name in self.fields]) for title, names in groups]

    def clean(self) -> dict[str, Any]:
        """Refuse what cannot be fetched, beside its field."""
        values = super().clean() or {}
        every = values.get("interval_seconds")
        if every and values.get("timeout_seconds", 0) > every:
            self.add_error("timeout_seconds", f"Must not be longer than Every, which is {every} s.")
        if not self.errors:
            try:
                self.definition()
            except ConfigRefused as refused:
                self.refuse(refused)
        return values

    def refuse(self, refused: ConfigRefused) -> None:
        """Show what was refused beside its field."""
        self.add_error(refused.field if refused.field in self.fields else None, refused.sentence)

    def clean_name(self) -> str:
        """Return the name; no other source of the project that we fetch from has it."""
        name: str = self.cleaned_data["name"]
        try:
            refuse_taken_name(project=self.project, name=name, source=self.source)
        except ConfigRefused as refused:
            raise ValidationError(refused.sentence, code="unique") from None
        return name

    def clean_token(self) -> str:
        """Return the token; a masked one is what is stored."""
        return self._secret("token")

    def clean_password(self) -> str:
        """Return the password; a masked one is what is stored."""
        return self._secret("password")

    def config(self) -> dict[str, Any]:
        """Return what is stored in the clear."""
        return {name: self.cleaned_data[name] for name in ("url", "timeout_seconds", *self.config_names)}

    def secrets(self) -> dict[str, str]:
        """Return what is stored encrypted."""
        return {name: self.cleaned_data[name] for name in SECRETS if self.cleaned_data.get(name)}

    def definition(self) -> Definition:
        """Return what the form's values say; ConfigRefused names the field."""
        return definition_of(self.kind, self.config(), self.secrets())

    def facts(self) -> PulledFacts:
        """Return the form's values as the services take them."""
        return PulledFacts(
            name=self.cleaned_data["name"],
            environment=self.cleaned_data["environment"],
            config=self.config(),
            interval_seconds=self.cleaned_data["interval_seconds"],
            secrets=self.secrets(),
        )

    def _secret(self, name: str) -> str:
        value: str = self.cleaned_data[name]
        if value != MASK:
            return value
        if not self.stored.get(name):
            raise ValidationError("Enter it: nothing is stored that could be kept.")
        return self.stored[name]

    def _initial(self) -> dict[str, Any]:
        if self.source is None:
            return {}
        shown = {name: MASK for name in ("token", "password") if self.stored.get(name)}
        return {
            **self.source.config,
            "name": self.source.name,
            "environment": self.source.environment_id,
            "interval_seconds": self.source.interval_seconds,
            "user": self.stored.get("user", ""),
            **shown,
        }


class ScrapeForm(PulledForm):
    """A target in Prometheus' text format."""

    kind = SourceKind.SCRAPE
    config_names = ("keep", "drop", "labels", "honour_times")

    keep = _lines(
        4, required=False, label="Take only",
        help_text="One rule in a line; without one everything is taken. Such as node_memory_* or"
        " http_requests_total{code=5*|4*}: * stands for any text, | for or, != turns a label round.",
    )  # fmt: skip
    drop = _lines(3, required=False, label="Leave out", help_text="Of what is taken. Such as go_* or {device=loop*}.")
    labels = _lines(
        2, required=False, label="Labels to add", help_text="To each sample, one in a line, such as instance=web-1."
    )
    honour_times = forms.BooleanField(
        required=False, initial=True, label="Keep times that the target gives",
        help_text="Otherwise every sample is of the time of the fetch.",
    )  # fmt: skip

    GROUPS = (
        ("What is fetched", ("name", "url", "environment", "interval_seconds", "timeout_seconds")),
        ("What of it is taken", ("keep", "drop", "labels", "honour_times")),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["url"].help_text = "Where the target shows its metrics, such as https://node-1.example.org/metrics."


class PromqlForm(PulledForm):
    """An existing Prometheus, or whatever speaks its API."""

    kind = SourceKind.PROMQL
    config_names = ("queries",)

    queries = _lines(
        6,
        help_text="One in a line: the metric, its unit in brackets if it has one, = and the query. Each series of the"
        " answer is a series here. Such as orders = sum(increase(orders_total[5m])) or"
        " checkout_p95 [s] = histogram_quantile(0.95, sum by (le) (rate(checkout_seconds_bucket[5m]))).",
    )  # fmt: skip
    backfill = DurationField(
        required=False, least=0, most=int(MAX_BACKFILL.total_seconds()), label="Fetch the past too",
        help_text="How far back, at most 30 d. Gaps that come later are made good without this.",
    )  # fmt: skip

    GROUPS = (
        ("What is asked", ("name", "url", "environment", "interval_seconds", "timeout_seconds")),
        ("Queries", ("queries", "backfill")),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["url"].help_text = "Where its API is, without /api/v1: such as https://prometheus.example.org."
        if self.source is not None:
            del self.fields["backfill"]

    def backfill_of(self) -> timedelta:
        """Return how far back the past is to be fetched."""
        return timedelta(seconds=self.cleaned_data.get("backfill") or 0)


FORMS: dict[str, type[PulledForm]] = {"scrape": ScrapeForm, "promql": PromqlForm}


def form_of(source: Source) -> type[PulledForm]:
    """Return the form of a source that we fetch from."""
    return FORMS[source.kind.lower()]


def _stored(source: Source | None) -> dict[str, str]:
    try:
        return dict(source.secrets) if source else {}
    except SecretUnreadable:
        return {}
