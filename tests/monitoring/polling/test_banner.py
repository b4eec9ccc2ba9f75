"""While our own network is away every page says so."""

import pytest
from django.core.cache import cache

from monitoring.models import ProberOutage
from tests.factories import UserFactory
from tests.monitoring.polling.harness import NOW

pytestmark = pytest.mark.django_db
WORDS = "Postdeploy itself cannot see: 4 of 5 hosts cannot be reached from vm:1."


def test_every_page_says_that_we_see_nothing_and_stops_saying_so(client):
    client.force_login(UserFactory())
    assert "our-view" not in client.get("/").content.decode()
    row = ProberOutage.objects.create(prober_name="vm:1", began_at=NOW, reason="4 of 5 hosts cannot be reached")
    cache.clear()
    assert WORDS in client.get("/").content.decode()
    row.ended_at = NOW
    row.save()
    cache.clear()
    assert "our-view" not in client.get("/").content.decode()


def test_who_is_not_signed_in_is_told_nothing(client):
    ProberOutage.objects.create(prober_name="vm:1", began_at=NOW, reason="4 of 5 hosts cannot be reached")
    assert "our-view" not in client.get("/account/login/").content.decode()
