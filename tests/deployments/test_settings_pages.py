import re
from datetime import UTC, datetime, timedelta

import pytest

from deployments.models import ApiToken, Environment, Membership, Project, Role
from deployments.services import LastOwner, remove_member
from deployments.tokens import digest_of
from tests.at_once import at_once
from tests.factories import (
    ApiTokenFactory,
    DeploymentFactory,
    EnvironmentFactory,
    MembershipFactory,
    ProjectFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 19, 12, 0, tzinfo=UTC)


@pytest.fixture
def shop():
    return ProjectFactory(slug="shop", name="Shop")


@pytest.fixture
def sign_in(client, shop):
    def as_role(role):
        membership = MembershipFactory(project=shop, role=role, user__username=role.lower())
        client.force_login(membership.user)
        return client

    return as_role


@pytest.fixture
def owner(sign_in):
    return sign_in(Role.OWNER)


def text(response):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


# --- who may what -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "environments", "members"),
    [
        (Role.VIEWER, False, False),
        (Role.RESPONDER, False, False),
        (Role.MAINTAINER, True, False),
        (Role.OWNER, True, True),
    ],
)
def test_the_settings_offer_what_the_role_may_do(sign_in, shop, role, environments, members):
    EnvironmentFactory(project=shop)
    page = sign_in(role).get("/p/shop/settings/").content.decode()
    assert ("Add an environment" in page) == environments
    assert ("Add a member" in page) == ("Save the project" in page) == members


@pytest.mark.parametrize(
    ("path", "least"),
    [
        ("/p/shop/settings/", Role.OWNER),
        ("/p/shop/settings/environments/new/", Role.MAINTAINER),
        ("/p/shop/settings/environments/{environment}/", Role.MAINTAINER),
        ("/p/shop/settings/members/new/", Role.OWNER),
        ("/p/shop/settings/members/{member}/role/", Role.OWNER),
        ("/p/shop/settings/members/{member}/remove/", Role.OWNER),
        ("/p/shop/settings/tokens/", Role.MAINTAINER),
        ("/p/shop/settings/tokens/{token}/revoke/", Role.MAINTAINER),
    ],
)
@pytest.mark.parametrize("role", list(Role))
def test_changing_needs_the_role(sign_in, shop, path, least, role):
    known = {
        "environment": EnvironmentFactory(project=shop).pk,
        "member": MembershipFactory(project=shop).pk,
        "token": ApiTokenFactory(project=shop).pk,
    }
    response = sign_in(role).post(path.format(**known))
    assert (response.status_code == 403) == (not role.covers(least))


def test_somebody_else_sees_nothing(client, shop):
    client.force_login(UserFactory())
    assert client.get("/p/shop/settings/").status_code == 404
    assert client.get("/p/shop/settings/tokens/").status_code == 404


def test_rows_of_another_project_do_not_exist(owner):
    other = {
        "environments": EnvironmentFactory().pk,
        "members": MembershipFactory().pk,
        "tokens": ApiTokenFactory().pk,
    }
    for path in ("environments/{environments}/", "members/{members}/remove/", "tokens/{tokens}/revoke/"):
        assert owner.get(f"/p/shop/settings/{path.format(**other)}").status_code == 404


# --- project ----------------------------------------------------------------------------------------------------------


def test_an_owner_renames_the_project(owner, shop):
    response = owner.post("/p/shop/settings/", {"name": "Web shop", "issue_prefix": "WEB", "description": "Sells."})
    assert response.status_code == 302
    shop.refresh_from_db()
    assert (shop.name, shop.issue_prefix, shop.slug) == ("Web shop", "WEB", "shop")


def test_a_bad_prefix_is_refused_with_the_fix(owner, shop):
    response = owner.post("/p/shop/settings/", {"name": "Shop", "issue_prefix": "web-1", "description": ""})
    assert response.status_code == 400
    assert "Use capital letters and digits, such as SHOP." in text(response)


def test_an_administrator_makes_a_project_and_owns_it(client):
    admin = UserFactory(is_superuser=True, is_staff=True)
    client.force_login(admin)
    assert client.get("/projects/new/").status_code == 200
    response = client.post("/projects/new/", {"name": "Würste & more", "slug": "", "issue_prefix": "WM"})
    assert response["Location"] == "/p/wurste-more/settings/tokens/"
    assert Membership.objects.get(project__slug="wurste-more").role == Role.OWNER


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": "本番"}, "slug"),
        ({"slug": "a b"}, "slug"),
        ({"slug": "shop"}, "slug"),
        ({"issue_prefix": ""}, "issue_prefix"),
    ],
)
def test_a_project_that_cannot_be_made_says_why(client, shop, given, field):
    client.force_login(UserFactory(is_superuser=True))
    response = client.post("/projects/new/", {"name": "New", "slug": "", "issue_prefix": "NEW", **given})
    assert response.status_code == 400
    assert set(response.context["form"].errors) == {field}
    assert Project.objects.count() == 1


def test_nobody_else_makes_projects(owner):
    assert owner.get("/projects/new/").status_code == 403


# --- environments -----------------------------------------------------------------------------------------------------


def test_a_new_environment_is_shown_and_confirmed(owner, shop):
    environment = EnvironmentFactory(project=shop, name="prod-eu", tier="PRODUCTION")
    assert "New" in text(owner.get("/p/shop/settings/"))
    owner.post(f"/p/shop/settings/environments/{environment.pk}/", {"tier": "STAGING", "url": "http://shop:8080/"})
    environment.refresh_from_db()
    assert (environment.tier, environment.url, environment.is_new) == ("STAGING", "http://shop:8080/", False)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "shop", "https://", "https://a b"])
def test_an_address_that_cannot_be_followed_is_refused(owner, shop, url):
    environment = EnvironmentFactory(project=shop)
    response = owner.post(f"/p/shop/settings/environments/{environment.pk}/", {"tier": "STAGING", "url": url})
    assert response.status_code == 400
    assert "Enter an address that begins with http:// or https://." in text(response)


def test_an_environment_can_be_set_up_before_its_first_deployment(owner, shop):
    owner.post("/p/shop/settings/environments/new/", {"name": "production", "tier": "PRODUCTION", "url": ""})
    environment = Environment.objects.get()
    assert not environment.is_new
    response = owner.post("/p/shop/settings/environments/new/", {"name": "Production", "tier": "OTHER", "url": ""})
    assert response.status_code == 400
    assert "There is an environment of this name." in text(response)


def test_an_environment_that_was_a_typing_error_can_be_removed(owner, shop):
    environment = EnvironmentFactory(project=shop, name="prodution")
    path = f"/p/shop/settings/environments/{environment.pk}/remove/"
    assert "Remove prodution from Shop?" in text(owner.get(path))
    owner.post(path)
    assert not Environment.objects.exists()


def test_an_environment_with_deployments_stays(owner, shop):
    environment = DeploymentFactory(environment__project=shop, environment__name="production").environment
    path = f"/p/shop/settings/environments/{environment.pk}/remove/"
    assert "production stays: 1 deployment of it on record." in text(owner.post(path, follow=True)).replace("\xa0", " ")
    assert Environment.objects.exists()


# --- members ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["ada", "ADA", "ada@example.org"])
def test_a_member_is_added_by_name_or_address(owner, shop, given):
    ada = UserFactory(username="ada")
    owner.post("/p/shop/settings/members/new/", {"person": given, "role": "RESPONDER"})
    assert Membership.objects.get(project=shop, user=ada).role == Role.RESPONDER


def test_an_unknown_person_is_said_to_be_unknown(owner):
    response = owner.post("/p/shop/settings/members/new/", {"person": "nobody", "role": "VIEWER"})
    assert response.status_code == 400
    assert "Nobody has this user name or e-mail address." in text(response)


def test_adding_a_member_again_changes_nothing(owner, shop):
    membership = MembershipFactory(project=shop, role=Role.VIEWER)
    response = owner.post(
        "/p/shop/settings/members/new/", {"person": membership.user.username, "role": "OWNER"}, follow=True
    )
    assert "is a member already: Viewer." in text(response)
    membership.refresh_from_db()
    assert membership.role == Role.VIEWER


def test_the_last_owner_stays(owner, shop):
    mine = Membership.objects.get(project=shop)
    for path, body in (("role", {"role": "VIEWER"}), ("remove", {})):
        response = owner.post(f"/p/shop/settings/members/{mine.pk}/{path}/", body, follow=True)
        assert "A project keeps at least one owner." in text(response)
    assert Membership.objects.get(project=shop).role == Role.OWNER


def test_one_of_two_owners_may_go(owner, shop):
    other = MembershipFactory(project=shop, role=Role.OWNER)
    assert "Remove" in text(owner.get(f"/p/shop/settings/members/{other.pk}/remove/"))
    owner.post(f"/p/shop/settings/members/{other.pk}/remove/")
    assert Membership.objects.filter(project=shop, role=Role.OWNER).count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_owners_cannot_both_go_at_once():
    project = ProjectFactory()
    owners = [MembershipFactory(project=project, role=Role.OWNER) for _ in range(2)]
    waiting = list(owners)
    results = at_once(lambda: remove_member(membership=waiting.pop()), 2)
    assert {type(result) for result in results} == {type(None), LastOwner}
    assert Membership.objects.filter(project=project, role=Role.OWNER).count() == 1


# --- tokens -----------------------------------------------------------------------------------------------------------


def make(client, **given):
    return client.post(
        "/p/shop/settings/tokens/", {"name": "GitHub", "scopes": ["deployments:write"], "expires": "90", **given}
    )


def test_a_new_token_is_shown_once_with_the_line_to_paste(owner):
    response = make(owner)
    shown = re.search(r"pd_[A-Za-z0-9_-]{43}", response.content.decode()).group()
    token = ApiToken.objects.get()
    assert token.digest == digest_of(shown)
    assert (token.name, token.scopes, token.created_by.username) == ("GitHub", ["deployments:write"], "owner")
    assert token.expires_at - token.created_at == timedelta(days=90)
    page = text(response)
    assert "curl -fsS -X POST http://127.0.0.1:8000/api/v1/deployments" in page
    assert f"Authorization: Bearer {shown}" in page
    assert "&quot;project&quot;: &quot;shop&quot;" in page
    assert response["Cache-Control"] == "no-store"
    assert shown not in owner.get("/p/shop/settings/tokens/").content.decode()


def test_the_line_to_paste_works(owner, client):
    command = make(owner).context["command"]
    token = re.search(r"Bearer (\S+)\"", command).group(1)
    body = re.search(r"-d '(.*)'", command).group(1)
    response = client.post(
        "/api/v1/deployments", body, content_type="application/json", headers={"Authorization": f"Bearer {token}"}
    )
    assert response.status_code == 201


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": ""}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["everything"]}, "scopes"),
        ({"expires": "7"}, "expires"),
    ],
)
def test_a_token_that_cannot_be_made_says_why(owner, given, field):
    response = make(owner, **given)
    assert response.status_code == 400
    assert set(response.context["form"].errors) == {field}
    assert not ApiToken.objects.exists()


def test_a_token_may_never_expire(owner):
    make(owner, expires="never")
    assert ApiToken.objects.get().expires_at is None


def test_the_list_shows_state_and_use_but_no_secret(owner, shop):
    ApiTokenFactory(project=shop, name="Old", expires_at=NOW - timedelta(days=900))
    ApiTokenFactory(project=shop, name="Gone", revoked_at=NOW)
    used = ApiTokenFactory(project=shop, name="Used", latest_use_at=NOW)
    ApiTokenFactory(name="Foreign")
    page = text(owner.get("/p/shop/settings/tokens/"))
    assert all(word in page for word in ("Expired", "Revoked", "Usable", used.prefix, "never"))
    assert "Foreign" not in page


def test_a_token_is_revoked_after_a_question(owner, shop):
    token = ApiTokenFactory(project=shop)
    path = f"/p/shop/settings/tokens/{token.pk}/revoke/"
    assert "this cannot be undone" in text(owner.get(path))
    assert "was revoked: its next request is refused." in text(owner.post(path, follow=True))
    assert "was revoked before." in text(owner.post(path, follow=True))
    token.refresh_from_db()
    assert token.revoked_at is not None


def test_without_tokens_the_page_says_what_to_do(owner):
    page = text(owner.get("/p/shop/settings/tokens/"))
    assert "No pipeline can report yet." in page
    assert "$POSTDEPLOY_TOKEN" in page


# --- administration ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["user", "project", "environment", "apitoken", "deployment"])
def test_the_administration_opens_and_shows_no_digest(client, model):
    token = ApiTokenFactory()
    client.force_login(UserFactory(is_superuser=True, is_staff=True))
    assert client.get(f"/admin/deployments/{model}/").status_code == 200
    assert token.digest not in client.get(f"/admin/deployments/apitoken/{token.pk}/change/").content.decode()
