"""What goes wrong is told in the caller's language: problem documents to programs, pages to people."""

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.db import InterfaceError, OperationalError
from django.test import Client

from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def client():
    return Client(raise_request_exception=False)


@pytest.fixture
def no_sessions(monkeypatch):
    def fail(self):
        raise OperationalError("secret detail")

    monkeypatch.setattr(SessionStore, "load", fail)


def test_a_page_that_is_not_there_is_a_page(client):
    response = client.get("/nothing")
    assert response.status_code == 404
    assert response["Content-Type"].startswith("text/html")
    assert "There is nothing here, or it is not yours to see." in response.content.decode()


def test_while_the_database_is_away_a_page_is_503_wherever_it_is_missed(client, no_sessions, caplog):
    client.cookies["postdeploy_session"] = "x" * 32
    for path in ("/", "/p/shop/settings/", "/projects/new/"):
        caplog.clear()
        response = client.get(path)
        assert [record.exc_info for record in caplog.records] == [None], "one line, no stack"
        assert response.status_code == 503, path
        assert response["Retry-After"] == "5"
        assert "secret detail" not in response.content.decode()


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_while_the_database_is_away_a_signed_in_person_gets_503(client, monkeypatch, error, caplog):
    client.force_login(UserFactory())

    def fail(*args, **kwargs):
        raise error("secret detail")

    monkeypatch.setattr("deployments.views.projects.project_for", fail)
    response = client.get("/p/shop/settings/")
    assert [record.exc_info for record in caplog.records] == [None], "one line, no stack"
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert "secret detail" not in response.content.decode()


def test_a_form_that_is_too_large_is_413(client, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    client.force_login(UserFactory(is_superuser=True))
    response = client.post("/projects/new/", {"name": "x" * 2000})
    assert response.status_code == 413
    assert "send less" in response.content.decode()


def test_a_private_page_is_kept_by_no_cache(client):
    assert "Cache-Control" not in client.get("/nothing").headers
    client.force_login(UserFactory())
    assert "no-store" in client.get("/account/email/")["Cache-Control"]


def test_neither_the_api_nor_the_health_check_asks_for_a_session(client, no_sessions):
    client.cookies["postdeploy_session"] = "x" * 32
    assert client.get("/api/v1/deployments").status_code == 401
    assert client.get("/healthz").status_code == 200
