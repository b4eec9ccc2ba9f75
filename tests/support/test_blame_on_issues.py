"""The page of an issue says which other deployments may have caused it, and names none that the reader may not see."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from issues import services as issues
from issues.models import Issue
from tests.factories import DeploymentFactory, EnvironmentFactory, MembershipFactory, ProjectFactory
from tests.issues.builders import HOUR, MINUTE, NOON, make_finding, watch

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(project):
    """An issue that a regression opened, for which a deployment of a secret project comes into question as well."""
    environment = EnvironmentFactory(project=project)
    secret = EnvironmentFactory(project=ProjectFactory(name="Secret search"))
    world = type("World", (), {})()
    world.ours = DeploymentFactory(environment=environment, version="v2", finished_at=NOON)
    world.theirs = DeploymentFactory(environment=secret, version="v9-secret", finished_at=NOON + MINUTE)
    see(world, key="metric:errors")
    return world


def see(world, *, key, shares=(0.6, 0.4)):
    period = world.ours.periods.first() or watch(world.ours)
    because = [{"code": "AFTER", "seconds": 60.0, "what": ""}, {"code": "PART", "seconds": None, "what": "checkout-db"}]
    blame = [
        {"deployment": str(row.pk), "share": share, "because": because, "apart": 60.0}
        for row, share in zip((world.ours, world.theirs), shares, strict=True)
    ]
    make_finding(period, key=key, facts={"blame": blame})
    issues.open_issues(now=NOON + 2 * HOUR)


def page(client, reference="SHOP-1"):
    response = client.get(f"/p/shop/issues/{reference}/")
    assert response.status_code == 200
    body = response.content.decode()
    return " ".join(re.sub(r"<[^>]+>", " ", body[body.index("<main") :]).replace("&nbsp;", " ").split())


def test_who_may_see_both_projects_reads_who_else_may_have_caused_it_and_why(client, world):
    MembershipFactory(project=world.theirs.project, user=client.user)
    text = page(client)
    assert "Also possible. 40 % v9-secret of Secret search : it began 1 min after v9-secret of Secret search" in text
    assert "checkout-db is what it changed" in text
    assert "Also possible: v9-secret of Secret search (40 %)" in text
    assert (
        f"/p/{world.theirs.project.slug}/deployments/{world.theirs.pk}"
        in client.get("/p/shop/issues/SHOP-1/").content.decode()
    )


def test_who_may_see_one_project_reads_of_another_deployment(client, world):
    text = page(client)
    assert "Also possible. 40 % another deployment: it began 1 min after another deployment went live" in text
    assert "Also possible: another deployment (40 %)" in text
    whole = client.get("/p/shop/issues/SHOP-1/").content.decode()
    for secret in ("secret", "Secret", "checkout-db", str(world.theirs.pk)):
        assert secret not in whole


def test_an_issue_that_was_linked_to_the_other_one_names_the_first_as_possible(client, world):
    Issue.objects.update(deployment=world.theirs)
    MembershipFactory(project=world.theirs.project, user=client.user)
    assert "Also possible: v2 (60 %)" in page(client)


def test_an_issue_of_one_deployment_alone_says_nothing_of_others(client, project):
    make_finding(watch(DeploymentFactory(environment=EnvironmentFactory(project=project), finished_at=NOON)))
    issues.open_issues(now=NOON + 2 * HOUR)
    assert "Also possible" not in page(client)


def test_the_number_of_queries_does_not_grow_with_the_sightings(client, world):
    def count():
        with CaptureQueriesContext(connection) as queries:
            page(client)
        return len(queries)

    count()
    few = count()
    issue = Issue.objects.get()
    for number in range(8):
        finding = make_finding(
            world.ours.periods.first(), key=f"metric:m{number}", facts=world.ours.periods.first().verdicts.first()
            .findings.first().facts,
        )  # fmt: skip
        issue.occurrences.create(source="FINDING", finding=finding, occurred_at=NOON + HOUR)
    assert count() == few
