"""A throw-away PostgreSQL and Valkey for the whole run, started once and before Django reads its settings.

`DJANGO_SETTINGS_MODULE` is set here and not in pyproject.toml: pytest-django would read the settings too early.
"""

import os
import shutil
import signal
import tempfile
from pathlib import Path

import django
import pytest
from django.core.cache import cache
from hypothesis import settings as properties
from xdist.scheduler import LoadScopeScheduling

from postdeploy import embedded
from postdeploy.processes import StartError

SETTINGS_OF_THE_USER = ("BIND", "SITE_URL", "DEBUG", "DEMO", "ALLOWED_HOSTS", "LOG_FORMAT", "LOG_LEVEL", "EMAIL_URL")
#: What one process of xdist runs from end to end: it shares a browser or an installation. (pytest-xdist 3.8
#: does not see its own mark `xdist_group` under pytest 9.2.)
TOGETHER = ("tests/browser/", "tests/processes/test_ingest_faults.py")
#: A check of a change tries the same examples each time, so that what is red was made red by the change; how long an
#: example takes is not tested. Others are looked for on purpose: make test ARGS="--hypothesis-profile=explore".
properties.register_profile("same", derandomize=True, deadline=None)
properties.register_profile("explore", deadline=None)
properties.load_profile("same")
SERVERS = pytest.StashKey[embedded.Embedded]()
DIRECTORY = pytest.StashKey[Path]()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    if hasattr(config, "workerinput"):  # a process of xdist: the servers run already, and it has a database of its own
        number = int(config.workerinput["workerid"].removeprefix("gw")) + 1
        os.environ["REDIS_URL"] += f"?db={number}"
    else:
        hear_interrupts()
        start_servers(config)
    os.environ["DJANGO_SETTINGS_MODULE"] = "postdeploy.settings"
    django.setup()
    # not for the processes of xdist: there pytest-django would read the settings before the lines above
    del os.environ["DJANGO_SETTINGS_MODULE"]


def hear_interrupts():
    """A shell's background job ignores SIGINT, and so would every process that a test starts and interrupts."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def start_servers(config):
    for name in SETTINGS_OF_THE_USER:
        os.environ.pop(name, None)
    var = config.stash[DIRECTORY] = Path(tempfile.mkdtemp(prefix="postdeploy-test-"))
    os.environ["VAR"] = str(var)
    (var / "static").mkdir()  # WhiteNoise warns in every test without it
    needs_postgres, needs_valkey = not os.environ.get("DATABASE_URL"), not os.environ.get("REDIS_URL")
    try:
        servers = embedded.start(var, postgres=needs_postgres, valkey=needs_valkey, is_durable=False)
    except StartError as error:
        shutil.rmtree(var)
        pytest.exit(str(error), returncode=1)
    config.stash[SERVERS] = servers
    if needs_postgres:
        os.environ["DATABASE_URL"] = servers.database_url
    if needs_valkey:
        os.environ["REDIS_URL"] = servers.redis_url


def pytest_unconfigure(config):
    if servers := config.stash.get(SERVERS, None):
        servers.stop()
        shutil.rmtree(config.stash[DIRECTORY])


@pytest.fixture(autouse=True)
def empty_cache():
    """Each test starts with an empty Valkey database: no cached page, counter or message of another test."""
    cache.clear()


def pytest_collection_modifyitems(config, items):
    """Spread what mostly waits for other processes over the whole run, so that others can work beside it."""
    if not hasattr(config, "workerinput"):
        return
    waiting = [item for item in items if item.get_closest_marker("processes")]
    working = [item for item in items if not item.get_closest_marker("processes")]
    every = len(working) / max(len(waiting), 1)
    places = [(number, item) for number, item in enumerate(working)]
    places += [(number * every, item) for number, item in enumerate(waiting)]
    items[:] = [item for _, item in sorted(places, key=lambda place: place[0])]


class Scheduling(LoadScopeScheduling):
    """Each test to whichever process is free, but what belongs together to one, and that first."""

    def _split_scope(self, nodeid):
        return next((start for start in TOGETHER if nodeid.startswith(start)), nodeid)


def pytest_xdist_make_scheduler(config, log):
    return Scheduling(config, log)
