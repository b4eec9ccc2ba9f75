"""`manage.py up`: the whole installation on this machine, until Ctrl-C. `make run` runs it."""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection, connections
from django.db.migrations.executor import MigrationExecutor

from postdeploy import embedded, wiring
from postdeploy.env import env_bool
from postdeploy.processes import StartError, claim
from postdeploy.supervisor import Program, Supervisor, command

# Any number that nobody else uses: two that start on one database migrate one after the other.
MIGRATION_LOCK = 7_046_029_254
FIRST_ANSWER_SECONDS = 30
# Said at each start, of no use here: Celery's to root, WhiteNoise's about files that are served uncollected.
WARNINGS = "ignore:You're running the worker with superuser privileges,ignore:No directory at"


class Command(BaseCommand):
    """Starts the servers that are not given, brings the tables up to date, and keeps web, worker and beat running."""

    help = (
        "Run everything on this machine: BIND (address:port), VAR (data directory), DATABASE_URL and REDIS_URL "
        "(servers of your own instead of the embedded ones), DEMO=0 (no demo project)."
    )
    requires_system_checks: list[str] = []  # they may need the database, which is not up yet

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until SIGINT, SIGTERM or SIGHUP."""
        _open_standard_descriptors()
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # until the supervisor listens
        try:
            self._run()
        except StartError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            sys.exit(130)

    def _run(self) -> None:
        if settings.LOCATION:
            raise StartError("LOCATION is for a worker of another location: leave it away here, where home is")
        host, port = address(settings.BIND)
        lock = claim(settings.VAR)
        check_port(host, port)
        servers = embedded.start(
            settings.VAR,
            lock=lock,
            postgres=not os.environ.get("DATABASE_URL"),
            valkey=not os.environ.get("REDIS_URL"),
        )
        try:
            self._prepare_database()
            supervisor = Supervisor([*server_programs(servers), *programs(host, port, lock)])
            supervisor.run(partial(announce, host, port, supervisor.say))
        finally:
            servers.stop()

    def _prepare_database(self) -> None:
        """Bring the tables up to date, and let an empty installation get what it needs."""
        try:
            migrate()
        except OperationalError as error:
            raise StartError(f"the database of DATABASE_URL does not answer: {str(error).strip()}") from error
        if not get_user_model().objects.exists():
            self._furnish()
        connections.close_all()
        self.stdout.flush()

    def _furnish(self) -> None:
        """Give an empty installation its administrator and, unless DEMO=0, the demo project."""
        call_command("first_start", stdout=self.stdout)
        if env_bool("DEMO", True):
            call_command("demo", "create", "--if-empty", stdout=self.stdout)


# --- before the start -------------------------------------------------------------------------------------------------


def address(bind: str) -> tuple[str, int]:
    """Return host and port of `BIND`; raises StartError for anything else."""
    host, _, port = bind.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise StartError(f"BIND is {bind!r}: use address:port, for example 127.0.0.1:8000")
    return host, int(port)


def check_port(host: str, port: int) -> None:
    """Raise StartError unless we may listen there."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StartError(f"cannot listen on {host}:{port} ({reason}): give another address with BIND") from error


def migrate() -> None:
    """Bring the tables up to date, one process at a time, and only if there is something to do (it takes a second)."""
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = 0; SET statement_timeout = 0; SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK])
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            call_command("migrate", interactive=False, verbosity=0)
    connection.close()  # which gives back the lock and the limits


def _open_standard_descriptors() -> None:
    """Put something on the descriptors 0 to 2, else the next file opened would get our output."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


# --- what runs --------------------------------------------------------------------------------------------------------


def server_programs(servers: embedded.Embedded) -> list[Program]:
    """Return the embedded servers, which run already, as programs to keep running."""
    return [
        Program(
            name=server.name,
            start=server.spawn,
            stop_signal=server.stop_signals[0],
            is_server=True,
            running=server.process,
            explain=server.explain,
        )
        for server in servers.servers
    ]


def programs(host: str, port: int, lock: int) -> list[Program]:
    """Return what is started; the demo's programs only if there is a demo, whose state file this is."""
    started = [
        _python("web", web_arguments(host, port), lock),
        _python("worker", WORKER, lock),  # a page goes first, above all at the start
        _python("beat", BEAT, lock),
    ]
    if not (settings.VAR / "demo.json").exists():
        return started
    # Named by string as everything of the floors; both are done when they end with 0.
    shop = _python("shop", ["reports.demo.service", str(settings.VAR), settings.SITE_URL], lock)
    pipeline = _python("pipeline", ["reports.demo.pipeline", str(settings.VAR), settings.SITE_URL], lock)
    return [*started, replace(shop, may_finish=True), replace(pipeline, may_finish=True, is_late=True)]


def web_arguments(host: str, port: int) -> list[str]:
    """Return granian's arguments: one process, threads, and an end to those that do not end."""
    listen = ["--host", host, "--port", str(port)]
    size = ["--workers", "1", "--blocking-threads", "8", "--backlog", "1024", "--workers-kill-timeout", "5"]
    rest = ["--interface", "wsgi", "--http", "1", "--no-ws", "--log-level", "error", "--no-access-log"]
    return ["granian", *listen, *size, *rest, "postdeploy.wsgi:application"]


WORKER = [
    *("celery", "--quiet", "-A", "postdeploy", "worker", "--pool", "threads", "--concurrency", "16"),
    *("--queues", ",".join(wiring.QUEUES), "--loglevel", "warning"),
    *("--without-gossip", "--without-mingle", "--without-heartbeat"),
]
# This scheduler keeps no file: what is due is in the database, a schedule that remembers could only be wrong.
BEAT = [
    "celery",
    "--quiet",
    "-A",
    "postdeploy",
    "beat",
    "--scheduler",
    "celery.beat:Scheduler",
    "--loglevel",
    "warning",
]


def _python(name: str, arguments: list[str], lock: int) -> Program:
    return command(
        name,
        [sys.executable, "-m", *arguments],
        environment={**os.environ, **environment(), "ROLE": name, "PYTHONWARNINGS": WARNINGS},
        directory=settings.BASE_DIR,
        lock=lock,
    )


def environment() -> dict[str, str]:
    """Return the settings that our children must share with us, whatever ours came from."""
    return {
        "DATABASE_URL": os.environ.get("DATABASE_URL") or embedded.database_url(settings.VAR),
        "REDIS_URL": os.environ.get("REDIS_URL") or embedded.redis_url(settings.VAR),
        "VAR": str(settings.VAR),
        "BIND": settings.BIND,
        "SITE_URL": settings.SITE_URL,
        "CELERY_SKIP_CHECKS": "1",  # they import every page, in worker and beat; `make lint` runs them
    }


# --- after the start --------------------------------------------------------------------------------------------------


async def announce(host: str, port: int, say: Callable[[str], None]) -> None:
    """Say where it is as soon as the first page answers."""
    began = time.monotonic()
    is_patient = True
    while not (status := await first_status(host, port)):
        if is_patient and time.monotonic() - began > FIRST_ANSWER_SECONDS:
            is_patient = False
            say(f"the first page did not answer within {FIRST_ANSWER_SECONDS} s; still trying")
        await asyncio.sleep(0.05)
    if status >= 500:
        say(f"the first page answers with {status}: the lines of web above say why")
    say(f"Postdeploy is at {settings.SITE_URL} (data in {settings.VAR}); Ctrl-C stops it")


async def first_status(host: str, port: int) -> int | None:
    """Return the HTTP status of the first page, or None if it does not answer."""
    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    try:
        reader, writer = await asyncio.open_connection(here, port)
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        line = await asyncio.wait_for(reader.readline(), FIRST_ANSWER_SECONDS)
        writer.close()
        return int(line.split()[1])
    except (OSError, TimeoutError, IndexError, ValueError):
        return None
