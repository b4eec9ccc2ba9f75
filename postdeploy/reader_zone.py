"""The reader's time zone: the browser names it in the cookie `tz`, every time of the page is then written in it."""

from collections.abc import Callable
from functools import cache
from urllib.parse import unquote
from zoneinfo import ZoneInfo, available_timezones

from django.http import HttpRequest, HttpResponse
from django.utils import timezone


class ReaderZone:
    """Activates the zone of the cookie for one request; without one, or with an unknown one, TIME_ZONE stays."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request in the reader's zone."""
        zone = _zone(unquote(request.COOKIES.get("tz", "")))
        if zone is None:
            return self.get_response(request)
        with timezone.override(zone):
            return self.get_response(request)


def _zone(name: str) -> ZoneInfo | None:
    return ZoneInfo(name) if name in _known() else None


@cache
def _known() -> frozenset[str]:
    return frozenset(available_timezones())
