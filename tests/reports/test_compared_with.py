"""A deployment's page says what it was compared with, what was left out of that, and lets it be pinned."""

import pytest
import time_machine

from deployments.models import Role
from tests.factories import DeploymentFactory, MaintenanceWindowFactory
from tests.monitoring.pages.people import somebody, text_of, url
from tests.monitoring.test_mix_shift import SHIFTED, SLOWER, Shop
from tests.monitoring.worlds import World, at

pytestmark = pytest.mark.django_db

DAY = 24 * 60


def page_of(world, role=Role.MAINTAINER):
    return somebody(world.environment, role).get(url(world.environment, f"deployments/{world.deployment.pk}/"))


def test_what_was_left_out_is_said_by_its_number_or_its_version():
    world = World().open()
    check = world.check(up=lambda minute: not -900 <= minute < -600)
    world.outage(check, began=-900, ended=-700)
    world.outage(check, began=-690, ended=-600)
    world.metric("p95", world.noisy(310, 310))
    world.judge(60)
    assert "Left out: 2 outages (4 h 50 min)." in text_of(page_of(world))


def test_where_nothing_was_left_out_nothing_is_said():
    world = World().open()
    world.metric("p95", world.noisy(310, 310))
    world.judge(60)
    assert "Left out" not in text_of(page_of(world))


def test_when_planned_maintenance_was_left_out_of_what_was_judged_is_said():
    world = World().open()
    for starts, ends in ((-5, 5), (20, 40)):
        MaintenanceWindowFactory(
            project=world.environment.project, environment=world.environment, starts_at=at(starts), ends_at=at(ends)
        )
    world.metric("p95", world.noisy(310, 310))
    world.judge(60)
    with time_machine.travel(at(61), tick=False):
        text = text_of(page_of(world))
    assert "Left out: planned maintenance 12:00 – 12:05 , 12:20 – 12:40 ." in text


def test_a_reference_is_named_with_a_link():
    world = World()
    reference = DeploymentFactory(
        environment=world.environment, finished_at=at(-3 * DAY), reported_at=at(-3 * DAY), version="v1.7"
    )
    policy = world.environment.policy
    policy.reference = reference
    policy.save()
    world.open()
    world.metric("p95", world.noisy(310, 450), since=-3 * DAY, step=5.0)
    world.judge(60)
    page = page_of(world)
    assert "against how it was under v1.7" in text_of(page)
    assert f'href="/p/{world.environment.project.slug}/deployments/{reference.pk}/"' in page.content.decode()
    assert "expected, as under v1.7" in text_of(page)


def test_maintainers_are_offered_to_pin_what_went_live():
    world = World().open()
    assert "Pin as reference" in text_of(page_of(world))
    assert "Pin as reference" not in text_of(page_of(world, Role.RESPONDER))
    type(world.deployment).objects.filter(pk=world.deployment.pk).update(status="FAILED")
    assert "Pin as reference" not in text_of(page_of(world))


@pytest.mark.parametrize(
    ("routes", "words"), [(SLOWER, "in the routes themselves"), (SHIFTED, "more traffic on /export")]
)
def test_a_mean_that_nobody_sends_has_its_card(routes, words):
    shop = Shop(routes)
    shop.judge(60)
    page = page_of(shop)
    assert page.status_code == 200
    assert "Latency, mean of all routes" in text_of(page)
    assert words in text_of(page)


def test_a_deployment_that_nobody_judged_has_its_page():
    world = World().open()
    assert page_of(world).status_code == 200
