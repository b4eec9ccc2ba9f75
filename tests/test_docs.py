"""The documents are true: their links lead somewhere, and what they list is what there is."""

import json
import os
import re
import shutil
import subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from monitoring.catalogue import BY_KEY
from tests.test_house_rules import APPS, PYPROJECT, ROOT, python_files, tracked_files

DOCUMENTS = [path for path in tracked_files() if path.suffix == ".md" and "vendor" not in path.parts]
LINK = re.compile(r"(?<!`)\[[^\]]*\]\(([^)#\s]+)?(#[^)\s]+)?\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
READS = re.compile(r"""(?:env_\w+\(\s*|environ\.get\(\s*|environ\[\s*)["']([A-Z][A-Z0-9_]+)["']""")
# Read to start Django or handed to others, not settings of ours.
NOT_SETTINGS = {"DJANGO_SETTINGS_MODULE"}


def name_of(path):
    return str(path.relative_to(ROOT))


def prose(path):
    """The document without its code blocks."""
    return FENCE.sub("", path.read_text())


def anchor(heading):
    return "#" + re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_link_leads_somewhere(path):
    broken = []
    for target, fragment in LINK.findall(prose(path)):
        if "://" in target or target.startswith("mailto:"):
            continue
        file = (path.parent / target).resolve() if target else path
        if not file.exists():
            broken.append(target)
        elif fragment and file.suffix == ".md":
            headings = re.findall(r"^#+ (.*)$", prose(file), re.MULTILINE)
            if fragment not in map(anchor, headings):
                broken.append(f"{target}{fragment}")
    assert broken == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_example_in_json_and_shell_is_well_formed(path):
    for language, text in FENCE.findall(path.read_text()):
        if language == "json":
            json.loads(text)
        if language == "sh":
            done = subprocess.run(["sh", "-n"], input=text, text=True, capture_output=True, check=False)
            assert done.returncode == 0, (done.stderr, text)


def test_every_file_that_a_document_names_exists():
    missing = []
    for path in DOCUMENTS:
        for word in re.findall(r"`((?:[\w.-]+/)+[\w.-]*\.(?:py|md|txt|toml|yml|json|html|css|js))`", prose(path)):
            top = word.split("/")[0]
            if (ROOT / top).exists() and not (ROOT / word).exists():
                missing.append(f"{name_of(path)}: {word}")
    assert missing == []


def settings_read():
    return {name for path in python_files() for name in READS.findall(path.read_text())} - NOT_SETTINGS


def settings_documented():
    return set(re.findall(r"^\| `([A-Z][A-Z0-9_]+)` \|", (ROOT / "docs/settings.md").read_text(), re.MULTILINE))


def test_every_setting_that_is_read_is_documented():
    assert settings_read() - settings_documented() == set()


def test_every_documented_setting_is_read():
    compose = (ROOT / "docker-compose.yml").read_text()
    unread = {name for name in settings_documented() - settings_read() if f"${{{name}" not in compose}
    assert unread == set()


def test_the_architecture_names_every_room():
    text = (ROOT / "docs/architecture.md").read_text()
    rooms = set()
    for app in APPS:
        for path in (ROOT / app).iterdir():
            is_room = path.suffix == ".py" or (path.is_dir() and (path / "__init__.py").exists())
            if is_room and path.name not in {"__init__.py", "apps.py", "migrations", "management", "lib"}:
                rooms.add((app, path.stem))
    missing = [f"{app}/{room}" for app, room in sorted(rooms) if not re.search(rf"\b{room}\b", section(text, app))]
    assert missing == []


def section(text, app):
    """The part of the architecture that describes one floor, from its heading to the next one."""
    match = re.search(rf"^### `{app}`.*?(?=^##)", text, re.MULTILINE | re.DOTALL)
    assert match, f"docs/architecture.md has no section ### `{app}`"
    return match[0]


def test_the_process_names_metrics_of_the_catalogue():
    """What stands in the column of metrics, and every metric of the catalogue stands there."""
    rows = re.findall(
        r"^\|(?:[^|]*\|){3}([^|]*)\|[^|]*\|[^|]*\|$", (ROOT / "docs/process.md").read_text(), re.MULTILINE
    )
    named = {key for cell in rows for key in re.findall(r"`([a-z_]+)`", cell)}
    assert named == BY_KEY.keys()


def test_the_readme_keeps_its_order():
    text = (ROOT / "README.md").read_text()
    landmarks = [
        "docs/images/overview.png",
        "make run",
        "make test",
        '/api/v1/deployments" \\',
        "$verdict_url?until=initial",
        "docs/architecture.md",
    ]
    places = [text.index(landmark) for landmark in landmarks]
    assert places == sorted(places)


def test_the_version_is_one():
    from postdeploy import __version__

    assert PYPROJECT["project"]["version"] == __version__
    assert f"postdeploy:${{POSTDEPLOY_VERSION:-{__version__}}}" in (ROOT / "docker-compose.yml").read_text()


def test_no_document_forgets_a_decision():
    records = sorted((ROOT / "docs/decisions").glob("*.md"))
    assert [int(path.name[:4]) for path in records] == list(range(1, len(records) + 1))
    for path in records:
        assert re.search(r"^\d{4}-\d\d-\d\d · \w+", path.read_text(), re.MULTILINE), name_of(path)


def test_the_commands_of_the_readme_exist():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for path in DOCUMENTS:
        named = set(
            re.findall(r"\bmake ([a-z]+)\b(?= |`|$|\n)", "\n".join(code for _, code in FENCE.findall(path.read_text())))
        )
        named |= set(re.findall(r"`(?:[A-Z]+=\S+ )*make ([a-z]+)", path.read_text()))
        assert named <= targets, name_of(path)


def test_scripts_can_be_executed():
    for name in ("manage.py", ".ci/run", "ci/install", "ci/system-packages"):
        assert os.access(ROOT / name, os.X_OK), name


# --- the loop that waits for a verdict, run as a pipeline would -------------------------------------------------------

WAITING = next(code for language, code in FENCE.findall((ROOT / "README.md").read_text()) if "verdict.json" in code)


class Gate(BaseHTTPRequestHandler):
    """Answers what it was told to, one after the other; the last one for good."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.asked.append((self.path, self.headers["Authorization"]))
        answers = self.server.answers
        status, body = answers.pop(0) if len(answers) > 1 else answers[0]
        if status is None:
            self.close_connection = True
            return
        data = (json.dumps(body) + "\n").encode()
        self.send_response(status)
        self.send_header("Retry-After", "0")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def gate():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Gate)
    server.asked = []
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def says(decision, **more):
    return 200, {"decision": decision, "sentence": "…", **more}


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl on this machine")
@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ([says("wait"), says("wait", findings=[{"name": "stop"}]), says("go")], 0),
        ([says("wait"), (503, {"status": 503}), (429, {"status": 429}), (None, None), says("go")], 0),
        ([says("wait"), says("stop")], 1),
        ([says("stop", state="inconclusive")], 1),
        ([(401, {"status": 401})], 2),
        ([(404, {"status": 404})], 2),
    ],
)
def test_the_loop_of_the_readme_waits_and_ends_as_it_says(gate, tmp_path, answers, code):
    gate.answers = list(answers)
    url = f"http://127.0.0.1:{gate.server_port}/verdict"
    environment = {"PATH": os.environ["PATH"], "POSTDEPLOY_TOKEN": "pd_test", "verdict_url": url, "no_proxy": "*"}
    script = WAITING.replace("${wait:-10}", "${wait:-0}")
    done = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert len(gate.asked) == len(answers)
    assert set(gate.asked) == {("/verdict?until=initial", "Bearer pd_test")}
    if answers[-1][0]:
        assert json.loads(done.stdout) == answers[-1][1]


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl on this machine")
def test_the_loop_of_the_readme_gives_up_in_the_end(gate, tmp_path):
    gate.answers = [says("wait")]
    url = f"http://127.0.0.1:{gate.server_port}/verdict"
    environment = {"PATH": os.environ["PATH"], "POSTDEPLOY_TOKEN": "pd_test", "verdict_url": url, "no_proxy": "*"}
    script = WAITING.replace("5400", "1")
    done = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=30
    )
    assert (done.returncode, done.stdout) == (4, "no verdict yet (wait)\n")
