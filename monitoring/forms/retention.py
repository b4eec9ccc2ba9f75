"""The form that says for how long a project keeps what it measures."""

from django import forms
from django.core.exceptions import ValidationError

_NUMBER = dict.fromkeys(("required", "invalid"), "Type a whole number of days, such as 30.")


def _days(label: str, help_text: str) -> forms.IntegerField:
    return forms.IntegerField(label=label, help_text=help_text, error_messages=_NUMBER)


class RetentionForm(forms.Form):
    """Days of each tier; the service says which go together."""

    raw_days = _days("Samples, days", "As they came: for charts to the second, alert rules, and verdicts.")
    minute_days = _days(
        "Roll-ups of a minute, days",
        "Count, mean, extremes and percentiles of each minute: what charts show once the samples are gone.",
    )
    hour_days = _days(
        "Roll-ups of an hour, days", "The same of each hour: for trends over months, and objectives of long windows."
    )

    def refuse(self, error: ValidationError) -> None:
        """Show what the service refused beside its field."""
        for name, sentences in error.message_dict.items():
            self.add_error(name, sentences)
