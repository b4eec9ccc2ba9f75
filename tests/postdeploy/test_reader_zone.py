"""Times are written in the zone that the reader's browser named."""

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from django.utils import timezone

from postdeploy.reader_zone import ReaderZone


def zone_for(cookie):
    request = RequestFactory().get("/")
    if cookie is not None:
        request.COOKIES["tz"] = cookie
    answer = ReaderZone(lambda request: HttpResponse(timezone.get_current_timezone_name()))(request)
    return answer.content.decode()


@pytest.mark.parametrize("cookie", ["Europe/Berlin", "Europe%2FBerlin"])
def test_the_zone_of_the_cookie_is_active_during_the_request(cookie):
    assert zone_for(cookie) == "Europe/Berlin"
    assert timezone.get_current_timezone_name() == "UTC"


@pytest.mark.parametrize("cookie", [None, "", "Mars/Base", "../../etc/passwd", "/etc/localtime", "\x00", "é" * 5000])
def test_a_zone_that_does_not_exist_changes_nothing(cookie):
    assert zone_for(cookie) == "UTC"
