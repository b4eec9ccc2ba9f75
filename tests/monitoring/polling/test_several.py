"""Several processes: they share the work, no slot is read twice, and what one held when it died another takes over."""

import pytest
from django.db import OperationalError

from monitoring.models import SHARDS, Failure, PollShard, Prober, SecondOpinion
from monitoring.polling import Engine, grid
from tests.factories import EnvironmentFactory
from tests.monitoring.polling.harness import NOW, Poller, again, at, check_of, microseconds, readings, slot_of
from tests.targets import Answer
from tests.waiting import until

pytestmark = pytest.mark.django_db


def let_leases_run_out():
    """As when whoever held them was not heard of for long."""
    Prober.objects.update(seen_at=at(-1))
    PollShard.objects.update(lease_until=at(-1))


def test_two_processes_share_the_shards(up):
    first, second = Poller(), Poller()
    first.round(NOW)
    assert len(first.plan.shards) == SHARDS
    second.round(NOW)  # says that it is there; everything is held
    first.round(NOW)  # gives back what is more than its share
    second.round(NOW)
    assert (len(first.plan.shards), len(second.plan.shards)) == (SHARDS // 2, SHARDS // 2)
    assert not first.plan.shards & second.plan.shards


def test_together_they_read_each_slot_once(up):
    environment = EnvironmentFactory()
    checks = [check_of(up, environment=environment, extra_at=None) for _ in range(40)]
    first, second = Poller(), Poller()
    for n in range(4):
        first.round(at(n))
        second.round(at(n))
    up.clear()
    taken = first.round(at(65)) + second.round(at(65))
    assert taken == len(up.requests) == len(checks)
    assert all(len(readings(check)) == len(set(readings(check))) for check in checks)


def test_a_process_that_ends_hands_over_at_once(up):
    check = check_of(up)
    first, second = Poller(), Poller()
    first.round(NOW)
    first.hand_over()
    assert second.round(at(slot_of(check, NOW))) == 1
    assert Prober.objects.filter(key=first.me.key).count() == 0
    assert len(readings(check)) == 2


def test_what_runs_when_a_process_hands_over_is_read_by_the_next(up, monkeypatch):
    monkeypatch.setattr("monitoring.polling.engine.LAST_PROBES_SECONDS", 0.05)
    up.queue(Answer(delay=5))
    check = check_of(up)
    first, second = Poller(), Poller()
    first.refresh()
    first.start_due(microseconds(NOW))
    first.hand_over()
    assert second.round(at(1)) == 1
    assert list(readings(check).values()) == [1.0]


def test_a_killed_process_is_replaced_when_its_lease_has_run_out(up):
    check = check_of(up)
    killed, other = Poller(), Poller()
    killed.refresh()
    killed.start_due(microseconds(NOW))  # and is never heard of again
    assert other.round(at(5)) == 0
    let_leases_run_out()
    assert other.round(at(12)) == 1
    assert len(readings(check)) == 1
    assert again(check).state == "UP"


def test_what_a_killed_process_had_kept_is_not_read_again(up):
    check = check_of(up)
    killed, other = Poller(), Poller()
    killed.round(NOW)
    slot = slot_of(check, NOW)
    killed.round(at(slot))
    PollShard.objects.update(polled_until=at(slot - 1))  # it had kept readings beyond what it said to have read
    let_leases_run_out()
    up.clear()
    assert other.round(at(slot + 12)) == 0
    assert other.round(at(slot + 60)) == 1
    assert len(readings(check)) == 3


def test_a_process_that_lost_its_shards_keeps_nothing(up):
    """It hangs; its leases run out, and another reads the same slots."""
    check = check_of(up)
    hanging, other = Poller(), Poller()
    hanging.refresh()
    hanging.start_due(microseconds(NOW))
    let_leases_run_out()
    assert other.round(NOW) == 1
    up.set(status=503)
    until(hanging.is_idle, 10, "its probe to end")
    hanging.flush()
    assert readings(check) == {NOW.timestamp(): 1.0}
    assert again(check).failures_in_a_row == 0
    assert not Failure.objects.exists()
    assert not hanging.plan.shards


def test_a_lease_that_ran_out_while_nobody_took_over_is_still_ours(up):
    check = check_of(up)
    poller = Poller()
    poller.refresh()
    poller.start_due(microseconds(NOW))
    let_leases_run_out()
    assert poller.round(NOW) == 1
    assert readings(check) == {NOW.timestamp(): 1.0}


def test_slots_of_the_time_when_nobody_polled_are_skipped_but_the_latest(up):
    check = check_of(up)
    first = Poller()
    first.round(NOW)
    let_leases_run_out()
    Poller().round(at(3600))
    slots = sorted(readings(check))
    assert slots[0] == NOW.timestamp()
    latest = grid.latest_slot(grid.phase_of(check.pk), 60 * grid.SECOND, microseconds(at(3600)))
    assert slots[1:] == pytest.approx([latest / grid.SECOND])


# --- a second look ----------------------------------------------------------------------------------------------------


def a_pair(up, **fields):
    """A check that is up, the process that holds it, and another one."""
    check = check_of(up, failure_threshold=2, **fields)
    one, two = Poller(), Poller()
    for _ in range(3):
        one.round(NOW)
        two.round(NOW)
    check = again(check)
    return (check, one, two) if check.shard in one.plan.shards else (check, two, one)


def test_a_first_failure_is_looked_at_by_another_process_at_once(up):
    check, holder, other = a_pair(up)
    up.set(status=503)
    slot = slot_of(check, NOW)
    holder.round(at(slot))
    assert SecondOpinion.objects.get().asked_by == holder.me.key
    other.round(at(slot + 0.5))
    until(lambda: other.is_idle() or SecondOpinion.objects.filter(reading__isnull=False).exists(), 5)
    until(lambda: other._gather(0.05) or SecondOpinion.objects.filter(reading__isnull=False).exists(), 5, "an answer")
    holder.round(at(slot + 1))
    assert again(check).state == "DOWN"
    assert not SecondOpinion.objects.exists()


def test_what_is_well_from_elsewhere_does_not_go_down(up):
    check, holder, other = a_pair(up)
    up.queue(Answer(status=503))
    slot = slot_of(check, NOW)
    holder.round(at(slot))
    other.round(at(slot + 0.5))
    until(lambda: other._gather(0.05) or SecondOpinion.objects.filter(reading__isnull=False).exists(), 5, "an answer")
    holder.round(at(slot + 1))
    check = again(check)
    assert (check.state, check.failures_in_a_row) == ("UP", 0)


def test_alone_nobody_is_asked(up):
    check = check_of(up)
    poller = Poller()
    poller.round(NOW)
    up.set(status=503)
    poller.round(at(slot_of(check, NOW)))
    assert not SecondOpinion.objects.exists()


def test_a_process_that_begins_while_the_database_is_away_has_nothing_to_poll_yet(monkeypatch):
    def away(*arguments, **named):
        raise OperationalError("connection refused")

    monkeypatch.setattr("monitoring.polling.shards.report", away)
    engine = Engine(is_stopping=lambda: False)
    try:
        assert engine.run(lambda: True) == 0
    finally:
        engine.close()
