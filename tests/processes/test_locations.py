"""Workers of several locations at once: each slot is read once, by the location of its check, whoever is killed."""

import signal
import time

import pytest
import redis

from postdeploy import embedded
from postdeploy.queues import ENOUGH_WAIT
from tests.waiting import until

pytestmark = pytest.mark.processes
LEASE = 10


@pytest.fixture
def polling(rig):
    """The rig, with a beat and the worker that minds the locations; nothing that a test started outlives it."""
    rig.beat()
    rig.worker(queues="flow")
    yield rig
    rig.stop_all()


def checks(target, count, location="", **fields):
    path = f"{target.url}/{location or 'home'}"
    return [{"target": f"{path}/{n}", "location": location, "interval_seconds": 2} | fields for n in range(count)]


def test_each_location_reads_its_own_checks_and_a_killed_worker_is_replaced_there(polling, target):
    polling.ask("make", [*checks(target, 12), *checks(target, 8, "eu-west"), *checks(target, 4, "us-east")])
    polling.worker()
    first, _ = polling.worker_at("eu-west"), polling.worker_at("us-east")
    polling.is_polled()
    assert polling.ask("read_at") == {"": 12, "eu-west": 8, "us-east": 4}
    polling.settle(polling.ask("now"))
    second = polling.worker_at("eu-west")
    until(lambda: len(polling.ask("probers")) == 4, 40, "another one at eu-west")
    since = polling.ask("now")
    polling.kill(first)
    polling.settle(since + 2 * LEASE)
    assert polling.ask("read_at") == {"": 12, "eu-west": 8, "us-east": 4}
    second.terminate()
    assert second.wait(20) == 0


def test_a_location_without_a_worker_says_so_and_goes_on_when_one_is_back(polling, target):
    """Home goes on; nothing of it is healthy meanwhile, and its unread queue does not fill the broker."""
    made = polling.ask("make", [*checks(target, 4), *checks(target, 4, "eu-west")])
    here, there = map(str, (made[0], made[-1]))
    polling.worker()
    worker = polling.worker_at("eu-west")
    polling.is_polled()
    until(lambda: {row["state"] for row in polling.ask("states").values()} == {"UP"}, 20, "all to be up")
    polling.kill(worker, signal.SIGKILL)
    until(lambda: polling.ask("states")[there]["state"] == "UNKNOWN", 40, "what nobody reads to be unknown")
    assert polling.ask("states")[there]["latest_detail"].startswith("no worker at eu-west since ")
    assert polling.ask("states")[here]["state"] == "UP"
    assert "no worker at eu-west" in polling.ask("ready")
    queue = redis.Redis.from_url(embedded.redis_url(polling.directory))
    until(lambda: queue.llen("polls.eu-west") == ENOUGH_WAIT, 20, "its queue to have enough")
    polling.worker_at("eu-west")
    until(lambda: {row["state"] for row in polling.ask("states").values()} == {"UP"}, 40, "all to be up again")
    assert polling.ask("ready") == "1 location is read: eu-west"
    assert queue.llen("polls.eu-west") <= ENOUGH_WAIT
    assert polling.ask("counts")["outages"] == 0
    polling.settle(polling.ask("now"))


def test_checks_that_move_to_and_fro_are_read_once_in_each_slot(polling, target):
    """Also while their target is slow, so that some are under way at every move."""
    made = polling.ask("make", checks(target, 24))
    polling.worker()
    polling.worker_at("eu-west")
    polling.worker_at("us-east")
    # each location has something to read all the time
    made += polling.ask("add", [*checks(target, 1, "eu-west"), *checks(target, 1, "us-east")])
    polling.is_polled()
    target.set(delay=0.4)
    since = polling.ask("now") + 1
    for turn in range(9):
        for pk in made[turn % 3 : 24 : 3]:
            polling.ask("change", pk, location=("eu-west", "us-east", "")[(turn + pk) % 3])
        seen = len(target.requests)
        target.wait_for(seen + 20, 20)
    polling.settle(since)
    assert polling.ask("counts")["outages"] == 0


def test_what_a_dead_location_held_is_read_where_it_is_moved_to_at_once(polling, target):
    """Nobody waits for the lease of a worker of another location."""
    made = polling.ask("make", [*checks(target, 1), *checks(target, 6, "eu-west")])
    polling.worker()
    worker = polling.worker_at("eu-west")
    polling.is_polled()
    polling.kill(worker)
    began = time.monotonic()
    for pk in made[1:]:
        polling.ask("change", pk, location="")
    since = polling.ask("now")
    until(lambda: all(max(polling.ask("slots")[str(pk)]) > since for pk in made), 20, "all to be read at home")
    assert time.monotonic() - began < LEASE
    polling.settle(since + 1)


@pytest.mark.parametrize(
    ("location", "queues", "fix"),
    [("eu-west", "polls", "--queues polls.eu-west"), ("", "polls.eu-west", "LOCATION=eu-west")],
)
def test_a_worker_of_the_wrong_queue_does_not_start_and_names_the_fix(rig, location, queues, fix):
    worker = rig.worker(queues=queues, LOCATION=location)
    assert worker.wait(30) == 1
    assert fix in worker.output.read_text()
