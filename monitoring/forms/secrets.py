"""Secrets in a form: stored ones are shown as a mask, and a mask that comes back keeps what is stored."""

from collections.abc import Iterable, Mapping

from django.core.exceptions import ValidationError

from deployments.models import MASK
from monitoring.models import HealthCheck
from postdeploy.lib.secrets import SecretUnreadable

MAX_LINES = 20


def stored_secrets(check: HealthCheck | None) -> Mapping[str, object]:
    """The opened secrets of a check; none when they cannot be read any more."""
    try:
        return dict(check.secrets) if check else {}
    except SecretUnreadable:
        return {}


def masked_lines(names: Iterable[str]) -> str:
    """``Name: ••••••``, one in a line."""
    return "\n".join(f"{name}: {MASK}" for name in names)


def named_values(text: str, stored: Mapping[str, str], *, what: str) -> dict[str, str]:
    """The values of lines such as ``Name: value``; ValidationError names the line that is none."""
    values: dict[str, str] = {}
    for line in filter(None, (line.strip() for line in text.splitlines())):
        name, colon, value = (part.strip() for part in line.partition(":"))
        if not colon:
            raise ValidationError(f"“{line[:60]}” is no {what}; write Name: value, one in a line.")
        if value == MASK and name not in stored:
            raise ValidationError(f"Enter the value of {name}: nothing is stored under this name.")
        values[name] = stored[name] if value == MASK else value
    if len(values) > MAX_LINES:
        raise ValidationError(f"There may be at most {MAX_LINES} of them.")
    return values
