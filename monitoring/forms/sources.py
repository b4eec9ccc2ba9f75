"""The forms of sources, of the limit of series, and of one metric."""

from typing import TYPE_CHECKING, ClassVar

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import QuerySet
from django.http import QueryDict

from deployments.models import Environment, Project
from monitoring.formats.batch import MAX_KEY, text_fault
from monitoring.models import Metric, Source

if TYPE_CHECKING:
    MetricModelForm = forms.ModelForm[Metric]
else:
    MetricModelForm = forms.ModelForm

MOST_SERIES = 1_000_000
MAX_SERIES_RANGE = f"Type a whole number between 1 and {MOST_SERIES:,}, without separators."


class SourceForm(forms.Form):
    """Where the samples of a source belong that do not say so themselves."""

    environment = forms.ModelChoiceField(
        queryset=Environment.objects.none(),
        required=False,
        empty_label="the one that the samples name",
        help_text="For samples that name none: by label, resource attribute, or ?environment= in the address.",
    )

    def __init__(self, source: Source, environments: QuerySet[Environment], data: QueryDict | None = None) -> None:
        super().__init__(data, initial={"environment": source.environment_id})
        field: forms.ModelChoiceField[Environment] = self.fields["environment"]  # type: ignore[assignment]
        field.queryset = environments


class LimitForm(forms.Form):
    """How many series a project may have."""

    max_series = forms.IntegerField(
        label="Series that the project may have",
        help_text="What would be more is refused, and said on the page of sources; those that are there stay. A label"
        " with an id in it is the usual cause.",
        error_messages=dict.fromkeys(("required", "invalid"), MAX_SERIES_RANGE),
        validators=[MinValueValidator(1, MAX_SERIES_RANGE), MaxValueValidator(MOST_SERIES, MAX_SERIES_RANGE)],
    )


class MetricForm(MetricModelForm):
    """What a metric is, and what counts."""

    class Meta:
        model = Metric
        fields: ClassVar = [
            "key", "name", "unit", "kind", "category", "bad_direction", "least_change", "least_change_absolute",
            "hard_limit", "capacity_limit", "is_critical", "is_muted", "must_have_data", "is_counter", "description",
            "how",
        ]  # fmt: skip
        labels: ClassVar = {
            "bad_direction": "Worse",
            "least_change": "Least change that matters, as a share",
            "least_change_absolute": "Least change that matters, in units",
            "is_critical": "Critical: a regression fails the deployment instead of degrading it",
            "is_muted": "Muted: kept and drawn, but it says nothing about a deployment",
            "must_have_data": "Must have data: a deployment without it is not called healthy",
            "is_counter": "Counter: only ever grows, and is read as its rate",
            "how": "How it is measured",
        }
        help_texts: ClassVar = {
            "key": "The name under which it is sent, such as checkout.orders; it cannot be changed later.",
            "unit": "Such as ms, s, %, bytes; empty for a plain number.",
            "kind": "What sort of number it is: the comparison of before and after depends on it.",
            "is_counter": "",
        }

    def __init__(self, project: Project, data: QueryDict | None = None, *, metric: Metric | None = None) -> None:
        super().__init__(data, instance=metric or Metric(project=project))
        self.project = project
        if metric is not None:
            del self.fields["key"]

    def clean_key(self) -> str:
        """Return the key; it is free and can be sent."""
        key: str = self.cleaned_data["key"].strip()
        if fault := text_fault("The key", key, MAX_KEY):
            raise forms.ValidationError(fault, code="invalid")
        if Metric.objects.of(self.project).filter(key=key).exists():
            raise forms.ValidationError("The project has a metric with this key.", code="unique")
        return key

    def clean_least_change(self) -> float:
        """Return the share; it is none below nought."""
        least: float = self.cleaned_data["least_change"]
        if not 0 <= least <= 100:
            raise forms.ValidationError("Must be between 0 and 100; 0.1 is 10 %.", code="range")
        return least
