"""Many requests at once: in order, concurrently, with connections kept, and none able to hold up the others."""

import errno
import os
import socket
import threading
import time

import pytest

from postdeploy.lib.http import Failure, Request, fetch, fetch_many, forget_connections
from tests.targets import Target

LOOPBACK = ("127.0.0.0/8",)


@pytest.fixture
def target():
    with Target() as target:
        yield target


def test_outcomes_come_in_the_order_of_the_requests(target):
    for number in range(30):
        target.set(f"/{number}", body=str(number), delay=0.002 * (30 - number))
    outcomes = fetch_many([Request(f"{target.url}/{number}") for number in range(30)], LOOPBACK)
    assert [outcome.response.text for outcome in outcomes] == [str(number) for number in range(30)]


def test_no_requests_give_no_outcomes():
    assert fetch_many([], LOOPBACK) == []


def test_slow_ones_do_not_hold_up_the_others(target):
    target.set("/slow", delay=1.0)
    ended = []
    requests = [Request(f"{target.url}/slow")] * 20 + [Request(target.url)] * 20
    began_at = time.monotonic()
    fetch_many(requests, LOOPBACK, lambda index, outcome: ended.append(index))
    assert time.monotonic() - began_at < 5
    assert set(ended[:20]) == set(range(20, 40))


def test_it_keeps_to_the_concurrency_it_was_given(target):
    target.set(delay=0.02)
    fetch_many([Request(target.url, fresh=True) for _ in range(12)], LOOPBACK, concurrency=3)
    arrivals = [request.at for request in target.requests]
    assert arrivals[-1] - arrivals[0] >= 0.02 * 3
    assert target.connections == 12


def test_connections_are_kept_between_runs_and_fresh_ones_are_not(target):
    forget_connections()
    for _ in range(3):
        assert all(o.status == 200 for o in fetch_many([Request(target.url)] * 2, LOOPBACK, concurrency=1))
    assert target.connections == 1
    outcome = fetch(Request(target.url, fresh=True), LOOPBACK)
    assert (target.connections, outcome.is_reused) == (2, False)
    assert outcome.timings.connect_ms > 0


def test_a_kept_connection_that_the_server_closed_is_replaced_silently():
    with Target() as target:
        assert fetch(Request(target.url), LOOPBACK).status == 200
        port = target.port
    with Target(port=port) as target:
        assert fetch(Request(target.url), LOOPBACK).status == 200


def test_failures_and_answers_mix(target):
    target.set("/reset", mode="reset")
    target.set("/hang", mode="silent")
    requests = [
        Request(target.url),
        Request(target.url + "/reset"),
        Request("http://10.0.0.5/"),
        Request(target.url + "/hang", timeout_s=0.3),
        Request(target.url),
    ]
    failures = [outcome.failure for outcome in fetch_many(requests, LOOPBACK)]
    assert failures == [None, Failure.RESET, Failure.BLOCKED, Failure.TIMEOUT, None]


def test_an_error_in_on_done_ends_the_run_and_the_next_one_is_clean(target):
    def stumble(index, outcome):
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fetch_many([Request(target.url)] * 10, LOOPBACK, stumble)
    assert [o.status for o in fetch_many([Request(target.url)] * 3, LOOPBACK)] == [200, 200, 200]


def test_threads_do_not_share_connections(target):
    statuses = []

    def work():
        statuses.extend(outcome.status for outcome in fetch_many([Request(target.url)] * 20, LOOPBACK))
        forget_connections()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert statuses == [200] * 80


def test_a_forked_process_makes_its_own_connections(target):
    assert fetch(Request(target.url), LOOPBACK).status == 200
    child = os.fork()
    if child == 0:
        os._exit(0 if fetch(Request(target.url), LOOPBACK).status == 200 else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert fetch(Request(target.url), LOOPBACK).is_reused
    assert target.connections == 2


def test_a_thousand_requests_leave_no_descriptor_behind(target):
    forget_connections()
    fetch_many([Request(target.url, fresh=True) for _ in range(50)], LOOPBACK)
    before = len(os.listdir("/proc/self/fd"))
    fetch_many([Request(target.url, fresh=True) for _ in range(500)], LOOPBACK)
    deadline = time.monotonic() + 5
    while len(os.listdir("/proc/self/fd")) > before + 10 and time.monotonic() < deadline:
        threading.Event().wait(0.01)  # the target's own ends close a moment later
    assert len(os.listdir("/proc/self/fd")) <= before + 10


def test_having_no_files_left_is_not_taken_for_a_blocked_address(target, monkeypatch):
    def no_more(*_):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(socket, "SocketType", no_more)
    outcome = fetch(Request(target.url, fresh=True), LOOPBACK)
    assert (outcome.failure, outcome.detail) == (
        Failure.OTHER,
        "no socket could be opened: [Errno 24] Too many open files",
    )
