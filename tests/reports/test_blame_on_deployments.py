"""The page of a deployment says who else may have caused what got worse, and names nobody the reader may not see."""

import pytest
import time_machine
from django.urls import reverse

from tests.factories import DeploymentFactory, MembershipFactory
from tests.reports.test_pages import text_of
from tests.reports.world import NOW, rollback_world

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def world(client):
    """The failed deployment of the shop, for which one of a secret project comes into question as well."""
    world = rollback_world()
    world.theirs = DeploymentFactory(version="v9-secret")
    because = [{"code": "AFTER", "seconds": 60.0, "what": ""}, {"code": "PART", "seconds": None, "what": "checkout-db"}]
    blame = [
        {"deployment": str(row.pk), "share": share, "because": because, "apart": 60.0}
        for row, share in ((world.bad, 0.6), (world.old, 0.3), (world.theirs, 0.1))
    ]
    world.verdict.blame = blame
    world.verdict.save()
    world.errors.facts["blame"] = blame
    world.errors.save()
    client.force_login(world.jonas)
    return world


def page(client, world):
    return client.get(reverse("deployment", args=["shop", world.bad.pk]))


def test_the_page_names_each_with_its_share_and_why(client, world):
    MembershipFactory(project=world.theirs.project, user=world.jonas)
    text = text_of(page(client, world)).replace("&nbsp;", " ")
    for told in (
        "60 % this deployment: it began 1 min after v1.42.0 went live",
        "30 % v1.41.2 : it began 1 min after v1.41.2 went live; checkout-db is what it changed",
        f"10 % v9-secret of {world.theirs.project.name} : it began 1 min after v9-secret",
    ):
        assert told in text
    assert (
        reverse("deployment", args=[world.theirs.project.slug, world.theirs.pk]) in page(client, world).content.decode()
    )


def test_another_projects_deployment_has_no_name_for_others(client, world):
    text = text_of(page(client, world)).replace("&nbsp;", " ")
    assert "10 % another deployment: it began 1 min after another deployment went live" in text
    whole = page(client, world).content.decode()
    assert "v9-secret" not in whole
    assert str(world.theirs.pk) not in whole
    assert world.theirs.project.name not in whole


def test_a_deployment_that_was_alone_has_no_such_list(client, world):
    world.verdict.blame, world.errors.facts["blame"] = [], []
    world.verdict.save()
    world.errors.save()
    assert "Who may have caused it" not in page(client, world).content.decode()


def test_the_stream_says_when_the_next_one_began_and_the_sentence_when_it_was_live(client, world):
    world.extended.ended_at = world.good.started_at
    world.extended.save()
    text = text_of(page(client, world))
    assert "v1.42.1 began to roll this deployment back" in text
    assert "It was live for 1 h 28 min, until v1.42.1 rolled it back at 10:31" in text
