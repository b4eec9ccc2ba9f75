"""The form that asks what past verdicts would have been."""

import math
import re
from collections.abc import Container, Iterable, Sequence
from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db.models import QuerySet
from django.http import QueryDict

from deployments.models import Deployment, Environment
from monitoring.changes import BEFORE, MOST_METRICS, Changes
from monitoring.judge.facts import CHANCE_LIMIT
from postdeploy.forms import DurationField

#: Rows for metrics that the form begins with, and how many each press of "More metrics" adds.
ROWS = 3
#: The button that asks for more rows.
MORE = "more"
_ROW = re.compile(r"m([1-9][0-9]{0,2})-")
_FLAG = (("", "as it was"), ("yes", "yes"), ("no", "no"))
_NO_NUMBER = {"invalid": "Write a number, such as 20 or 0.5."}


class MetricChangeForm(forms.Form):
    """What is changed of one metric; what is left empty stays as it was."""

    metric = forms.CharField(
        required=False,
        max_length=200,
        help_text="Its key; the list helps.",
        widget=forms.TextInput(attrs={"list": "metrics", "autocomplete": "off"}),
    )
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

    def __init__(self, metrics: Container[str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.metrics = metrics

    def clean_metric(self) -> str:
        """Return the key of a metric that there is."""
        key = str(self.cleaned_data["metric"])
        if key and key not in self.metrics:
            raise ValidationError(f"There is no metric {key[:60]} in this project.")
        return key

    def clean_hard_limit(self) -> float | str:
        """Return the number, "none", or nothing."""
        text = self.cleaned_data["hard_limit"].strip().lower()
        if text in ("", "none"):
            return str(text)
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise ValidationError("Write a number such as 2.5, or none.")
        return number

    def clean(self) -> dict[str, Any]:
        """Ask for the metric where something is changed, and for a change where there is a metric."""
        given = super().clean() or {}
        if self.errors:
            return given
        if self.changes and not given.get("metric"):
            self.add_error("metric", "Choose the metric that this is about.")
        elif given.get("metric") and not self.changes:
            self.add_error("metric", "Say what to change of it, or leave it empty.")
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
    """What past deployments are judged with once more, with a row for each metric that is changed.

    `asked` is what the form opens with: an address, or what was typed before more rows were asked for.
    """

    environment = forms.ModelChoiceField(
        Environment.objects.none(), required=False, empty_label="all of the project", to_field_name="name"
    )
    chance_limit = forms.FloatField(
        label="Chance limit, %", required=False, min_value=0.05, max_value=5, error_messages=_NO_NUMBER,
        help_text="A change is real when ordinary moments look as changed at most this often. "
        f"{100 * CHANCE_LIMIT:g} is standard.",
    )  # fmt: skip
    settle_seconds = DurationField(
        label="Settling time", required=False, least=0, most=86_400, help_text="Not judged after a deployment."
    )
    baseline_seconds = DurationField(
        label="Length of the history", required=False, least=60, most=90 * 86_400,
        help_text="A longer one than then counts as far as its samples are kept.",
    )  # fmt: skip
    reference = forms.ChoiceField(
        label="Reference", required=False,
        help_text="Compare with how it was under this one, as far as its samples are kept. It needs its environment.",
        error_messages={"invalid_choice": "It is no longer to be had here; choose another one."},
    )  # fmt: skip
    as_configured = forms.BooleanField(
        label="Metrics as they are configured now", required=False,
        help_text="Else each metric is judged as it was configured then.",
    )  # fmt: skip

    def __init__(
        self,
        environments: QuerySet[Environment],
        metrics: Sequence[str],
        references: Sequence[Deployment] = (),
        data: QueryDict | None = None,
        *,
        asked: QueryDict | None = None,
    ) -> None:
        opened = {} if asked is None else {name: asked[name] for name in self.base_fields if name in asked}
        super().__init__(data, initial=opened)
        fields: dict[str, Any] = self.fields
        fields["environment"].queryset = environments
        told = [(str(row.pk), f"{row.version} in {row.environment.name}") for row in references]
        fields["reference"].choices = [("", "as it was"), (BEFORE, "the hours before"), *told]
        self.known_metrics = metrics
        self.rows = [
            MetricChangeForm(frozenset(metrics), data, prefix=f"m{number}", initial=_opened(asked, number))
            for number in range(1, _row_count(data if data is not None else asked) + 1)
        ]

    def is_valid(self) -> bool:
        """Tell whether the form and all its rows can be taken."""
        return all([super().is_valid(), *(row.is_valid() for row in self.rows)]) and self._is_once()

    def _is_once(self) -> bool:
        seen = set()
        for row in self.rows:
            metric = row.cleaned_data.get("metric")
            if metric and metric in seen:
                row.add_error("metric", "It stands in a row above already.")
            seen.add(metric)
        return not any(row.errors for row in self.rows)

    @property
    def can_have_more(self) -> bool:
        """True while another row could be taken."""
        return len(self.rows) < MOST_METRICS

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
            reference=given["reference"] or None,
            metrics={row.cleaned_data["metric"]: row.changes for row in self.rows if row.cleaned_data["metric"]},
            configured=dict(configured) if configured is not None and given["as_configured"] else None,
        )

    def refuse(self, error: ValidationError) -> None:
        """Show what the service did not accept, beside its field where there is one."""
        for name, sentences in error.update_error_dict({}).items():
            self.add_error(name if name in self.fields and name != NON_FIELD_ERRORS else None, sentences)


def _row_count(given: QueryDict | None) -> int:
    """How many rows there are: those that were sent, and some more if they were asked for."""
    sent = (_ROW.match(name) for name in given or ())
    count = max((int(row[1]) for row in sent if row), default=0)
    if given and MORE in given:
        count = max(count, _number(given.get("rows", ""))) + ROWS
    return max(ROWS, min(count, MOST_METRICS))


def _number(text: str) -> int:
    return int(text) if re.fullmatch(r"[0-9]{1,4}", text) else ROWS


def _opened(asked: QueryDict | None, number: int) -> dict[str, str]:
    """What a row opens with: what was typed; of the first one also what an address suggests by plain names."""
    if asked is None:
        return {}
    names = MetricChangeForm.base_fields
    plain = {name: asked.get(name, "") for name in names if name in asked} if number == 1 else {}
    typed = {name: value for name in names if (value := asked.get(f"m{number}-{name}", ""))}
    return plain | typed
