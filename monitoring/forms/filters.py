"""Filters as they stand in the address; what is unknown filters nothing."""

from django import forms

from monitoring.selectors import RANGES, STATES


class ChecksForm(forms.Form):
    """The filter of the list, as it stands in the address; what is unknown filters nothing."""

    environment = forms.CharField(required=False, max_length=100)
    state = forms.ChoiceField(required=False, choices=[("", "All"), *((state, state.capitalize()) for state in STATES)])
    q = forms.CharField(required=False, max_length=200, label="Text")

    def wanted(self) -> dict[str, str]:
        """Return the filter's values."""
        self.is_valid()
        values = self.cleaned_data
        return {name: values.get(field, "") for name, field in (("environment",) * 2, ("state",) * 2, ("text", "q"))}


class RangeForm(forms.Form):
    """How far back the chart of a check goes."""

    over = forms.ChoiceField(required=False, choices=[(name, name) for name in RANGES])

    def wanted(self) -> str:
        """Return the range's word, three hours without one."""
        self.is_valid()
        return self.cleaned_data.get("over") or "3h"
