"""`{% load sight %} {% our_view %}`: a note on every page while our own network is away."""

from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from monitoring.selectors.sight import why_blind

register = template.Library()


@register.simple_tag(takes_context=True)
def our_view(context: dict[str, Any]) -> SafeString | str:
    """Say to whoever is signed in that nothing can be said of the targets."""
    user = getattr(context.get("request"), "user", None)
    why = why_blind() if user is not None and user.is_authenticated else ""
    note = '<div class="note note--warn" id="our-view" role="status"><div>{}</div></div>'
    return format_html(note, why) if why else ""
