"""Two projects of the same shape, and what each address needs in its path and body, for the authorisation tests."""

import json
from urllib.parse import urlencode

from django.test import Client

from deployments.models import Role, User
from tests import factories

#: Operations of the API whose project stands in the body.
NAMES_A_PROJECT_IN_ITS_BODY: set[tuple[str, str]] = set()


class World:
    """One project with one of everything in it."""

    def __init__(self, word):
        self.word = f"zz{word}zz"  # in every text of this world, so that a leak can be seen
        self.project = factories.ProjectFactory(name=self.word, slug=self.word)
        self.people = {role: self._member(role) for role in Role}
        self.environment = factories.EnvironmentFactory(project=self.project, name=f"{self.word}-production")
        self.deployment = factories.DeploymentFactory(environment=self.environment, version=f"{self.word}-1.0")

    def _member(self, role):
        user = factories.UserFactory(username=f"{self.word}-{role.value.lower()}")
        factories.MembershipFactory(project=self.project, user=user, role=role)
        return user

    def signed_in(self, role):
        client = Client()
        client.force_login(self.people[role])
        return client

    def superuser(self):
        client = Client()
        user = User.objects.create_superuser(f"{self.word}-root", f"{self.word}@example.org", None)
        client.force_login(user)
        return client

    def with_token(self, scopes):
        token = factories.ApiTokenFactory(project=self.project, scopes=[str(scope) for scope in scopes])
        return Client(headers={"Authorization": f"Bearer {token.text}"})

    def value(self, route, argument):
        """The argument of a route's path that leads to this world's object."""
        return (ARGUMENTS.get((route, argument)) or ARGUMENTS[argument])(self)

    def is_shown_in(self, response):
        return self.word.encode() in getattr(response, "content", b"")


#: By argument, or by (route, argument) where the same word means different rows.
ARGUMENTS = {
    "project": lambda world: world.project.slug,
    "deployment": lambda world: world.deployment.pk,
    "key": lambda world: "x",
    "uidb36": lambda world: "x",
}

#: Arguments that name a kind of thing instead of a row.
WORDS = {"format", "fmt", "key", "uidb36"}


def is_row(route, argument):
    return argument not in WORDS


#: What a verb of a route is sent, where something must be sent to be let through.
BODIES = {}


def body(world, verb, route, *, is_api):
    """Return the keyword arguments of a request that those who may would send."""
    make = BODIES.get((verb, route))
    values = make(world) if make else {}
    if verb == "GET":
        return {"QUERY_STRING": urlencode(values)}
    if is_api:
        return {"data": json.dumps(values), "content_type": "application/json"}
    return {"data": urlencode(values, doseq=True), "content_type": "application/x-www-form-urlencoded"}
