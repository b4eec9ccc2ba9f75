"""Form fields that several pages need."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from postdeploy.lib.durations import duration_text, parse_duration


class DurationField(forms.CharField):
    """A duration typed as "15 min" or "2 h"; its value is whole seconds between `least` and `most`."""

    def __init__(self, *, least: int = 1, most: int = 31_536_000, **kwargs: Any) -> None:
        super().__init__(max_length=40, **kwargs)
        self.least, self.most = least, most

    def prepare_value(self, value: Any) -> Any:
        """Return seconds as words; what was typed stays as it was."""
        return duration_text(value) if isinstance(value, int) else value

    def clean(self, value: Any) -> Any:
        """Return the seconds, or None for an empty optional field."""
        text = super().clean(value)
        if not text:
            return None
        try:
            seconds = parse_duration(text)
        except ValueError as error:
            raise ValidationError(str(error), code="invalid") from None
        if not self.least <= seconds <= self.most:
            span = f"{duration_text(self.least)} and {duration_text(self.most)}"
            raise ValidationError(f"It must be between {span}.", code="range")
        return seconds

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare seconds with seconds."""
        try:
            return bool(initial != self.clean(data))
        except ValidationError:
            return True
