"""What happens to polling when parts of it are killed, frozen, emptied or lied to. Each ends with the ledger:

every slot was read once, nothing is held by the dead, nothing that is due was left.
"""

import json
import os
import shutil
import signal
from itertools import pairwise

import psycopg2
import pytest
import redis

from postdeploy import embedded
from tests.targets import Target
from tests.waiting import until

pytestmark = pytest.mark.processes
LEASE = 10


@pytest.fixture
def polling(rig):
    """The rig, with a beat; nothing that a test started outlives it."""
    rig.beat()
    yield rig
    rig.stop_all()


def checks(target, count, path="/ok", **fields):
    return [{"target": f"{target.url}{path}/{n}", "interval_seconds": 2} | fields for n in range(count)]


def test_a_killed_child_of_the_pool_costs_no_reading(polling, target):
    """Fault 1: in the middle of a poll."""
    polling.ask("make", checks(target, 20))
    worker = polling.worker("prefork", 2)
    polling.is_polled()
    since = polling.ask("now")
    target.set(delay=1.0)
    target.clear()
    target.wait_for(5)
    os.kill(polling.children(worker)[0], signal.SIGKILL)
    target.set(status=200)
    polling.settle(since + LEASE)  # what it held waited for its lease
    assert polling.ask("counts")["outages"] == 0


def test_a_killed_worker_is_replaced_within_two_leases(polling, target):
    """Fault 2: with 200 polls under way, and a poisoned row among them (fault 18)."""
    made = polling.ask("make", [*checks(target, 200, interval_seconds=5), *checks(target, 1, sealed="not a secret")])
    first = polling.worker()
    polling.is_polled()
    target.set(delay=2.0)
    target.clear()
    target.wait_for(200, 30)
    polling.kill(first)
    target.set(status=200)
    polling.worker()
    ended = polling.ask("now")
    until(lambda: polling.ask("now") - polling.ask("lag") > ended + 1, 60, "another to take over")
    found = polling.ask("slots")
    gaps = [after - before for pk in made[:200] for before, after in pairwise(found[str(pk)])]
    assert max(gaps) < 5 + 2 * LEASE
    polling.settle(polling.ask("now") + 3)
    poisoned = polling.ask("states")[str(made[-1])]
    assert poisoned["parked_until"]
    assert poisoned["latest_detail"].startswith("could not be read: this secret")
    assert polling.ask("counts")["outages"] == 0


def test_a_worker_that_is_told_to_end_hands_over_at_once(polling, target):
    """With a second one there, nobody waits for a lease."""
    made = polling.ask("make", checks(target, 40))
    first, _ = polling.worker(), polling.worker()
    until(lambda: len([shards for _, shards in polling.ask("probers") if shards == 16]) == 2, 40, "two to share")
    since = polling.ask("now")
    first.terminate()
    assert first.wait(20) == 0
    until(lambda: polling.ask("now") - polling.ask("lag") > since + 6, 40, "the readings of now")
    found = polling.ask("slots")
    recent = {pk: [slot for slot in found[str(pk)] if slot > since - 2] for pk in made}
    assert max(after - before for slots in recent.values() for before, after in pairwise(slots)) < 4.1
    polling.settle(since + 3)


def test_polling_goes_on_while_the_broker_is_frozen_and_when_it_comes_back_empty(polling, target):
    """Faults 4 and 5."""
    made = polling.ask("make", checks(target, 20))
    polling.worker()
    polling.is_polled()
    since = polling.ask("now")
    valkey = polling.server("valkey")
    valkey.process.send_signal(signal.SIGSTOP)
    try:
        before = len(polling.ask("slots")[str(made[0])])
        polling.reads(made[0], 20, before + 3)
    finally:
        valkey.process.send_signal(signal.SIGCONT)
    redis.Redis.from_url(embedded.redis_url(polling.directory)).flushall()
    before = len(polling.ask("slots")[str(made[0])])
    polling.reads(made[0], 20, before + 2)
    polling.settle(since)


def test_a_restart_of_the_database_loses_no_reading(polling, target):
    """Fault 8: what was read meanwhile waits, and the plan is in memory."""
    polling.ask("make", checks(target, 40))
    polling.worker()
    polling.is_polled()
    since = polling.ask("now")
    postgres = polling.server("postgres")
    postgres.stop()
    try:
        target.clear()
        target.wait_for(60, 20)  # it is polled all the same
    finally:
        postgres.spawn()
        postgres.wait_until_ready()
    until(lambda: is_there(polling), 20, "the database")
    polling.settle(since)
    assert polling.ask("counts")["outages"] == 0


def is_there(rig):
    try:
        psycopg2.connect(rig.servers.database_url).close()
    except psycopg2.OperationalError:
        return False
    return True


def test_two_beats_double_nothing_and_none_is_seen(polling, target):
    """Fault 6: a second beat makes no second reading; without any process that polls the lag grows, and is said."""
    polling.ask("make", checks(target, 20))
    polling.beat()
    worker = polling.worker()
    polling.is_polled()
    target.clear()
    since = polling.ask("now")
    polling.settle(since)
    asked = [request.path for request in target.requests]
    assert max(asked.count(path) for path in set(asked)) <= (polling.ask("now") - since) / 2 + 2
    polling.kill(worker)
    until(lambda: polling.ask("lag") > 4, 20, "the lag to grow")
    polling.worker()
    polling.is_polled()
    polling.settle(polling.ask("now"))


@pytest.mark.skipif(not shutil.which("faketime"), reason="needs Debian's faketime")
@pytest.mark.parametrize("jump", ["+5m", "-1h"])
def test_a_clock_that_is_wrong_reads_nothing_twice_and_nothing_at_another_time(polling, target, jump):
    """Fault 15: two workers, the clock of one is wrong. It takes part all the same, by the database's clock."""
    made = polling.ask("make", checks(target, 40))
    polling.worker()
    polling.worker(prefix=("faketime", "-f", jump), FAKETIME_DONT_FAKE_MONOTONIC="1", DONT_FAKE_MONOTONIC="1")
    until(lambda: len([shards for _, shards in polling.ask("probers") if shards == 16]) == 2, 60, "two to share")
    since = polling.ask("now")
    polling.settle(since + 1)
    now = polling.ask("now")
    slots = [slot for pk in made for slot in polling.ask("slots")[str(pk)]]
    assert since - 120 < min(slots)
    assert max(slots) < now + 1


def test_a_target_that_flaps_makes_a_few_outages(polling, target):
    """Fault 41."""
    [pk] = polling.ask("make", checks(target, 1, interval_seconds=1, failure_threshold=1))
    polling.worker()
    polling.is_polled()
    for turn in range(8):
        target.set(status=503 if turn % 2 == 0 else 200)
        seen = len(target.requests)
        target.wait_for(seen + 2, 20)
    until(lambda: polling.ask("states")[str(pk)]["flapping_since"], 20, "the check to flap")
    counts = polling.ask("counts")
    assert (counts["outages"], counts["open"]) == (3, 1)


def test_when_our_own_network_is_away_nothing_is_said_of_the_targets(polling):
    """Fault 40: all hosts fall silent at once."""
    hosts = [Target(f"127.0.8.{n}") for n in range(1, 6)]
    try:
        fields = {"interval_seconds": 1, "timeout_ms": 500, "failure_threshold": 2}
        made = polling.ask("make", [{"target": host.url + "/", **fields} for host in hosts])
        polling.worker()
        until(lambda: {row["state"] for row in polling.ask("states").values()} == {"UP"}, 40, "all to be up")
        for host in hosts:
            host.set(mode="silent")
        until(lambda: polling.ask("counts")["prober_outages_open"], 20, "the outage of ours")
        until(lambda: polling.ask("states")[str(made[0])]["state"] == "UNKNOWN", 20, "a check to be unknown")
        for host in hosts:
            host.set(status=200)
        until(lambda: {row["state"] for row in polling.ask("states").values()} == {"UP"}, 20, "all to be up again")
        until(lambda: not polling.ask("counts")["prober_outages_open"], 20, "the end of our outage")
        assert polling.ask("counts")["outages"] == 0
    finally:
        for host in hosts:
            host.close()


def test_the_rig_says_what_is_wrong(rig, target):
    """The ledger itself: a slot that nobody read is found."""
    rig.ask("make", checks(target, 1))
    now = rig.ask("now")
    assert any("was read 0 times" in line for line in rig.ask("ledger", now - 10, now))
    assert json.dumps(rig.ask("states"))
