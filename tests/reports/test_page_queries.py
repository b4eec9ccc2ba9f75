"""A page costs the same number of queries with one row as with thirty."""

import pytest
import time_machine
from django.urls import reverse

from reports import services
from tests.factories import HealthCheckFactory, IssueFactory
from tests.reports.test_story_queries import lengthen
from tests.reports.world import MINUTE, NOW, deploy, rollback_world, watch

pytestmark = pytest.mark.django_db

#: page: the most queries it may take, its session, its user and its side bar included.
LIMITS = {"overview": 36, "deployments": 16, "deployment": 39, "summary": 14, "summaries": 16}


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False):
        yield


def grow(world):
    lengthen(world, 30)
    for n in range(30):
        row = deploy(world.production, f"v2.{n}", NOW - MINUTE * (30 - n))
        watch(row, initial=None, extended=None)
        HealthCheckFactory(environment=world.production)
        IssueFactory(project=world.project, environment=world.production, deployment=row, number=5000 + n)
    services.summarise_deployments(now=NOW)


@pytest.mark.parametrize("name", LIMITS)
def test_the_number_of_queries_does_not_grow_with_the_rows(client, name, django_assert_max_num_queries):
    world = rollback_world()
    services.summarise_deployments(now=NOW)
    client.force_login(world.jonas)
    where = reverse(name, args=["shop", *([world.bad.pk] if name in ("deployment", "summary") else [])])
    client.get(where)

    def count():
        with django_assert_max_num_queries(LIMITS[name]) as seen:
            assert client.get(where).status_code == 200
        return len(seen)

    short = count()
    grow(world)
    assert count() == short
