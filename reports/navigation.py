"""The side bar: which project, which pages, how much waits on each."""

from typing import Any

from django.http import HttpRequest


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Return the template variable `nav`."""
    return {"nav": None}
