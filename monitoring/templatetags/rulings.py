"""What was ruled on a finding, for templates that go through findings."""

from collections.abc import Mapping

from django import template

from monitoring.models import Ruling, RulingKind

register = template.Library()


@register.filter
def ruled_on(rulings: Mapping[str, Ruling] | None, key: str) -> Ruling | None:
    """Return the ruling on the finding `key`; None where nobody ruled."""
    return rulings.get(key) if rulings else None


@register.simple_tag
def ruling_kinds() -> list[tuple[str, str]]:
    """Return what can be ruled, with its label."""
    return [(kind.value, str(kind.label)) for kind in RulingKind]
