import json
import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from deployments.models import Environment
from postdeploy.idempotency import forget_old_keys
from postdeploy.models import KeptAnswer
from tests.api_client import ApiClient
from tests.at_once import at_once
from tests.factories import ApiTokenFactory
from tests.postdeploy.api_urls_for_tests import Things

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.postdeploy.api_urls_for_tests")]
KEY = "8e03978e-40d5-43dd-bc93-6894a57f9324"


@pytest.fixture
def api():
    return ApiClient(ApiTokenFactory())


def send(api, name="a", key=KEY, **more):
    return api.send("/things", {"name": name, **more}, **({} if key is None else {"Idempotency-Key": key}))


def test_a_repeat_is_answered_with_the_first_answer(api):
    first, again = send(api), send(api)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first
    assert Environment.objects.count() == 1


def test_without_a_key_each_request_stands_alone(api):
    send(api, name="a", key=None)
    send(api, name="b", key=None)
    assert not KeptAnswer.objects.exists()


def test_a_key_may_be_quoted_or_bare(api):
    send(api)
    assert send(api, key=f'"{KEY}"')["Idempotency-Replayed"] == "true"


def test_a_key_with_another_body_is_422_and_does_nothing(api):
    send(api)
    response = send(api, name="b")
    assert (response.status_code, response.json()["code"]) == (422, "idempotency_key_reused")
    assert Environment.objects.count() == 1


def test_keys_of_two_tokens_never_meet(api):
    other = ApiClient(ApiTokenFactory())
    first, second = send(api), send(other, name="b")
    assert second.status_code == 201
    assert first.json()["id"] != second.json()["id"]


@pytest.mark.parametrize("key", ["", '""', " ", "x" * 256, "ä", "a\tb"])
def test_a_bad_key_is_400(api, key):
    response = send(api, key=key)
    assert (response.status_code, response.json()["code"]) == (400, "bad_idempotency_key")


def test_the_longest_key_is_accepted(api):
    assert send(api, key="x" * 255).status_code == 201


def test_a_refused_request_may_be_mended_under_its_key(api):
    assert send(api, name="").status_code == 400
    assert send(api, name="a").status_code == 201


def test_a_crash_leaves_nothing_and_the_key_free(api, monkeypatch):
    def crash():
        raise RuntimeError

    monkeypatch.setattr(Things, "before_answer", staticmethod(crash))
    assert send(api).status_code == 500
    assert not Environment.objects.exists()
    monkeypatch.undo()
    response = send(api)
    assert response.status_code == 201
    assert "Idempotency-Replayed" not in response


def test_after_a_day_the_key_is_free_again(api):
    send(api)
    KeptAnswer.objects.update(created_at=timezone.now() - timedelta(hours=24, seconds=1))
    response = send(api, name="b")
    assert response.status_code == 201
    assert "Idempotency-Replayed" not in response
    assert KeptAnswer.objects.get().created_at > timezone.now() - timedelta(minutes=1)


def test_only_old_answers_are_forgotten(api):
    send(api)
    forget_old_keys()
    assert KeptAnswer.objects.count() == 1
    KeptAnswer.objects.update(created_at=timezone.now() - timedelta(hours=25))
    forget_old_keys()
    forget_old_keys()
    assert not KeptAnswer.objects.exists()


def test_the_request_is_not_kept_only_its_fingerprint(api):
    send(api, text="a secret of the caller")
    assert "secret of the caller" not in json.dumps(KeptAnswer.objects.values().get(), default=str)


@pytest.mark.django_db(transaction=True)
def test_while_the_first_request_runs_the_second_is_409_and_then_replayed(monkeypatch):
    token = ApiTokenFactory()
    is_inside, may_go_on = threading.Event(), threading.Event()

    def hold():
        is_inside.set()
        assert may_go_on.wait(10)

    monkeypatch.setattr(Things, "before_answer", staticmethod(hold))
    first = []

    def run():
        try:
            first.append(send(ApiClient(token)))
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert is_inside.wait(10)
    second = send(ApiClient(token))
    assert (second.status_code, second.json()["code"], second["Retry-After"]) == (409, "in_progress", "1")
    may_go_on.set()
    thread.join(10)
    assert first[0].status_code == 201
    assert send(ApiClient(token))["Idempotency-Replayed"] == "true"


@pytest.mark.django_db(transaction=True)
def test_when_the_first_request_dies_its_key_is_free_at_once(monkeypatch):
    token = ApiTokenFactory()

    def die():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    monkeypatch.setattr(Things, "before_answer", staticmethod(die))
    assert send(ApiClient(token)).status_code == 503
    monkeypatch.undo()
    connection.close()
    response = send(ApiClient(token))
    assert response.status_code == 201
    assert "Idempotency-Replayed" not in response
    assert Environment.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_ten_at_once_do_the_work_once():
    token = ApiTokenFactory()
    answers = at_once(lambda: send(ApiClient(token)), 10)
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert Environment.objects.count() == 1
    assert KeptAnswer.objects.count() == 1
