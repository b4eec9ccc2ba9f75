"""While a verdict waits for a roll-out under way, pages and gate say so, and give no end that lies in the past."""

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from deployments.models import Deployment, Role
from monitoring import services
from monitoring.selectors import watch_states
from tests.api_client import ApiClient
from tests.factories import ApiTokenFactory, EnvironmentFactory
from tests.monitoring.pages.people import somebody, text_of, url
from tests.monitoring.test_overlap import next_one
from tests.monitoring.worlds import World, at

pytestmark = pytest.mark.django_db
WAITS = "The initial period is over; its verdict waits until the roll-out of v3, which began in it, has ended."


@pytest.fixture
def world():
    """v2's hour ended at 13:00; v3 began to roll out at 12:50 and still does."""
    world = World().open()
    world.check(until=70)
    world.judge(30)
    next_one(world, began=50, status="RUNNING")
    world.judge(60)
    return world


def state(world, minutes=61):
    deployment = Deployment.objects.get(pk=world.deployment.pk)
    return watch_states([deployment], at(minutes))[deployment.pk]


def gate(world, minutes=61):
    client = ApiClient(ApiTokenFactory(project=world.environment.project, created_at=at(0)))
    with time_machine.travel(at(minutes), tick=False):
        return client.ask(f"/deployments/{world.deployment.pk}/verdict").json()


def test_the_gate_says_what_it_waits_for(world):
    answer = gate(world)
    assert (answer["state"], answer["decision"], answer["is_final"]) == ("watching", "wait", False)
    assert answer["sentence"] == answer["decision_reason"] == WAITS


def test_the_deployment_s_page_and_the_overview_say_so_and_name_no_end_in_the_past(world):
    reader = somebody(world.environment, Role.VIEWER)
    with time_machine.travel(at(61), tick=False):
        page = text_of(reader.get(url(world.environment, f"deployments/{world.deployment.pk}/")))
        overview = text_of(reader.get(url(world.environment, "")))
    assert WAITS.partition(";")[0] in page
    assert "Not cleared yet." in page
    assert "watch ends at" not in page
    assert "v2 is not cleared yet." in overview
    assert "ends at" not in overview


def test_before_its_end_nothing_waits(world):
    assert state(World().open(), 30).waiting == ""


def test_when_the_roll_out_failed_the_verdict_is_given(world):
    Deployment.objects.filter(status="RUNNING").update(status="FAILED", finished_at=at(65))
    world.judge(70)
    assert (state(world, 71).waiting, state(world, 71).state) == ("", "healthy")


def test_when_the_roll_out_went_live_its_start_ended_the_watch(world):
    Deployment.objects.filter(status="RUNNING").update(status="SUCCEEDED", finished_at=at(65))
    services.open_periods(now=at(66))
    world.judge(67)
    assert state(world, 68).waiting == ""


def test_a_roll_out_elsewhere_or_after_the_end_is_not_named(world):
    Deployment.objects.filter(status="RUNNING").update(environment=EnvironmentFactory(name="elsewhere"))
    next_one(world, began=62, status="RUNNING", version="v4")
    assert state(world, 63).waiting == "The initial period is over; its verdict will be reached soon."


def test_who_is_asked_for_one_of_them_asks_once_more_however_many_wait(world):
    deployments = list(Deployment.objects.filter(pk=world.deployment.pk))
    with CaptureQueriesContext(connection) as few:
        watch_states(deployments, at(61))
    other = World().open()
    next_one(other, began=50, status="RUNNING")
    other.judge(60)
    deployments += Deployment.objects.filter(pk=other.deployment.pk)
    with CaptureQueriesContext(connection) as more:
        watch_states(deployments, at(61))
    assert len(few) == len(more) == 3
