"""One real installation: `manage.py up` with its data directory, seen from outside."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

import psycopg2

from postdeploy import embedded
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[1]
GIVEN_BY_CONFTEST = {"DATABASE_URL", "REDIS_URL"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Installation:
    """One `manage.py up` with its data directory and its output in a file."""

    def __init__(self, var, port=None, **environment):
        self.var, self.port = var, port or free_port()
        self.output = Path(tempfile.mkdtemp(dir=var.parent)) / "output"
        inherited = {name: value for name, value in os.environ.items() if name not in GIVEN_BY_CONFTEST}
        with self.output.open("ab") as file:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up"],
                cwd=ROOT,
                stdout=file,
                stderr=subprocess.STDOUT,
                env={**inherited, "VAR": str(var), "BIND": f"127.0.0.1:{self.port}", "DEMO": "0", **environment},
            )

    @property
    def text(self):
        return self.output.read_text()

    def line(self, pattern, seconds=60):
        return until(lambda: re.search(pattern, self.text, re.MULTILINE) or self.check(), seconds, pattern)

    def check(self):
        assert self.process.poll() is None, f"it ended:\n{self.text}"

    def wait_until_up(self):
        self.line("Postdeploy is at")
        return self

    def status(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return None

    def sql(self, statement):
        connection = psycopg2.connect(
            host=str(embedded.socket_directory(self.var)), user=embedded.USER, dbname=embedded.DATABASE
        )
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else None
        finally:
            connection.close()

    def has_database(self):
        try:
            return self.sql("SELECT 1") == [(1,)]
        except psycopg2.OperationalError:
            return False

    def processes(self):
        """Return pid and command line of all that belongs to this data directory."""
        return {pid: line for pid, line in all_processes() if str(self.var) in line or self.is_ours(pid)}

    def is_ours(self, pid):
        try:
            return f"VAR={self.var}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            return False

    def pid_of(self, word):
        return next(pid for pid, line in sorted(self.processes().items()) if word in line)

    def kill(self, word):
        """Kill the process whose command line has this word, with no chance to say anything."""
        os.kill(self.pid_of(word), signal.SIGKILL)

    def has_another(self, word, before):
        return any(word in line for pid, line in self.processes().items() if pid not in before)

    def stop(self):
        self.process.terminate()
        return self.process.wait(30)


def all_processes():
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            line = (directory / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if line:  # neither a kernel thread nor a zombie
            yield int(directory.name), line
