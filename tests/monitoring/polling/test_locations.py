"""Locations: each has its own workers, who read its checks and no others. A move loses and doubles no reading."""

from datetime import timedelta

import pytest
from django.utils import timezone

from monitoring.models import SHARDS, Failure, HealthCheck, PollShard, Prober, ProberOutage, SecondOpinion
from monitoring.polling import grid
from monitoring.polling.shards import Identity
from tests.monitoring.polling.harness import NOW, Poller, again, at, check_of, microseconds, readings, slot_of
from tests.targets import Answer
from tests.waiting import until

pytestmark = pytest.mark.django_db


@pytest.fixture
def poller_at(settings):
    """Start a process at a location; the empty name is home."""

    def start(location="", now=NOW):
        settings.LOCATION = location
        return Poller(now)

    return start


def move(check, location):
    HealthCheck.objects.filter(pk=check.pk).update(location=location)


def latest_slot(check):
    """The latest slot of a check by the clock on the wall: it is the database that stamps a move."""
    phase, now_us = grid.phase_of(check.pk), microseconds(timezone.now())
    return NOW + timedelta(microseconds=grid.latest_slot(phase, 60 * grid.SECOND, now_us) - microseconds(NOW))


def test_a_process_reads_the_checks_of_its_location_only(up, poller_at):
    here, there = check_of(up, url=up.url + "/here"), check_of(up, url=up.url + "/there", location="eu-west")
    home, away = poller_at(), poller_at("eu-west")
    assert home.round(NOW) == 1
    assert [request.path for request in up.requests] == ["/here"]
    assert again(there).state == "UNKNOWN"
    assert away.round(NOW) == 1
    assert {again(check).state for check in (here, there)} == {"UP"}


def test_a_location_has_shards_of_its_own_and_shares_them_among_its_processes(poller_at):
    home, one, two = poller_at(), poller_at("eu-west"), poller_at("eu-west")
    for _ in range(2):
        for poller in (home, one, two):
            poller.round(NOW)
    one.round(NOW)
    two.round(NOW)
    assert [len(poller.plan.shards) for poller in (home, one, two)] == [SHARDS, SHARDS // 2, SHARDS // 2]
    assert PollShard.objects.count() == 2 * SHARDS
    assert dict(Prober.objects.values_list("key", "location")) == {
        home.me.key: "", one.me.key: "eu-west", two.me.key: "eu-west"
    }  # fmt: skip


def test_what_runs_when_a_check_moves_is_read_by_its_new_location_and_kept_once(up, poller_at):
    check = check_of(up, extra_at=None)
    slot = latest_slot(check)
    minute, second = timedelta(minutes=1), timedelta(seconds=1)
    old, new = poller_at(now=slot - minute - second), poller_at("eu-west", slot)
    old.refresh()
    new.refresh()
    assert old.round(slot - minute) == 1
    up.queue(Answer(status=503))
    old.clock.now = slot
    old.start_due(microseconds(slot))  # under way while the check moves
    move(check, "eu-west")
    until(old.is_idle, 10, "its probe to end")
    old.flush()
    assert readings(check, around=slot) == {(slot - minute).timestamp(): 1.0}
    assert not Failure.objects.exists()
    assert new.round(timezone.now()) == 1
    assert readings(check, around=slot) == {(slot - minute).timestamp(): 1.0, slot.timestamp(): 1.0}
    assert new.round(slot + minute) == 1
    assert old.round(slot + minute) == 0
    assert not old.plan.checks


def test_what_the_old_location_kept_is_not_read_again(up, poller_at):
    check = check_of(up, extra_at=None)
    slot = latest_slot(check)
    old, new = poller_at(now=slot - timedelta(seconds=1)), poller_at("eu-west", slot)
    old.refresh()
    new.refresh()
    assert old.round(slot) == 1
    move(check, "eu-west")
    assert new.round(timezone.now()) == 0
    assert new.round(slot + timedelta(minutes=1)) == 1


def test_a_process_that_begins_after_a_move_goes_on_where_the_old_location_stopped(up, poller_at):
    check = check_of(up, extra_at=None)
    slot = latest_slot(check)
    old = poller_at(now=slot - timedelta(seconds=61))
    old.refresh()
    assert old.round(slot - timedelta(minutes=1)) == 1
    move(check, "eu-west")
    assert poller_at("eu-west").round(timezone.now()) == 1
    assert sorted(readings(check, around=slot)) == [slot.timestamp() - 60, slot.timestamp()]


def test_a_move_is_noticed_by_a_plan_that_has_gained_as_many_checks_as_it_lost(up, poller_at):
    left = check_of(up)
    old = poller_at()
    old.round(NOW)
    move(left, "eu-west")
    new = check_of(up)
    old.refresh()
    assert set(old.plan.checks) == {new.pk}


def test_nothing_of_a_check_that_left_is_kept_between_two_looks_at_the_plan(up, poller_at):
    """Several flushes lie between them, and each must notice."""
    check, other = check_of(up, extra_at=NOW), check_of(up, extra_at=NOW)
    old = poller_at()
    old.round(NOW)
    move(check, "eu-west")
    for n in (1, 2):
        old.clock.now = at(60 * n)
        while old.start_due(old.clock.now_us()):
            pass
        until(old.is_idle, 10, "its probes to end")
        old.flush()
    assert len(readings(check)) == 1
    assert len(readings(other)) == 3


def test_what_ran_while_a_check_was_away_for_a_moment_is_not_kept_beside_what_was_read_there(up, poller_at):
    """It leaves and comes back between two looks at the plan."""
    check = check_of(up, extra_at=None)
    slot = latest_slot(check)
    minute = timedelta(minutes=1)
    old, new = poller_at(now=slot - minute - timedelta(seconds=1)), poller_at("eu-west", slot)
    old.refresh()
    new.refresh()
    assert old.round(slot - minute) == 1
    up.queue(Answer(status=503))
    old.clock.now = slot
    old.start_due(microseconds(slot))
    until(old.is_idle, 10, "its probe to end")
    move(check, "eu-west")
    assert new.round(timezone.now()) == 1
    move(check, "")
    old.flush()
    assert old.round(timezone.now()) == 0
    assert readings(check, around=slot) == {slot.timestamp() - 60: 1.0, slot.timestamp(): 1.0}
    assert not Failure.objects.exists()
    assert again(check).state == "UP"
    assert old.round(slot + minute) == 1


def test_the_state_goes_with_the_check(up, poller_at):
    check = check_of(up, failure_threshold=1)
    old, new = poller_at(), poller_at("eu-west")
    up.set(status=503)
    old.round(NOW)
    assert again(check).state == "DOWN"
    move(check, "eu-west")
    HealthCheck.objects.filter(pk=check.pk).update(extra_at=at(2))
    up.set(status=200)
    assert new.round(at(2)) == 1
    assert again(check).state == "UP"
    assert not again(check).outages.open().exists()


# --- a second look, and our own view ----------------------------------------------------------------------------------


def test_only_a_process_of_the_same_location_is_asked_for_a_second_look(up, poller_at):
    check = check_of(up, location="eu-west", failure_threshold=2)
    home, one = poller_at(), poller_at("eu-west")
    for poller in (one, home):
        poller.round(NOW)
    up.set(status=503)
    one.round(at(slot_of(check, NOW)))
    assert not SecondOpinion.objects.exists()


def test_a_question_is_not_taken_by_another_location(up, poller_at):
    check = check_of(up, location="eu-west")
    SecondOpinion.objects.create(health_check=check, asked_by="somebody at eu-west")
    home, away = poller_at(), poller_at("eu-west")
    home._others = away._others = 1
    home._hear_others()
    assert SecondOpinion.objects.get().taken_by == ""
    away._hear_others()
    assert SecondOpinion.objects.get().taken_by == away.me.key


def test_that_a_location_sees_nothing_is_said_of_that_location(settings, poller_at):
    settings.CANARIES = ["http://127.0.0.1:9/"]
    away = poller_at("eu-west")
    away.lookout._why = "no canary can be reached"
    away.lookout.view.note_canary(settings.CANARIES[0], False)
    away.lookout.record(away.me, NOW)
    assert ProberOutage.objects.get().location == "eu-west"


def test_an_identity_is_of_the_location_of_the_setting(settings):
    settings.LOCATION = "us-east"
    assert Identity().location == "us-east"
