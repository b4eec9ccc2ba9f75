"""The documents are true: their links lead somewhere, and what they list is what there is."""

import json
import os
import re
import subprocess

import pytest

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


def test_the_readme_keeps_its_order():
    text = (ROOT / "README.md").read_text()
    landmarks = [
        "docs/images/overview.png",
        "make run",
        "make test",
        "/api/v1/deployments ",
        "/verdict",
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
