import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from deployments.models import ApiToken
from deployments.tokens import digest_of
from tests.factories import ApiTokenFactory, ProjectFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def project():
    return ProjectFactory(slug="shop")


def run(*args):
    out = StringIO()
    call_command("api_token", *args, stdout=out)
    return out.getvalue()


def create(*more, project="shop", scopes="deployments:write,deployments:read"):
    return run("create", "--project", project, "--name", "CI", "--scopes", scopes, *more)


def test_it_prints_the_token_and_nothing_else():
    printed = create()
    assert re.fullmatch(r"pd_[A-Za-z0-9_-]{43}\n", printed)
    token = ApiToken.objects.get()
    assert (token.digest, token.prefix) == (digest_of(printed.strip()), printed[:10])
    assert (token.project.slug, token.scopes) == ("shop", ["deployments:write", "deployments:read"])
    assert token.expires_at is None


def test_only_the_digest_and_the_first_characters_are_stored():
    printed = create().strip()
    row = ApiToken.objects.values().get()
    assert printed not in str(row)
    assert printed[10:] not in str(row)


def test_a_token_can_expire():
    create("--expires-days", "90")
    token = ApiToken.objects.get()
    assert (token.expires_at - token.created_at).days == 90


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"project": "nothing"}, "There is no project 'nothing'. There are: shop."),
        ({"scopes": "deployments:write,everything"}, "There is no scope 'everything'. There are: deployments:write,"),
        ({"scopes": ","}, "Give at least one scope."),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(given, sentence):
    with pytest.raises(CommandError) as error:
        create(**given)
    assert str(error.value).startswith(sentence)
    assert error.value.returncode == 1
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize("days", ["0", "-1", "3651"])
def test_a_senseless_expiry_is_refused(days):
    with pytest.raises(CommandError, match="from 1 to 3650"):
        create("--expires-days", days)


def test_an_endless_name_is_refused():
    with pytest.raises(CommandError, match="name: "):
        run("create", "--project", "shop", "--name", "x" * 81, "--scopes", "deployments:read")


def test_it_lists_tokens_without_their_secret():
    token = ApiTokenFactory(name="GitHub", project__slug="other")
    printed = create().strip()
    listed = run("list")
    assert f"{token.prefix}…\tother\tusable\tused never" in listed
    assert printed not in listed
    assert "GitHub" not in run("list", "--project", "shop")


def test_it_revokes_once():
    token = ApiTokenFactory()
    run("revoke", f"{token.prefix}…")
    token.refresh_from_db()
    assert token.revoked_at is not None
    with pytest.raises(CommandError, match="revoked before"):
        run("revoke", token.prefix)


def test_it_revokes_only_what_is_named_clearly():
    ApiTokenFactory.create_batch(2)
    for prefix in ("pd_", "pd_nothing", ""):
        with pytest.raises(CommandError):
            run("revoke", prefix)
    assert not ApiToken.objects.filter(revoked_at__isnull=False).exists()


def test_a_missing_argument_is_one_sentence_too(capsys):
    with pytest.raises(SystemExit) as end:
        run("create", "--project", "shop")
    assert end.value.code == 1
    assert capsys.readouterr().err.count("\n") == 1
