"""The form that plans maintenance."""

from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db.models import QuerySet
from django.http import QueryDict

from deployments.models import Environment
from monitoring.models import HealthCheck


class Moment(forms.DateTimeInput):
    """A moment as browsers let people pick it, in the reader's zone."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%dT%H:%M")


class CheckField(forms.ModelChoiceField):  # type: ignore[type-arg]  # no generic at run time
    """A check, named with its environment."""

    def label_from_instance(self, obj: HealthCheck) -> str:
        """Return what the list of choices shows."""
        return f"{obj.name} ({obj.environment.name})"


_TIME = {"invalid": "Write a day and a time, such as 2026-11-24 18:30."}


class MaintenanceForm(forms.Form):
    """When, of what, and why."""

    starts_at = forms.DateTimeField(label="From", widget=Moment(), error_messages=_TIME)
    ends_at = forms.DateTimeField(label="Until", widget=Moment(), error_messages=_TIME)
    environment = forms.ModelChoiceField(Environment.objects.none(), required=False, empty_label="all of the project")
    check = CheckField(HealthCheck.objects.none(), required=False, empty_label="all checks", label="Or one check")
    every_week = forms.BooleanField(
        required=False, label="Every week", help_text="Again at this time of each week, counted in UTC."
    )
    reason = forms.CharField(max_length=200, help_text="Such as database upgrade; it stands in the charts.")

    def __init__(
        self,
        environments: QuerySet[Environment],
        checks: QuerySet[HealthCheck],
        data: QueryDict | None = None,
        *,
        initial: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(data, initial=initial)
        for name, rows in (("environment", environments), ("check", checks)):
            field = self.fields[name]
            assert isinstance(field, forms.ModelChoiceField)
            field.queryset = rows

    def refuse(self, error: ValidationError) -> None:
        """Show what the service refused, beside the field where there is one."""
        for name, sentences in error.message_dict.items():
            self.add_error(None if name == NON_FIELD_ERRORS or name not in self.fields else name, sentences)
