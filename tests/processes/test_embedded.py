"""The embedded servers, as real processes on directories of their own."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import uuid
from contextlib import contextmanager
from pathlib import Path

import psycopg2
import pytest
import redis
from django.core.exceptions import ImproperlyConfigured

from postdeploy import embedded, env, identity, processes
from postdeploy.processes import StartError
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def var(tmp_path):
    directory = tmp_path / "var"
    yield directory
    shutil.rmtree(embedded.socket_directory(directory), ignore_errors=True)


@contextmanager
def running(var, **options):
    servers = embedded.start(var, **options)
    try:
        yield servers
    finally:
        servers.stop()


def sql(var, statement):
    connection = psycopg2.connect(
        host=str(embedded.socket_directory(var)), user=embedded.USER, dbname=embedded.DATABASE
    )
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else None
    finally:
        connection.close()


def test_it_starts_both_servers_and_keeps_what_was_committed(var):
    with running(var) as servers:
        sql(var, "CREATE TABLE facts (fact text)")
        sql(var, "INSERT INTO facts VALUES ('kept')")
        redis.Redis.from_url(servers.redis_url).set("key", "value")
    with running(var) as servers:
        assert sql(var, "SELECT fact FROM facts") == [("kept",)]
        assert redis.Redis.from_url(servers.redis_url).get("key") == b"value"


def test_it_sets_what_the_application_relies_on(var):
    with running(var) as servers:
        assert sql(var, "SHOW timezone") == [("UTC",)]
        assert sql(var, "SHOW synchronous_commit") == [("on",)]
        assert sql(var, "SHOW max_connections") == [("100",)]
        assert sql(var, "SHOW listen_addresses") == [("",)]
        assert sql(var, "SELECT upper('straße ж')") == [("STRASSE Ж",)] or sql(var, "SELECT upper('ж')") == [("Ж",)]
        valkey = redis.Redis.from_url(servers.redis_url)
        assert valkey.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert valkey.config_get("port") == {"port": "0"}
        assert valkey.config_get("appendonly") == {"appendonly": "yes"}


def test_only_its_owner_may_enter_the_directories(var):
    with running(var):
        for directory in (var, embedded.socket_directory(var), var / "postgres", var / "log"):
            assert directory.stat().st_mode & 0o077 == 0, directory


def test_the_urls_work_in_django_redis_and_celery_with_odd_characters_in_the_path(tmp_path):
    import environ
    import kombu

    var = tmp_path / "a b'c%é"
    assert embedded.socket_directory(var) == var / "run"
    with running(var) as servers:
        config = environ.Env.db_url_config(servers.database_url)
        connection = psycopg2.connect(
            host=config["OPTIONS"]["host"], port=config["OPTIONS"]["port"], user=config["USER"], dbname=config["NAME"]
        )
        connection.close()
        redis.Redis.from_url(servers.redis_url + "?db=3").set("from", "redis")
        with kombu.Connection(embedded.celery_url(servers.redis_url + "?db=3")) as broker:
            assert broker.default_channel.client.get("from") == b"redis"


def test_a_long_path_gets_a_short_socket_directory_of_our_own(tmp_path):
    var = tmp_path / ("long" * 20) / ("longer" * 20) / "var"
    sockets = embedded.socket_directory(var)
    try:
        with running(var):
            assert sockets.parent == Path("/tmp")
            assert sockets.stat().st_mode & 0o777 == 0o700
            assert sql(var, "SELECT 1") == [(1,)]
    finally:
        shutil.rmtree(sockets, ignore_errors=True)


def test_a_socket_directory_of_somebody_else_is_refused(tmp_path):
    var = tmp_path / ("long" * 20) / ("longer" * 20) / "var"
    sockets = embedded.socket_directory(var)
    sockets.symlink_to(tmp_path)
    try:
        with pytest.raises(embedded.EmbeddedError, match="belongs to somebody else"):
            embedded.start(var)
    finally:
        sockets.unlink()


def test_a_second_start_on_the_same_directory_names_the_first(var):
    with running(var), pytest.raises(StartError, match=f"another Postdeploy is running on {var}") as raised:
        start_in_another_process(var)
    assert f"(pid {os.getpid()})" in str(raised.value)


def start_in_another_process(var):
    """Raise what a start in a new process said."""
    code = f"from pathlib import Path; from postdeploy import embedded; embedded.start(Path({str(var)!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    raise StartError(done.stderr.strip().splitlines()[-1])


@pytest.mark.parametrize("victim", ["postgres", "valkey"])
def test_a_killed_server_comes_back_with_what_was_committed(var, victim):
    with running(var) as servers:
        sql(var, "CREATE TABLE facts (fact text)")
        sql(var, "INSERT INTO facts VALUES ('kept')")
        valkey = redis.Redis.from_url(servers.redis_url)
        valkey.set("key", "value")
        server = getattr(servers, victim)
        server.process.kill()
        server.process.wait()
        until(lambda: answers_again(server), what=f"{victim} to be back")
        assert sql(var, "SELECT fact FROM facts") == [("kept",)]
        assert valkey.get("key") == b"value"


def answers_again(server):
    """Start the server as the supervisor does; sessions of the killed one may hold its memory for a moment."""
    server.spawn()
    try:
        server.wait_until_ready()
    except embedded.EmbeddedError:
        return False
    return True


def test_killing_the_parent_ends_the_servers_and_the_next_start_has_every_committed_row(var):
    code = (
        "from pathlib import Path; from postdeploy import embedded; import signal;"
        f"s = embedded.start(Path({str(var)!r})); print(s.postgres.process.pid, s.valkey.process.pid, flush=True);"
        "signal.pause()"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    children = [int(word) for word in parent.stdout.readline().split()]
    sql(var, "CREATE TABLE facts (fact int)")
    sql(var, "INSERT INTO facts SELECT generate_series(1, 1000)")
    parent.kill()
    parent.wait()
    with running(var):  # waits for the lock, which the servers held
        assert sql(var, "SELECT count(*) FROM facts") == [(1000,)]
        assert not any(is_running(pid) for pid in children)


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_a_pid_file_whose_number_has_somebody_else_by_now_does_not_stop_the_start(var):
    with running(var, valkey=False):
        pid_file = (var / "postgres" / "postmaster.pid").read_text().splitlines()
    stranger = subprocess.Popen(["sleep", "60"])
    (var / "postgres" / "postmaster.pid").write_text("\n".join([str(stranger.pid), *pid_file[1:]]) + "\n")
    with running(var, valkey=False):
        assert sql(var, "SELECT 1") == [(1,)]
    stranger.kill()
    stranger.wait()


def test_an_interrupted_first_start_leaves_nothing_that_stops_the_next(var):
    (var / "postgres.new" / "base").mkdir(parents=True)
    (var / "postgres.new" / "PG_VERSION").write_text("18\n")
    with running(var, valkey=False):
        assert sql(var, "SELECT 1") == [(1,)]


def test_the_data_of_another_major_version_is_refused_with_what_to_do(var):
    (var / "postgres").mkdir(parents=True)
    (var / "postgres" / "PG_VERSION").write_text("17\n")
    with pytest.raises(embedded.EmbeddedError, match=r"made by PostgreSQL 17 but .* brings PostgreSQL 18: dump it"):
        embedded.start(var)


def test_a_platform_without_wheels_is_told_the_way_out(var, monkeypatch):
    monkeypatch.setattr(embedded.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(embedded.EmbeddedError, match="set DATABASE_URL and REDIS_URL"):
        embedded.start(var)


def test_a_binary_that_does_not_run_here_is_told_the_same(var, tmp_path):
    broken = tmp_path / "postgres"
    broken.write_bytes(b"\x7fELF nonsense")
    broken.chmod(0o755)
    with pytest.raises(embedded.EmbeddedError, match="set DATABASE_URL and REDIS_URL"):
        identity.find_identity(broken)


def test_broken_settings_are_explained_from_the_log(var):
    with running(var, valkey=False):
        pass
    (var / "postgres" / "postgresql.auto.conf").write_text("work_mem = nonsense\n")
    with pytest.raises(embedded.EmbeddedError, match=r"does not start: .*errors.* \(see .*postgres.log\)"):
        embedded.start(var, valkey=False)


def test_a_large_log_is_put_aside_at_the_start(var):
    (var / "log").mkdir(parents=True)
    with (var / "log" / "postgres.log").open("wb") as log:
        log.truncate(embedded.LARGEST_LOG + 1)
    with running(var, valkey=False):
        assert (var / "log" / "postgres.log").stat().st_size < 100_000
        assert (var / "log" / "postgres.log.1").exists()


def test_a_file_in_the_place_of_the_directory_is_explained(tmp_path):
    (tmp_path / "var").write_text("")
    with pytest.raises(StartError, match="another directory can be given with VAR"):
        embedded.start(tmp_path / "var")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_of_another_user_is_explained(tmp_path):
    (tmp_path / "var").mkdir(mode=0o500)
    with pytest.raises(StartError, match="change its owner"):
        embedded.start(tmp_path / "var")


@contextmanager
def small_disk(directory, size):
    """Mount a file system of its own on `directory`, where the system lets us."""
    directory.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", uuid.uuid4().hex, str(directory)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("this user may not mount a small file system")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(directory)], check=True)


@pytest.mark.parametrize("size", ["8k", "20m", "45m"])
def test_a_full_disk_at_the_first_start_is_explained(var, size):
    with small_disk(var, size), pytest.raises(StartError, match=r"disk .*is full"):
        embedded.start(var)


def test_a_full_disk_at_a_later_start_is_explained(var):
    with small_disk(var, "120m"):
        with running(var):
            pass
        fill(var / "filler")
        with pytest.raises(StartError, match=r"disk .*is full"):
            embedded.start(var)


def test_a_full_disk_leaves_no_empty_key(var, monkeypatch):
    monkeypatch.delenv("SECRET_KEY", raising=False)
    with small_disk(var, "64k"):
        fill(var / "filler")
        with pytest.raises(ImproperlyConfigured, match=r"disk .*is full"):
            env.secret_key(var)
        (var / "filler").unlink()
        assert len(env.secret_key(var)) > 50


def fill(path):
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 4096):
                pass
        except OSError:
            return


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another identity")
def test_root_in_a_container_without_namespaces_runs_it_as_nobody_even_below_a_closed_directory(var, monkeypatch):
    def refused():
        raise OSError(1, "refused")

    with running(var, valkey=False):
        sql(var, "CREATE TABLE facts AS SELECT 'kept' AS fact")
    var.parent.chmod(0o700)
    with monkeypatch.context() as patch:
        patch.setattr(identity, "_in_namespace", lambda uid, gid: refused)
        with running(var, valkey=False) as servers:
            assert sql(var, "SELECT fact FROM facts") == [("kept",)]
            assert Path(f"/proc/{servers.postgres.process.pid}").stat().st_uid != 0
    with running(var, valkey=False):  # and back
        assert sql(var, "SELECT fact FROM facts") == [("kept",)]


def test_no_identity_at_all_is_explained(var, monkeypatch):
    def refused():
        raise OSError(1, "refused")

    monkeypatch.setattr(identity, "_candidates", lambda: [identity.Identity(refused, (0, 0))])
    with pytest.raises(embedded.EmbeddedError, match="start as a plain user, or set DATABASE_URL"):
        embedded.start(var)


def test_the_lock_of_a_living_holder_is_respected_and_that_of_a_dead_one_taken(tmp_path):
    first = processes.claim(tmp_path)
    (tmp_path / "lock").write_text("999999999")  # as if its owner were dead, and its children still ending
    with pytest.raises(StartError, match="killed Postdeploy"):
        processes.claim(tmp_path, patience=0.1)
    os.close(first)
    os.close(processes.claim(tmp_path))


def test_a_server_gets_the_death_signal_that_ends_it_cleanly(var):
    with running(var) as servers:
        assert servers.postgres.stop_signals[0] == signal.SIGINT
        os.kill(servers.postgres.process.pid, signal.SIGINT)
        assert servers.postgres.process.wait(10) == 0


def test_no_tcp_port_is_opened(var):
    with running(var) as servers:
        sockets = {
            os.readlink(descriptor)
            for server in servers.servers
            for descriptor in Path(f"/proc/{server.process.pid}/fd").iterdir()
        }
        assert not sockets & {f"socket:[{line.split()[9]}]" for line in tcp_sockets()}


def tcp_sockets():
    return [line for table in ("tcp", "tcp6") for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]]


def test_socket_addresses_stay_within_the_limit_of_the_system(tmp_path):
    for length in range(1, 200, 7):
        directory = embedded.socket_directory(tmp_path / ("x" * length))
        with socket.socket(socket.AF_UNIX) as client, pytest.raises((FileNotFoundError, ConnectionRefusedError)):
            client.connect(str(directory / f".s.PGSQL.{embedded.PORT}.lock"))  # "path too long" is another OSError


def test_a_comma_in_the_path_is_kept_out_of_the_address(tmp_path):
    assert embedded.socket_directory(tmp_path / "a,b").parent == Path("/tmp")
