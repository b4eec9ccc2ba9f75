"""`manage.py up`, the real thing, from outside: what it says, what it serves, and what is left of it."""

import os
import shutil
import signal
import socket

import pytest

from postdeploy import embedded
from tests.installation import Installation
from tests.prepared import copy_prepared
from tests.waiting import until

pytestmark = pytest.mark.processes


@pytest.fixture
def up(tmp_path):
    """Start an installation on which everything ran once before; what still runs at the end is killed."""
    started = []

    def start(name="var", **options):
        var = tmp_path / name
        if not var.exists():
            copy_prepared(var)
        started.append(Installation(var, **options))
        return started[-1]

    yield start
    for installation in started:
        installation.process.kill()
        installation.process.wait()
    for installation in started:
        until(lambda: not installation.processes(), what="all to be gone")  # noqa: B023
        shutil.rmtree(embedded.socket_directory(installation.var), ignore_errors=True)


def test_it_serves_then_stops_cleanly_with_all_it_started(up):
    installation = up().wait_until_up()
    assert f"Postdeploy is at http://127.0.0.1:{installation.port}" in installation.text
    assert "with the password" not in installation.text  # only the very first start says it
    assert installation.status() == 200
    names = " ".join(installation.processes().values())
    assert all(word in names for word in ("granian", "worker", "beat", "postgres", "valkey"))
    installation.process.send_signal(signal.SIGINT)
    assert installation.process.wait(30) == 0
    assert installation.processes() == {}
    assert "killed" not in installation.text


def test_after_kill_9_nothing_is_left_and_the_next_start_has_every_committed_row(up):
    first = up().wait_until_up()
    first.sql("CREATE TABLE facts AS SELECT generate_series(1, 1000) AS fact")
    first.process.kill()
    first.process.wait()
    second = up(port=first.port).wait_until_up()  # at once, on the same port
    assert second.sql("SELECT count(*) FROM facts") == [(1000,)]
    assert not set(first.processes()) - set(second.processes())
    assert second.stop() == 0
    assert second.processes() == {}


PARTS = {"web": "granian", "worker": "postdeploy worker", "postgres": "/bin/postgres", "valkey": "valkey-server"}


def test_what_is_killed_comes_back_and_is_said(up):
    installation = up().wait_until_up()
    before = installation.processes()
    assert len([pid for pid, line in before.items() if "granian" in line or "multiprocessing" in line]) > 1
    for word in PARTS.values():
        os.kill(installation.pid_of(word), signal.SIGKILL)
    for name in PARTS:
        installation.line(rf"^{name} ended \((signal 9|exit \d+)\).*; restarting in 1 s$")
    until(installation.has_database, what="the database to answer again")
    until(lambda: installation.status() == 200, what="the pages to answer again")
    for name, word in PARTS.items():
        until(lambda: installation.has_another(word, before), what=f"{name} to be back")  # noqa: B023
    assert installation.stop() == 0
    assert installation.processes() == {}


def test_a_taken_port_is_one_sentence_that_names_bind(up):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        installation = up(port=other.getsockname()[1])
        assert installation.process.wait(30) == 1
    assert "cannot listen on 127.0.0.1:" in installation.text
    assert "give another address with BIND" in installation.text
    assert "Traceback" not in installation.text


@pytest.mark.parametrize("bind", ["8000", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:http", "127.0.0.1:99999"])
def test_a_strange_address_is_one_sentence_that_names_bind(tmp_path, bind):
    installation = Installation(tmp_path / "var", BIND=bind)
    assert installation.process.wait(30) == 1
    assert f"BIND is '{bind}': use " in installation.text
    assert "Traceback" not in installation.text


def test_two_run_side_by_side_but_not_on_one_directory(up):
    one, other = up("one").wait_until_up(), up("other").wait_until_up()
    assert (one.status(), other.status()) == (200, 200)
    third = up("one")
    assert third.process.wait(30) == 1
    assert f"another Postdeploy is running on {one.var} (pid {one.process.pid})" in third.text
    assert one.stop() == other.stop() == 0


def test_data_of_another_postgresql_is_one_sentence(tmp_path):
    (tmp_path / "var" / "postgres").mkdir(parents=True)
    (tmp_path / "var" / "postgres" / "PG_VERSION").write_text("16\n")
    installation = Installation(tmp_path / "var")
    assert installation.process.wait(30) == 1
    assert "was made by PostgreSQL 16 but this release brings PostgreSQL 18" in installation.text
    assert "Traceback" not in installation.text


def test_servers_of_your_own_are_used_and_nothing_is_embedded(tmp_path):
    servers = embedded.start(tmp_path / "own", is_durable=False)
    try:
        installation = Installation(
            tmp_path / "var", DATABASE_URL=servers.database_url, REDIS_URL=servers.redis_url
        ).wait_until_up()
        assert not (tmp_path / "var" / "postgres").exists()
        assert not any("valkey" in line for line in installation.processes().values())
        assert installation.stop() == 0
    finally:
        servers.stop()


def test_a_database_that_does_not_answer_is_one_sentence(tmp_path):
    installation = Installation(tmp_path / "var", DATABASE_URL="postgres://nobody@127.0.0.1:1/nothing")
    assert installation.process.wait(60) == 1
    assert "the database of DATABASE_URL does not answer: " in installation.text
    assert "Traceback" not in installation.text
    assert installation.processes() == {}


def test_a_data_directory_that_cannot_be_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    installation = Installation(tmp_path / "var", VAR=str(tmp_path / "file" / "var"))
    assert installation.process.wait(30) == 1
    assert "another directory can be given with VAR" in installation.text
    assert "Traceback" not in installation.text
