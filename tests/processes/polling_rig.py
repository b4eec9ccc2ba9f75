"""Real workers on real servers, for tests that kill, freeze and empty them."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from celery import Celery

from postdeploy import embedded
from tests.prepared import copy_prepared
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]


class Rig:
    """PostgreSQL and Valkey of their own; workers and beats are started by the tests."""

    def __init__(self, directory):
        self.directory = directory
        copy_prepared(directory)
        self.servers = embedded.start(directory)
        self.environment = {
            **os.environ,
            "VAR": str(directory),
            "DATABASE_URL": self.servers.database_url,
            "REDIS_URL": self.servers.redis_url,
            "PROBE_NETWORKS": "127.0.0.0/8",
            "DJANGO_SETTINGS_MODULE": "postdeploy.settings",
            "CELERY_SKIP_CHECKS": "1",
        }
        self.started = []
        self.console = subprocess.Popen(
            [sys.executable, "-m", "tests.processes.polling_console"],
            cwd=ROOT, env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.broker = Celery(broker=embedded.celery_url(self.servers.redis_url), set_as_current=False)

    # --- the database ---

    def ask(self, do, *arguments, **named):
        """Let the console do something, and return what it says."""
        self.console.stdin.write(json.dumps({"do": do, "with": arguments, "named": named}) + "\n")
        self.console.stdin.flush()
        answer = json.loads(self.console.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer["is"]

    def reads(self, pk, seconds=30, more_than=0):
        """Wait until a check was read more than so often; return its slots."""
        return until(
            lambda: len(found := self.ask("slots").get(str(pk), [])) > more_than and found, seconds, "readings"
        )

    def is_polled(self):
        """Wait until somebody polls everything, up to now."""
        until(lambda: self.ask("unread") == 0 and self.ask("lag") < 3, 60, "polling")

    def settle(self, since):
        """Wait until a few seconds after now and `since` are read; nothing may be missing, doubled or left behind."""
        end = max(self.ask("now"), since) + 3
        until(lambda: self.ask("now") - self.ask("lag") > end + 1, 60, "the readings of now")
        wrong = self.ask("ledger", since, end)
        assert not wrong, wrong

    # --- processes ---

    def start(self, *arguments, prefix=(), **environment):
        """Start a Celery program; its output goes to a file."""
        output = tempfile.NamedTemporaryFile(dir=self.directory, prefix="output-", delete=False)  # noqa: SIM115
        program = [sys.executable, "-m", "celery", "--quiet", "-A", "postdeploy", *arguments, "--loglevel", "warning"]
        process = subprocess.Popen(
            [*prefix, *program],
            cwd=ROOT, env={**self.environment, **environment}, stdout=output, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        process.output = Path(output.name)
        self.started.append(process)
        return process

    def worker(self, pool="threads", concurrency=4, queues="polls", **rest):
        plain = ("--without-gossip", "--without-mingle", "--without-heartbeat")
        return self.start(
            "worker", "--queues", queues, "--pool", pool, "--concurrency", str(concurrency), *plain, **rest
        )

    def worker_at(self, location, **rest):
        """A worker of a named location."""
        return self.worker(queues=f"polls.{location}", LOCATION=location, **rest)

    def beat(self):
        return self.start("beat", "--scheduler", "celery.beat:Scheduler", "--pidfile", "")

    def kill(self, process, number=signal.SIGKILL):
        """End a process and its children as hard as that."""
        os.killpg(process.pid, number)
        process.wait(20)

    def children(self, process):
        """The pids below a process."""
        return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]

    def server(self, name):
        """The process of a server by a part of its name."""
        return next(server for server in self.servers.servers if name in server.name.lower())

    def stop_all(self):
        """End what the test started."""
        for process in self.started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(20)
        self.started.clear()

    def close(self):
        self.stop_all()
        self.console.stdin.close()
        self.console.wait(20)
        self.servers.stop()
