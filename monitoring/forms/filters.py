"""Filters as they stand in the address; what is unknown filters nothing."""

from datetime import datetime
from typing import Any

from django import forms
from django.http import QueryDict

from monitoring.selectors import RANGES, STATES, Span, span_of
from postdeploy.lib import locations


class ChecksForm(forms.Form):
    """The filter of the list of checks."""

    environment = forms.CharField(required=False, max_length=100)
    state = forms.ChoiceField(required=False, choices=[("", "All"), *((state, state.capitalize()) for state in STATES)])
    kind = forms.CharField(required=False, max_length=20)
    group = forms.CharField(required=False, max_length=100)
    location = forms.CharField(required=False, max_length=locations.LONGEST)
    q = forms.CharField(required=False, max_length=200, label="Text")

    def wanted(self) -> dict[str, str]:
        """Return the filter's values; the text is `text`."""
        self.is_valid()
        values = self.cleaned_data
        names = {name: name for name in ("environment", "state", "kind", "group", "location")} | {"text": "q"}
        return {name: values.get(field, "") for name, field in names.items()}


class SpanForm(forms.Form):
    """How far back a page looks: `over`, or `from` and `to` of a zoom."""

    over = forms.ChoiceField(required=False, choices=[(name, name) for name in RANGES])
    since = forms.DateTimeField(required=False)
    until = forms.DateTimeField(required=False)

    def __init__(self, query: QueryDict) -> None:
        values: dict[str, Any] = {"over": query.get("over", ""), "since": query.get("from"), "until": query.get("to")}
        super().__init__(values)

    def span(self, now: datetime, default: str = "3h") -> Span:
        """Return the stretch the page is about."""
        self.is_valid()
        values = self.cleaned_data
        return span_of(values.get("over", ""), values.get("since"), values.get("until"), now=now, default=default)
