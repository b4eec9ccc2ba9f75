"""The form that asks what past verdicts would have been."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db.models import QuerySet
from django.http import QueryDict

from deployments.models import Environment
from monitoring.changes import Changes
from monitoring.models import Metric
from postdeploy.forms import DurationField

#: Metrics that can be changed on the page; the command takes any number.
ROWS = 3
_FLAG = (("", "as it was"), ("yes", "yes"), ("no", "no"))
_NO_NUMBER = {"invalid": "Write a number, such as 20 or 0.5."}


class MetricChangeForm(forms.Form):
    """What is changed of one metric; what is left empty stays as it was."""

    metric = forms.ModelChoiceField(Metric.objects.none(), required=False, empty_label="none", to_field_name="key")
    least_change = forms.FloatField(
        label="Least change, %", required=False, min_value=0, max_value=100_000, error_messages=_NO_NUMBER
    )
    least_change_absolute = forms.FloatField(
        label="Least change, in units", required=False, min_value=0, error_messages=_NO_NUMBER
    )
    hard_limit = forms.CharField(
        label="Hard limit", required=False, max_length=40, help_text="A number, or none to take it away."
    )
    is_critical = forms.ChoiceField(label="Critical", choices=_FLAG, required=False)
    is_muted = forms.ChoiceField(label="Muted", choices=_FLAG, required=False)
    must_have_data = forms.ChoiceField(label="Must have data", choices=_FLAG, required=False)

    def __init__(self, metrics: QuerySet[Metric], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["metric"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = metrics

    def clean_hard_limit(self) -> float | str:
        """Return the number, "none", or nothing."""
        text = self.cleaned_data["hard_limit"].strip().lower()
        if text in ("", "none"):
            return str(text)
        try:
            return float(text)
        except ValueError:
            raise ValidationError("Write a number such as 2.5, or none.") from None

    def clean(self) -> dict[str, Any]:
        """Ask for the metric where something is changed, and for a change where there is a metric."""
        given = super().clean() or {}
        if self.errors:
            return given
        if self.changes and not given.get("metric"):
            self.add_error("metric", "Choose the metric that this is about.")
        elif given.get("metric") and not self.changes:
            self.add_error("metric", "Say what to change of it, or choose none.")
        return given

    @property
    def is_open(self) -> bool:
        """True when something stands in it, so that it must be seen."""
        return bool(self.initial or (self.is_bound and (self.errors or self.has_changed())))

    @property
    def changes(self) -> dict[str, Any]:
        """The changed fields, as a replay names them."""
        given, fields = self.cleaned_data, {}
        if given.get("least_change") is not None:
            fields["least_change"] = given["least_change"] / 100
        if given.get("least_change_absolute") is not None:
            fields["least_change_absolute"] = given["least_change_absolute"]
        if given.get("hard_limit", "") != "":
            fields["hard_limit"] = None if given["hard_limit"] == "none" else given["hard_limit"]
        for name in ("is_critical", "is_muted", "must_have_data"):
            if given.get(name):
                fields[name] = given[name] == "yes"
        return fields


class ReplayForm(forms.Form):
    """What past deployments are judged with once more."""

    environment = forms.ModelChoiceField(
        Environment.objects.none(), required=False, empty_label="all of the project", to_field_name="name"
    )
    chance_limit = forms.FloatField(
        label="Chance limit, %", required=False, min_value=0.05, max_value=5, error_messages=_NO_NUMBER,
        help_text="A change is real when ordinary moments look as changed at most this often. Empty: as it was.",
    )  # fmt: skip
    settle_seconds = DurationField(
        label="Settling time", required=False, least=0, most=86_400, help_text="Not judged after a deployment."
    )
    baseline_seconds = DurationField(
        label="Compared with", required=False, least=60, most=90 * 86_400,
        help_text="So much history before; a longer one counts as far as its samples are kept.",
    )  # fmt: skip
    as_configured = forms.BooleanField(
        label="Metrics as they are configured now", required=False,
        help_text="Else each metric is judged as it was configured then.",
    )  # fmt: skip

    def __init__(
        self,
        environments: QuerySet[Environment],
        metrics: QuerySet[Metric],
        data: QueryDict | None = None,
        *,
        asked: QueryDict | None = None,
    ) -> None:
        super().__init__(data, initial={} if asked is None else {"environment": asked.get("environment", "")})
        field = self.fields["environment"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = environments
        first = {} if asked is None else {name: asked[name] for name in MetricChangeForm.base_fields if name in asked}
        self.rows = [
            MetricChangeForm(metrics, data, prefix=f"m{number}", initial=first if number == 1 else {})
            for number in range(1, ROWS + 1)
        ]

    def is_valid(self) -> bool:
        """Tell whether the form and all its rows can be taken."""
        return all([super().is_valid(), *(row.is_valid() for row in self.rows)]) and self._is_once()

    def _is_once(self) -> bool:
        seen = set()
        for row in self.rows:
            metric = row.cleaned_data.get("metric")
            if metric in seen and metric is not None:
                row.add_error("metric", "It stands in a row above already.")
            seen.add(metric)
        return not any(row.errors for row in self.rows)

    @property
    def has_open_rows(self) -> bool:
        """True when something stands in a row, so that it must be seen."""
        return any(row.is_open for row in self.rows)

    def changes(self, configured: Iterable[tuple[str, Any]] | None = None) -> Changes:
        """Return what is asked; `configured` are the metrics as they are configured now."""
        given = self.cleaned_data
        chance = given["chance_limit"]
        return Changes(
            chance_limit=None if chance is None else chance / 100,
            settle_seconds=given["settle_seconds"],
            baseline_seconds=given["baseline_seconds"],
            metrics={row.cleaned_data["metric"].key: row.changes for row in self.rows if row.cleaned_data["metric"]},
            configured=dict(configured) if configured is not None and given["as_configured"] else None,
        )

    def refuse(self, error: ValidationError) -> None:
        """Show what the service did not accept, beside its field where there is one."""
        for name, sentences in error.update_error_dict({}).items():
            self.add_error(name if name in self.fields and name != NON_FIELD_ERRORS else None, sentences)
