import threading
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client

from deployments.models import ApiToken
from deployments.services import revoke_token
from deployments.tokens import new_token
from tests.api_client import ApiClient
from tests.factories import ApiTokenFactory, UserFactory

NOW = datetime(2026, 11, 19, 12, 0, tzinfo=UTC)
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


def refused(response, challenge='Bearer realm="postdeploy", error="invalid_token"'):
    assert response.status_code == 401
    assert response["Content-Type"] == "application/problem+json"
    assert response["WWW-Authenticate"] == challenge
    return response.json()["detail"]


def with_header(value):
    return Client(headers={"Authorization": value} if value is not None else {}).get("/api/v1/deployments")


@pytest.mark.parametrize("header", [None, ""])
def test_without_a_token_it_is_401_and_says_what_to_send(header):
    refused(with_header(header), challenge='Bearer realm="postdeploy"')


@pytest.mark.parametrize("scheme", ["Basic dXNlcjpwYXNz", "Token pd_x", "pd_x"])
def test_another_scheme_is_401(scheme):
    assert "Bearer" in refused(with_header(scheme))


@pytest.mark.parametrize("text", ["", "pd_", "pd_" + "x" * 43, "pd_\u00e4", "x" * 10_000, "pd_a b"])
def test_an_unknown_token_is_401(text):
    refused(with_header(f"Bearer {text}"))


def test_the_scheme_may_be_written_in_any_case(token):
    assert with_header(f"bearer {token.text}").status_code == 200


def test_an_expired_a_revoked_and_an_unknown_token_are_told_the_same(token):
    expired = ApiTokenFactory(expires_at=NOW)
    revoked = ApiTokenFactory(revoked_at=NOW - timedelta(days=1))
    details = {refused(with_header(f"Bearer {text}")) for text in (expired.text, revoked.text, new_token())}
    assert details == {"This token is unknown, expired or revoked."}


def test_a_token_expires_on_time(clock):
    api = ApiClient(ApiTokenFactory(expires_at=NOW + timedelta(minutes=1)))
    assert api.ask("/deployments").status_code == 200
    clock.move_to(NOW + timedelta(minutes=1))
    assert api.ask("/deployments").status_code == 401


def test_a_revoked_token_fails_on_the_next_request(api, token):
    assert api.ask("/deployments").status_code == 200
    assert revoke_token(token=token, now=NOW)
    refused(api.ask("/deployments"))
    assert not revoke_token(token=token, now=NOW)


@pytest.mark.parametrize("name", ["token", "access_token", "api_token", "key"])
def test_a_token_in_the_address_is_refused_even_beside_a_good_one(api, token, name):
    response = api.get(f"/api/v1/deployments?{name}={token.text}")
    assert response.status_code == 401
    assert "ends up in logs" in response.json()["detail"]


def test_a_session_is_no_token(client):
    client.force_login(UserFactory(is_superuser=True))
    assert client.get("/api/v1/deployments").status_code == 401


def test_use_is_noted_at_most_once_a_minute(api, token, clock, django_assert_num_queries):
    api.ask("/deployments")
    assert ApiToken.objects.get().latest_use_at == NOW
    for seconds, noted in [(30, 0), (60, 0), (61, 61)]:
        clock.move_to(NOW + timedelta(seconds=seconds))
        api.ask("/deployments")
        assert ApiToken.objects.get().latest_use_at == NOW + timedelta(seconds=noted)


def test_a_token_is_named_by_a_refusal_but_never_shown(project):
    weak = ApiTokenFactory(project=project, scopes=["reports:read"], name="Reports")
    response = ApiClient(weak).ask("/deployments")
    assert response.status_code == 403
    assert response.json()["detail"] == (
        "This needs the scope deployments:read; the token “Reports” has: reports:read."
    )
    assert weak.text not in response.content.decode()


@pytest.mark.django_db(transaction=True)
def test_revoking_stops_a_stream_of_requests():
    token = ApiTokenFactory()
    statuses, is_running = [], threading.Event()

    def stream():
        try:
            for _ in range(50):
                statuses.append(ApiClient(token).ask("/deployments").status_code)
                is_running.set()
        finally:
            connection.close()

    thread = threading.Thread(target=stream)
    thread.start()
    assert is_running.wait(10)
    revoke_token(token=token, now=NOW)
    before = len(statuses)
    thread.join(30)
    assert set(statuses[before + 1 :]) == {401}
