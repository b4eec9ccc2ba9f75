"""How many queries each page and each read of the API takes: a number in a file, so that a change shows in the diff.

`UPDATE_QUERY_COUNTS=1 make test ARGS=tests/test_query_counts.py` writes the numbers anew.
"""

import fcntl
import json
import os
from collections import Counter
from pathlib import Path

import pytest
from django.core.cache import cache
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from deployments.models import Role, Scope
from tests.authorisation_world import World, body
from tests.test_authorisation import routes, rows_of

pytestmark = pytest.mark.django_db

FILE = Path(__file__).with_name("query_counts.json")
# Asks the broker and the clock; how often does not matter.
UNCOUNTED = {"healthz", "readyz", "metrics", "favicon", "api_openapi", "api_docs"}


def counted_routes():
    for name in sorted(routes()):
        row = rows_of(name).get("GET")
        if row and row.answer == 200 and not name.startswith(("account_", "admin:")) and name not in UNCOUNTED:
            yield name


@pytest.fixture(scope="module")
def scene(django_db_setup, django_db_blocker):
    """A project with a few rows of everything, and one with more."""
    with django_db_blocker.unblock(), transaction.atomic():
        few, many = World("ours"), World("theirs")
        few.grow(2)
        many.grow(5)
        yield few, many
        transaction.set_rollback(True)


def queries_of(world, name):
    """Ask as somebody who may do everything, the second time: what is kept in the process is kept."""
    route = routes()[name]
    is_above = rows_of(name)["GET"].who in {"administrator", "staff"}
    person = world.superuser if is_above else lambda: world.signed_in(Role.OWNER)
    client = world.with_token(list(Scope)) if route.is_api else person()
    cache.clear()
    asked = {"path": route.path(world), **body(world, "GET", name, is_api=route.is_api)}
    client.generic("GET", **asked)
    with CaptureQueriesContext(connection) as captured:
        response = client.generic("GET", **asked)
    assert response.status_code == 200, response.content[:300]
    return [query["sql"] for query in captured.captured_queries]


def differing(few, many):
    """The statements that come more often with more rows, shortened."""
    more = Counter(sql.split(" WHERE ")[0][:160] for sql in many) - Counter(
        sql.split(" WHERE ")[0][:160] for sql in few
    )
    return "\n".join(f"{count} more: {sql}" for sql, count in more.items())


@pytest.mark.parametrize("name", list(counted_routes()))
def test_a_page_takes_as_many_queries_as_the_file_says_however_many_rows_there_are(name, scene):
    few, many = (queries_of(world, name) for world in scene)
    assert len(many) <= len(few), f"{name} asks again for each row:\n{differing(few, many)}"
    if os.environ.get("UPDATE_QUERY_COUNTS"):
        write_down(name, len(few))
    known = json.loads(FILE.read_text()).get(name)
    assert len(few) == known, f"{name} takes {len(few)} queries, {FILE.name} says {known}:\n" + "\n".join(few)


def write_down(name, count):
    with FILE.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        counts = json.load(file) | {name: count}
        file.seek(0)
        file.truncate()
        json.dump({key: counts[key] for key in sorted(counts) if key in routes()}, file, indent=2)
        file.write("\n")


def test_the_file_has_no_page_that_is_gone():
    assert set(json.loads(FILE.read_text())) == set(counted_routes())
