"""Account pages and errors are in our own words and frame, signed in or not."""

import pytest
from django.core import mail

pytestmark = pytest.mark.django_db


@pytest.fixture
def person(django_user_model):
    return django_user_model.objects.create_user("jw", "jw@example.org", "a-long-password-1", first_name="Jonas")


@pytest.mark.parametrize(
    ("address", "heading"),
    [
        ("/account/login/", "Sign in"),
        ("/account/signup/", "Accounts are made by an administrator"),
        ("/account/inactive/", "This account is switched off"),
        ("/account/password/reset/", "Forgotten password"),
        ("/account/password/reset/done/", "Look into your mail"),
        ("/account/password/reset/key/done/", "Your password is changed"),
        ("/account/password/reset/key/1-nonsense/", "This link no longer works"),
        ("/account/confirm-email/", "Look into your mail"),
        ("/account/confirm-email/nonsense/", "This link no longer works"),
    ],
)
def test_a_page_for_somebody_signed_out_has_one_heading_of_ours(client, address, heading):
    text = client.get(address).content.decode()
    assert f"<h1>{heading}</h1>" in text
    assert text.count("<h1") == 1
    assert "css/tokens.css" in text


@pytest.mark.parametrize("address", ["password/change", "email", "logout", "reauthenticate"])
def test_a_page_for_somebody_signed_in_stands_in_the_frame(client, person, address):
    client.force_login(person)
    text = client.get(f"/account/{address}/").content.decode()
    assert 'class="side"' in text
    assert text.count("<h1") == 1


def test_a_wrong_password_is_said_on_top_and_the_name_is_kept(client, person):
    answer = client.post("/account/login/", {"login": "jw", "password": "wrong"})
    text = answer.content.decode()
    assert "data-error-summary" in text
    assert 'value="jw"' in text


def test_a_forgotten_password_can_be_set_anew(client, person):
    client.post("/account/password/reset/", {"email": person.email})
    address = next(word for word in mail.outbox[0].body.split() if "/password/reset/key/" in word)
    answer = client.get("/" + address.split("/", 3)[3], follow=True)
    assert "<h1>New password</h1>" in answer.content.decode()
    new = {"password1": "another-long-one-2", "password2": "another-long-one-2"}
    client.post(answer.redirect_chain[-1][0], new)
    person.refresh_from_db()
    assert person.check_password("another-long-one-2")


def test_an_error_page_brings_its_request_id_and_a_way_back(client):
    answer = client.get("/nowhere-at-all", headers={"X-Request-ID": "req-4821"})
    text = answer.content.decode()
    assert answer.status_code == 404
    assert "<h1>There is nothing here</h1>" in text
    assert "req-4821" in text
    assert 'href="/"' in text


def test_the_page_of_a_lost_database_asks_the_database_nothing(client, django_assert_num_queries):
    from django.template.loader import render_to_string

    with django_assert_num_queries(0):
        for name in ("400", "403", "403_csrf", "404", "413", "500", "503"):
            assert "<h1>" in render_to_string(f"{name}.html")
