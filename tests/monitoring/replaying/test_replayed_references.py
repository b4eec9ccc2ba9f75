"""Past deployments judged once more against another reference, as far as what was measured under it is still kept."""

import uuid

import pytest
from django.core.exceptions import ValidationError

from monitoring import services
from monitoring.changes import BEFORE, Changes
from tests.factories import EnvironmentFactory, UserFactory
from tests.monitoring.replaying.test_replaying import NOW
from tests.monitoring.test_reference import DAY, crept_up, pinned, reference_in
from tests.monitoring.worlds import World, at

pytestmark = pytest.mark.django_db


def creeping_world():
    """A deployment that changed nothing; it was better two days before, under v1.0. Nothing is pinned."""
    world = World()
    reference = reference_in(world, -6 * DAY, -2 * DAY)
    world.open()
    world.check()
    world.metric("p95", crept_up(world), since=-7 * DAY, step=5, kind="LATENCY", unit="ms")
    world.judge(60)
    return world, reference


def row_of(world, done):
    return done.verdicts.get(deployment=world.deployment)


def result(world, done):
    row = row_of(world, done)
    return row.result_then, row.result_now, row.problem


def asked(world, minutes=NOW, **changes):
    environment = changes.pop("environment", world.environment)
    request = services.request_replay(
        project=world.environment.project, environment=environment, changes=Changes(**changes), now=at(minutes)
    )
    services.run_replays(now=at(minutes))
    request.refresh_from_db()
    return request


def test_a_reference_that_was_not_pinned_then_finds_what_crept_up():
    world, reference = creeping_world()
    assert result(world, asked(world)) == ("HEALTHY", "HEALTHY", "")
    done = asked(world, NOW + 10, reference=str(reference.pk))
    assert result(world, done) == ("HEALTHY", "DEGRADED", "")
    row = row_of(world, done)
    assert row.sentence.endswith("Compared with v1.0.")
    assert row.note == ""


def test_what_a_replay_says_is_what_a_pinned_reference_says():
    world, reference = pinned()
    world.check()
    world.metric("p95", crept_up(world), since=-7 * DAY, step=5, kind="LATENCY", unit="ms")
    world.judge(60)
    done = asked(world, reference=str(reference.pk))
    assert result(world, done) == ("DEGRADED", "DEGRADED", "")
    assert row_of(world, done).differences == []
    assert row_of(world, done).sentence == world.verdict().sentence


def test_without_the_reference_of_then_the_hours_before_are_compared_with():
    world, _ = pinned()
    world.check()
    world.metric("p95", crept_up(world), since=-7 * DAY, step=5, kind="LATENCY", unit="ms")
    world.judge(60)
    done = asked(world, reference=BEFORE)
    assert result(world, done) == ("DEGRADED", "HEALTHY", "")
    assert "Compared with" not in row_of(world, done).sentence
    assert row_of(world, done).note == "Of 14\u00a0d of history 6\u00a0d are still kept."


def test_a_reference_without_samples_is_said_and_the_hours_before_are_compared_with():
    world = World()
    reference = reference_in(world, -6 * DAY, -2 * DAY)
    world.open()
    world.check()
    world.metric("p95", world.noisy(310, 310), kind="LATENCY", unit="ms")
    world.judge(60)
    done = asked(world, reference=str(reference.pk))
    assert result(world, done) == ("HEALTHY", "HEALTHY", "")
    said = "Compared with the hours before: v1.0, the pinned reference, has no samples any more."
    assert row_of(world, done).note == said
    assert row_of(world, done).sentence.endswith(said)


def test_of_a_reference_that_is_kept_in_part_is_said_how_much():
    world = World()
    reference = reference_in(world, -6 * DAY, -2 * DAY)
    world.open()
    world.check()
    world.metric("p95", crept_up(world), since=-3 * DAY, step=5, kind="LATENCY", unit="ms")
    world.judge(60)
    note = row_of(world, asked(world, reference=str(reference.pk))).note
    assert note == "Of 3\u00a0d under v1.0 23\u00a0h 57\u00a0min are still kept."


def test_the_length_of_the_history_is_that_of_the_reference_too():
    world, reference = creeping_world()
    done = asked(world, reference=str(reference.pk), baseline_seconds=86_400)
    assert result(world, done) == ("HEALTHY", "DEGRADED", "")
    assert row_of(world, done).note == ""


def test_the_deployment_that_is_the_reference_is_compared_with_the_hours_before():
    world, _ = creeping_world()
    done = asked(world, reference=str(world.deployment.pk))
    assert row_of(world, done).note == "Compared with the hours before: it is the pinned reference itself."


@pytest.mark.parametrize("wrong", ["elsewhere", "v1", "0f0130ad-6c76-4f1b-bd05-fe246e5b7193", "", "\x00"])
def test_a_reference_that_cannot_be_is_refused(wrong):
    world, reference = creeping_world()
    environment = world.environment
    if wrong == "elsewhere":
        wrong, environment = str(reference.pk), EnvironmentFactory(project=environment.project, name="other")
    with pytest.raises(ValidationError) as refused:
        asked(world, environment=environment, reference=wrong)
    assert "reference" in refused.value.message_dict


def test_a_reference_needs_its_environment():
    world, reference = creeping_world()
    with pytest.raises(ValidationError, match="Choose the environment that it went to"):
        asked(world, environment=None, reference=str(reference.pk))


@pytest.mark.parametrize("is_before", [True, False])
def test_switched_on_it_is_pinned_or_let_go(is_before):
    world, _ = pinned()
    world.check()
    world.judge(60)
    other = reference_in(world, -5 * DAY, -4 * DAY, version="v1.05")
    done = asked(world, reference=BEFORE if is_before else str(other.pk))
    services.switch_on(replay=done, by=UserFactory(), now=at(NOW + 1))
    world.environment.policy.refresh_from_db()
    assert world.environment.policy.reference == (None if is_before else other)


def test_changes_come_back_from_json_with_their_reference():
    changes = Changes(reference=str(uuid.uuid4()), reference_version="v1")
    assert Changes.from_json(changes.to_json()) == changes
    assert not changes.is_nothing
