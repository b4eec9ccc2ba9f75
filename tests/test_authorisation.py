"""Who may do what: the table `tests/authorisation.txt` against every address, every verb and every kind of caller."""

import re
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache as remember
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core.cache import cache
from django.db import transaction
from django.test import Client
from django.urls import URLResolver, get_resolver

from deployments.models import Role, Scope
from tests import authorisation_world as worlds

pytestmark = pytest.mark.django_db

TABLE = Path(__file__).with_name("authorisation.txt")
VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")
ROLES = {role.value.lower(): role for role in Role}
SCOPES = {scope.value for scope in Scope}
WHO = {"anyone", "guest", "person", "staff", "administrator", "token", *ROLES, *SCOPES}
REFUSALS = {302, 401, 403, 404, 405}


@dataclass(frozen=True)
class Row:
    """One line of the table: who may do this, and what they get."""

    verb: str
    route: str
    who: str
    answer: int
    foreign: str = ""


@dataclass(frozen=True)
class Route:
    """One address: its name and its path with the places for arguments."""

    name: str
    pattern: str
    arguments: tuple[str, ...] = field(default=())

    @property
    def is_somebody_elses(self):
        """Pages of django-allauth; it takes a PUT for a POST, and its own tests look after that."""
        return self.name.startswith("account_")

    @property
    def is_api(self):
        return self.pattern.startswith("api/")

    def path(self, world):
        """The address of the object in `world` that this route is about."""
        path = self.pattern
        for argument in self.arguments:
            path = re.sub(
                rf"<(?:\w+:)?{argument}>|\(\?P<{argument}>[^)]*\)", str(world.value(self.name, argument)), path
            )
        return "/" + re.sub(r"(?<=/)\^|\$$", "", path)


def walk(resolver, prefix="", spaces=()):
    for entry in resolver.url_patterns:
        pattern = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from walk(entry, pattern, (*spaces, entry.namespace) if entry.namespace else spaces)
        else:
            yield Route(":".join([*spaces, entry.name or pattern]), pattern, tuple(entry.pattern.regex.groupindex))


def with_all_arguments(route):
    """Arguments may also stand in the prefix of an include."""
    found = re.findall(r"<(?:\w+:)?(\w+)>", route.pattern)
    return Route(route.name, route.pattern, tuple(dict.fromkeys(found)))


@remember
def routes():
    found = [with_all_arguments(route) for route in walk(get_resolver())]
    return {route.name: route for route in found}


@remember
def table():
    rows = []
    for line in TABLE.read_text().splitlines():
        if line and not line.startswith("#"):
            verb, route, who, answer, *foreign = line.split()
            rows.append(Row(verb, route, who, int(answer), *foreign))
    return rows


def rows_of(name):
    own = {row.verb: row for row in table() if row.route == name}
    return own or {row.verb: row for row in table() if row.route.endswith("*") and name.startswith(row.route[:-1])}


OURS = sorted(name for name in routes() if not name.startswith("admin:"))


# --- the table --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OURS)
def test_every_route_has_a_row(name):
    assert rows_of(name), (
        f"{name} (/{routes()[name].pattern}) is not in {TABLE.name}: add a line for each verb it answers, such as\n"
        f"GET     {name:<37} viewer              200"
    )


def test_every_row_has_a_route_and_known_words():
    for row in table():
        assert row.verb in VERBS, row
        assert row.who in WHO, row
        assert row.foreign in {"", "own"}, row
        assert any(
            name == row.route or (row.route.endswith("*") and name.startswith(row.route[:-1])) for name in routes()
        ), f"{row.route} is no route any more: remove its line"


def test_no_verb_has_two_rows():
    keys = [(row.verb, row.route) for row in table()]
    assert sorted(keys) == sorted(set(keys))


def test_the_api_knows_tokens_only_and_pages_know_people_only():
    for row in table():
        if (route := routes().get(row.route)) and route.is_api:
            assert row.who in {"token", "anyone", *SCOPES}, row
            assert (row.who == "anyone") == (row.route in {"api_openapi", "api_docs"}), row
        elif route:
            assert row.who not in {"token", *SCOPES}, row


# --- the callers ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Caller:
    """Somebody who asks: a name, a client, and what they are."""

    name: str
    client: Client
    role: Role | None = None
    scopes: frozenset[str] = frozenset()
    is_person: bool = False
    is_ours: bool = True
    is_staff: bool = False


def callers(ours, theirs):
    yield Caller("anonymous", Client())
    for role in Role:
        yield Caller(role.label.lower(), ours.signed_in(role), role=role, is_person=True)
    yield Caller(
        "owner of another project", theirs.signed_in(Role.OWNER), role=Role.OWNER, is_person=True, is_ours=False
    )
    yield Caller("superuser", ours.superuser(), role=Role.OWNER, is_person=True, is_staff=True)
    for scope in Scope:
        yield Caller(f"token with {scope.value}", ours.with_token([scope]), scopes=frozenset({scope.value}))
    yield Caller("token of another project", theirs.with_token(list(Scope)), scopes=frozenset(SCOPES), is_ours=False)


@pytest.fixture(scope="module")
def scene(django_db_setup, django_db_blocker):
    """Both projects and everybody who asks, made once: each request is undone when it is answered."""
    with django_db_blocker.unblock(), transaction.atomic():
        ours, theirs = worlds.World("ours"), worlds.World("theirs")
        worlds.overlap(ours, theirs)
        yield SimpleNamespace(ours=ours, theirs=theirs, callers=list(callers(ours, theirs)))
        transaction.set_rollback(True)


@pytest.fixture
def ours(scene):
    return scene.ours


@pytest.fixture
def theirs(scene):
    return scene.theirs


def may(caller, row, route):
    """Tell whether the table lets the caller do this."""
    if row.who in {"anyone", "guest"}:
        return row.who == "anyone" or not caller.is_person
    if route.is_api:
        has_scope = bool(caller.scopes) if row.who == "token" else row.who in caller.scopes
        return has_scope and (caller.is_ours or row.foreign == "own" or not about_a_project(route, row))
    if not caller.is_person:
        return False
    if row.who == "person":
        return True
    if row.who in {"staff", "administrator"}:
        return caller.is_staff
    return caller.is_ours and caller.role.covers(ROLES[row.who])


def about_a_project(route, row):
    return bool(route.arguments) or (row.verb, row.route) in worlds.NAMES_A_PROJECT_IN_ITS_BODY


def refusal(caller, row, route):
    """Return the status that the caller gets for what the table does not let them do."""
    if route.is_api:
        if not caller.scopes:
            return {401}
        return {403} if row.who != "token" and row.who not in caller.scopes else {404}
    if not caller.is_person or row.who == "guest":
        return {302}
    return {403} if caller.is_ours or row.who in {"administrator", "staff"} else {404}


def ask(client, verb, path, body):
    """Ask without leaving a trace in the database or in the client."""
    cookies = deepcopy(client.cookies)
    with transaction.atomic():
        response = client.generic(verb, path, **body)
        transaction.set_rollback(True)
    client.cookies = cookies
    return response


# --- the walk ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OURS)
def test_everybody_gets_what_the_table_says(name, ours, scene):
    route, rows = routes()[name], rows_of(name)
    wrong = []
    for caller in scene.callers:
        cache.clear()  # the limits on guessing are somebody else's test
        for verb in rows if route.is_somebody_elses else VERBS:
            body = worlds.body(ours, verb, name, is_api=route.is_api)
            response = ask(caller.client, verb, route.path(ours), body)
            if row := rows.get(verb):
                wanted = {row.answer} if may(caller, row, route) else refusal(caller, row, route)
            else:
                wanted = REFUSALS if is_refused_everywhere(caller, rows, route) else {405}
            if response.status_code not in wanted:
                said = response.content[:200].decode(errors="replace") if response.status_code >= 400 else ""
                wrong.append(f"{verb} {name} as {caller.name}: {response.status_code}, not {sorted(wanted)} {said}")
            if not caller.is_ours and ours.is_shown_in(response):
                wrong.append(f"{verb} {name} shows {caller.name} our rows")
            if caller.is_ours and not caller.is_staff and scene.theirs.is_shown_in(response):
                wrong.append(f"{verb} {name} shows {caller.name} rows of another project")
    assert wrong == [], "\n".join(wrong)


def is_refused_everywhere(caller, rows, route):
    return not any(may(caller, row, route) for row in rows.values())


def names_a_row(name):
    """Tell whether the address names a row below its project, and nothing that is no row."""
    arguments = set(routes()[name].arguments) - {"project"}
    return bool(arguments) and all(worlds.is_row(name, argument) for argument in arguments - {"ending"})


@pytest.mark.parametrize("name", [name for name in OURS if names_a_row(name)])
def test_a_foreign_id_below_the_own_project_is_not_found(name, ours, theirs):
    """Our owner, and our token, name an object of another project in an address that is otherwise theirs to use."""
    route = routes()[name]
    mixed = SimpleNamespace(
        value=lambda name, argument: (ours if argument == "project" else theirs).value(name, argument)
    )
    owner, token = ours.signed_in(Role.OWNER), ours.with_token(list(Scope))
    for verb in rows_of(name):
        client = token if route.is_api else owner
        response = ask(client, verb, route.path(mixed), worlds.body(ours, verb, name, is_api=route.is_api))
        assert response.status_code == 404, (verb, response.content[:300])
        assert not theirs.is_shown_in(response)


def is_a_form(name):
    """A page that signed-in people post to; what jobs ping needs no sign-in, so a browser's is of no use there."""
    return not routes()[name].is_api and not routes()[name].pattern.startswith("ping/") and "POST" in rows_of(name)


@pytest.mark.parametrize("name", [name for name in OURS if is_a_form(name)])
def test_a_form_without_its_csrf_token_is_refused(name, ours):
    client = Client(enforce_csrf_checks=True)
    client.force_login(ours.people[Role.OWNER])
    response = ask(client, "POST", routes()[name].path(ours), worlds.body(ours, "POST", name, is_api=False))
    assert response.status_code == 403


def test_administration_is_for_staff_only(ours):
    clients = Client(), ours.signed_in(Role.OWNER), ours.with_token(list(Scope))
    paths = [route.path(ours) for name, route in routes().items() if name.startswith("admin:") and not route.arguments]
    public = {"/admin/login/", "/admin/logout/", "/admin/jsi18n/"}
    for path in sorted(set(paths) - public):
        for client in clients:
            response = ask(client, "GET", path, {})
            assert response.status_code == 302, path
            assert response["Location"].startswith("/admin/login/"), path
