"""The production shape: what the compose file says, and that everything it starts really starts."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import psycopg2
import pytest
import yaml
from django.core.management.utils import get_random_secret_key

from postdeploy import wiring
from tests.waiting import until

ROOT = Path(__file__).resolve().parent.parent
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
OURS = ("migrate", "web", "worker", "polls", "beat")
ALWAYS_ON = ("web", "worker", "polls", "beat", "postgres", "redis")
DOCKERFILE = (ROOT / "Dockerfile").read_text()
# What compose itself or the containers of others read, not our settings.
NOT_OURS = {"POSTGRES_PASSWORD", "POSTGRES_USER", "POSTGRES_DB", "POSTDEPLOY_VERSION", "PUBLISH"}
NAME = re.compile(r"\b[A-Z][A-Z0-9_]{2,}\b")


def documented_settings():
    return set(re.findall(r"^\| `([A-Z][A-Z0-9_]+)` \|", (ROOT / "docs" / "settings.md").read_text(), re.MULTILINE))


# --- what it says -----------------------------------------------------------------------------------------------------


def test_it_has_every_part_of_the_installation():
    assert set(SERVICES) == {*OURS, *ALWAYS_ON}


@pytest.mark.parametrize("name", ALWAYS_ON)
def test_every_lasting_service_has_a_health_check_and_comes_back(name):
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] in {"CMD", "CMD-SHELL"}
    assert {"interval", "timeout", "retries"} <= set(check)
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", OURS)
def test_our_services_are_one_image_with_few_rights(name):
    service = SERVICES[name]
    assert service["image"] == SERVICES["web"]["image"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert service.get("user") is None, "the image's own user, which is not root"


@pytest.mark.parametrize("name", [name for name in OURS if name != "migrate"])
def test_our_services_start_after_the_migrations(name):
    assert SERVICES[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    assert SERVICES[name]["depends_on"]["redis"]["condition"] == "service_healthy"
    assert SERVICES["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"


def test_every_image_is_pinned():
    images = [service["image"] for service in SERVICES.values()] + re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    for image in images:
        _, _, tag = image.partition(":")
        assert re.search(r"\d", tag), image
        assert "latest" not in tag, image


def test_the_worker_of_a_location_is_that_of_home_with_the_queue_of_its_location():
    service = yaml.safe_load((ROOT / "docker-compose.location.yml").read_text())["services"]["polls"]
    home = SERVICES["polls"]
    own = {"command", "environment"}
    assert {name: home[name] for name in service.keys() - own} == {name: service[name] for name in service.keys() - own}
    place = service["command"].index("--queues") + 1
    assert service["command"][place] == "polls.${LOCATION}"
    assert [*service["command"][:place], "polls", *service["command"][place + 1 :]] == home["command"]
    assert set(service["environment"]) <= documented_settings()
    assert home["environment"].keys() - service["environment"].keys() == set()


def test_every_queue_has_a_worker():
    served = []
    for service in SERVICES.values():
        command = service.get("command", [])
        if "--queues" in command:
            served += command[command.index("--queues") + 1].split(",")
    assert sorted(served) == sorted(wiring.QUEUES)


def test_the_flow_runs_in_processes_and_the_polls_in_threads():
    pools = {
        name: SERVICES[name]["command"][SERVICES[name]["command"].index("--pool") + 1] for name in ("worker", "polls")
    }
    assert pools == {"worker": "prefork", "polls": "threads"}


def test_only_the_database_and_the_files_outlive_the_containers():
    assert set(COMPOSE["volumes"]) == {"data", "postgres"}
    mounts = {mount for service in SERVICES.values() for mount in service.get("volumes", [])}
    # From 18 on the image keeps its data one directory lower, by major version.
    assert mounts == {"data:/var/lib/postdeploy", "postgres:/var/lib/postgresql"}


def test_only_the_web_process_is_published_and_only_to_this_machine():
    assert {name: service["ports"] for name, service in SERVICES.items() if "ports" in service} == {
        "web": ["${PUBLISH:-127.0.0.1:8000}:8000"]
    }


def test_every_variable_is_a_documented_setting():
    used = {name for service in SERVICES.values() for name in service.get("environment", {})}
    used |= set(
        NAME.findall("\n".join(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)))
    )
    assert used - NOT_OURS - documented_settings() == set()


def test_what_compose_requires_is_in_the_example():
    required = set(re.findall(r"\$\{([A-Z_]+):\?", (ROOT / "docker-compose.yml").read_text()))
    example = dict(re.findall(r"^([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert required == {name for name, value in example.items() if not value}


def test_no_secret_is_in_the_files():
    secret = re.compile(r"^\W*(?:RUN )?\w*(?:PASSWORD|SECRET_KEY|TOKEN)[:=] *(\S+)", re.MULTILINE)
    for name in ("docker-compose.yml", ".env.example", "Dockerfile"):
        for match in secret.finditer((ROOT / name).read_text()):
            assert match[1].startswith("${") or match[1] == "only-for-collecting", (name, match[0])


def test_the_image_runs_as_nobody_in_particular_from_hashed_wheels():
    last_stage = DOCKERFILE[DOCKERFILE.rindex("FROM ") :]
    assert re.search(r"^USER postdeploy$", last_stage, re.MULTILINE)
    assert "HEALTHCHECK" in last_stage
    assert "--require-hashes" in DOCKERFILE
    assert "requirements/production.txt" in DOCKERFILE
    assert " pip install" not in last_stage


def test_the_image_and_the_compose_file_start_the_same_web_process():
    command = re.search(r"^CMD (\[.*?\])$", DOCKERFILE.replace("\\\n", ""), re.MULTILINE)[1]
    assert json.loads(command) == SERVICES["web"]["command"]


def test_the_image_takes_what_runs_and_nothing_else():
    kept = {
        line[1:].split("/")[0] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }
    assert kept == {
        *("postdeploy", "deployments", "monitoring", "issues", "support", "reports"),
        *("templates", "static", "requirements", "manage.py", "pyproject.toml", "LICENSE"),
    }


# --- that it starts ---------------------------------------------------------------------------------------------------


def database_of_our_own(name):
    """Make an empty database on the tests' server; return its address and how to remove it."""
    url = os.environ["DATABASE_URL"]
    address = re.sub(r"/[^/?]*(\?|$)", rf"/{name}\1", url.partition("://")[2], count=1)

    def run(sql):
        connection = psycopg2.connect(url)
        connection.autocommit = True
        connection.cursor().execute(sql)
        connection.close()

    run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    run(f"CREATE DATABASE {name}")
    return "postgres://" + address, lambda: run(f"DROP DATABASE {name} WITH (FORCE)")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Installation:
    """The commands of the compose file, run in this virtual environment."""

    def __init__(self, directory, environment, port):
        self.directory, self.environment, self.port = directory, environment, str(port)
        self.running = {}

    def words(self, command):
        fitted = {"8000": self.port, "0.0.0.0": "127.0.0.1", "python": sys.executable}
        words = [fitted.get(word, word).replace("127.0.0.1:8000", f"127.0.0.1:{self.port}") for word in command]
        return [word.replace("$$", "$") for word in words]

    def options(self, name):
        return {"cwd": ROOT, "env": {**self.environment, "ROLE": SERVICES[name]["environment"]["ROLE"]}}

    def run(self, name):
        return subprocess.run(
            self.words(SERVICES[name]["command"]), **self.options(name), capture_output=True, text=True, check=False
        )

    def start(self, name):
        with self.log(name).open("wb") as log:
            self.running[name] = subprocess.Popen(
                self.words(SERVICES[name]["command"]),
                **self.options(name),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def log(self, name):
        return self.directory / f"{name}.log"

    def output(self, name):
        return self.log(name).read_text()

    def lines(self, name):
        """What it logged, but for what Celery says by itself, from a signal handler, when it is stopped."""
        farewell = {"", "worker: Warm shutdown (MainProcess)"}
        return [line for line in self.output(name).splitlines() if line not in farewell]

    def is_healthy(self, name):
        assert self.running[name].poll() is None, self.output(name)
        kind, *words = SERVICES[name]["healthcheck"]["test"]
        words = self.words(words)
        if kind == "CMD-SHELL":
            words = ["/bin/sh", "-c", *words]
        return subprocess.run(words, **self.options(name), capture_output=True, check=False).returncode == 0

    def stop(self):
        for process in self.running.values():
            process.send_signal(signal.SIGTERM)
        return {name: process.wait(20) for name, process in self.running.items()}

    def end(self):
        for process in self.running.values():
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def ask(self, path, data=None, **headers):
        url = f"http://127.0.0.1:{self.port}{path}"
        request = urllib.request.Request(url, headers=headers, data=data and json.dumps(data).encode())
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def token(self):
        """A token of a project, both new."""
        code = "from tests.factories import ApiTokenFactory; print(ApiTokenFactory(project__slug='shop').text)"
        command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", code]
        return subprocess.run(command, **self.options("web"), capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def installation(tmp_path):
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))  # each process of xdist has its own
    database, remove = database_of_our_own(f"postdeploy_compose_{number}")
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOSTNAME": socket.gethostname(),
        "DATABASE_URL": database,
        "REDIS_URL": os.environ["REDIS_URL"].partition("?")[0] + f"?db={40 + number}",
        "SECRET_KEY": get_random_secret_key(),
        "SITE_URL": "http://127.0.0.1:8000",
        "VAR": str(tmp_path / "var"),
        "STATIC_ROOT": str(tmp_path / "collected"),
        "STATIC_COLLECTED": "1",
        "LOG_FORMAT": SERVICES["web"]["environment"]["LOG_FORMAT"],
    }
    installation = Installation(tmp_path, environment, free_port())
    yield installation
    installation.end()
    remove()


def collect_static_files(installation):
    done = subprocess.run(
        [sys.executable, "manage.py", "collectstatic", "--noinput", "--verbosity", "0"],
        **installation.options("web"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (installation.directory / "collected" / "staticfiles.json").exists()


def start_every_command(installation):
    done = installation.run("migrate")
    assert done.returncode == 0, done.stderr
    for name in ("web", "worker", "polls", "beat"):
        installation.start(name)
    for name in ("web", "worker", "polls", "beat"):
        until(lambda: installation.is_healthy(name), 60, f"{name}: {installation.output(name)}")  # noqa: B023
    assert installation.ask("/healthz") == (200, "ok\n")
    status, body = installation.ask("/readyz")
    assert status == 200, body
    assert {part["name"] for part in json.loads(body)["parts"]} == {"database", "broker", "tick", *wiring.READINESS}
    assert installation.ask("/account/login/")[0] == 200


def check_every_line_is_one_json_object_without_a_secret(installation):
    token, wrong, value, marker = installation.token(), "pd_" + "wrong" * 8, "hunter2-hunter2", "\n{}forged"
    changes = [{"setting": "API_KEY", "value": value, "secret": True}, {"setting": "DB_PASSWORD", "value": value}]
    report = {"project": "shop", "environment": "production", "version": "1", "configuration_changes": changes}
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    status, body = installation.ask("/api/v1/deployments", report, **headers)
    assert status == 201, body
    assert value not in body
    assert installation.ask("/api/v1/deployments", Authorization=f"Bearer {wrong}")[0] == 401
    assert installation.ask(f"/api/v1/deployments?token={token}")[0] == 401
    installation.ask(f"/api/v1/nothing%0A%7B%7Dforged%1b[31m?token={token}", Cookie=f"postdeploy_session={wrong}")
    assert set(installation.stop().values()) <= {0, -signal.SIGTERM}, {
        n: installation.output(n) for n in installation.running
    }
    for name in installation.running:
        for line in installation.lines(name):
            event = json.loads(line)
            assert {"event", "level", "timestamp"} <= set(event), (name, line)
            assert marker not in line
    everything = "".join(installation.output(name) for name in installation.running)
    for secret in (token, wrong, value, installation.environment["SECRET_KEY"]):
        assert secret not in everything
    requests = [json.loads(line) for line in installation.lines("web")]
    assert [r for r in requests if r["event"] == "request" and r["path"] == "/api/v1/deployments" and r["request_id"]]


@pytest.mark.processes
def test_every_command_starts_gets_healthy_logs_json_without_a_secret_and_stops(installation):
    collect_static_files(installation)
    start_every_command(installation)
    check_every_line_is_one_json_object_without_a_secret(installation)
