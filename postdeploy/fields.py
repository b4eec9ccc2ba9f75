"""Serializer parts of the API: unknown fields refused, words in lower case, times in RFC 3339, nothing coerced."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import TextChoices
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from postdeploy.lib.times import format_time, parse_time

# Control characters, and those that turn the direction of the text around them.
CONTROL = re.compile(r"[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
ADDRESS = re.compile(r"https?://[^\s/?#\\@]+(?:[/?#][^\s\\]*)?", re.IGNORECASE)
CONTROL_IN_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


class StrictSerializer(serializers.Serializer[Any]):
    """A serializer that refuses, by name, what it does not know."""

    default_error_messages = {"unknown_field": "There is no such field here. Known: {known}."}

    def to_internal_value(self, data: Any) -> Any:
        """Return the validated values; ValidationError names unknown fields beside the usual faults."""
        faults: dict[str, Any] = {}
        if isinstance(data, Mapping):
            faults = self._unknown(data)
        try:
            values = super().to_internal_value(data)
        except serializers.ValidationError as error:
            raise serializers.ValidationError({**faults, **error.detail}) from None  # type: ignore[dict-item]
        if faults:
            raise serializers.ValidationError(faults)
        return values

    def _unknown(self, data: Mapping[Any, Any]) -> dict[str, Any]:
        known = [name for name, field in self.fields.items() if not field.read_only]
        message = self.error_messages["unknown_field"].format(known=", ".join(known) or "none")
        unknown = sorted(set(map(str, data)) - set(known))
        return {name: [serializers.ErrorDetail(message, code="unknown_field")] for name in unknown}


class Nothing(StrictSerializer):
    """An empty body."""


class Line(serializers.CharField):
    """One line of text. A number is not taken for one: 1.10 would become 1.1."""

    default_error_messages = {
        "invalid": "Must be a string; put it in quotes.",
        "control": "Must not contain control characters or line breaks.",
    }
    refused = CONTROL

    def to_internal_value(self, data: Any) -> str:
        """Return the text without surrounding blanks."""
        if not isinstance(data, str):
            self.fail("invalid")
        text = data.strip() if self.trim_whitespace else data
        if self.refused.search(text):
            self.fail("control")
        return text


class Text(Line):
    """Text of any number of lines."""

    default_error_messages = {"control": "Must not contain control characters."}
    refused = CONTROL_IN_TEXT

    def to_internal_value(self, data: Any) -> str:
        """Return the text, its lines ended by a line feed alone."""
        return super().to_internal_value(data.replace("\r\n", "\n") if isinstance(data, str) else data)


class Choice(serializers.ChoiceField):
    """One of a few words, which its refusal names."""

    default_error_messages = {"invalid_choice": "Must be one of: {known}."}

    def to_internal_value(self, data: Any) -> Any:
        """Return the word."""
        if not isinstance(data, str) or data not in self.choices:
            self.fail("invalid_choice", known=", ".join(map(str, self.choices)))
        return data


@extend_schema_field({"type": "string", "format": "uri", "maxLength": 2000, "pattern": "^https?://[^\\s/?#]+"})
class Url(Line):
    """An address for people to follow: http or https, any host (also one without a dot)."""

    default_error_messages = {"invalid_url": "Must be an address that begins with http:// or https://."}

    def to_internal_value(self, data: Any) -> str:
        """Return the address."""
        text = super().to_internal_value(data)
        if text and not ADDRESS.fullmatch(text):
            self.fail("invalid_url")
        return text


class Flag(serializers.BooleanField):
    """true or false; "yes" and 1 are refused rather than guessed at."""

    default_error_messages = {"invalid": "Must be true or false, without quotes."}

    def to_internal_value(self, data: Any) -> bool:
        """Return the flag."""
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class Moment(serializers.DateTimeField):
    """A time in RFC 3339 with its offset; answered in UTC with milliseconds."""

    def to_internal_value(self, value: Any) -> datetime:
        """Return the aware time in UTC."""
        try:
            return parse_time(value)
        except ValueError as error:
            raise serializers.ValidationError(str(error), code="invalid_time") from None

    def to_representation(self, value: datetime) -> str:
        """Return `2026-01-02T03:04:05.678Z`."""
        return format_time(value)


class Word(Choice):
    """One of `choices`: lower_snake outside, the database's UPPER_CASE inside."""

    def __init__(self, choices: type[TextChoices], **kwargs: Any) -> None:
        self.words = choices
        super().__init__([(value.lower(), label) for value, label in choices.choices], **kwargs)

    def to_internal_value(self, data: Any) -> str:
        """Return the database's value of the word."""
        return str(super().to_internal_value(data)).upper()

    def to_representation(self, value: Any) -> str:
        """Return the outside word of a database value."""
        return str(value).lower()
