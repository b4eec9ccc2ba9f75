"""One browser, one server and one world for the whole folder.

The folder runs in one process of xdist (see tests/conftest.py), so that browsers do not fight for the processors.
The world is committed (the server's threads must see it) and swept away at the end. Tests read the shop as it is; what
they change belongs to things they made themselves.

Django is imported late: this file is read before Django is set up when the folder is named on the command line.
"""

import os
import shutil
from pathlib import Path

import pytest

from tests.browser import audit
from tests.browser.watching import Watch

FOLDER = Path(__file__).parent
CHROMIUM = shutil.which("chromium")
NO_CHROMIUM = "needs Debian's chromium: ci/system-packages installs it"
# One process for all pages of a site and none for a graphics card that is not there: a third less work.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--process-per-site",
    "--in-process-gpu",
]
DESKTOP = {"width": 1300, "height": 900}
PATIENCE_MS = 15_000


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.is_relative_to(FOLDER):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="package")
def db(django_db_setup, django_db_blocker):
    """The database, committed and for the whole folder. pytest-django makes one only where something asks for `db`."""
    from django.core.management import call_command
    from django.db import connection

    with django_db_blocker.unblock():
        assert connection.settings_dict["NAME"].startswith("test_")
        yield
        call_command("flush", verbosity=0, interactive=False)


@pytest.fixture(scope="package")
def browser(db):
    if not CHROMIUM:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(NO_CHROMIUM)
    from django.db import connections
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE_MS)
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Playwright keeps a loop in this thread, which Django takes for asynchronous code: it wants to be told that
        # no query runs in it, and has connections of its own there.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()
        connections.close_all()


@pytest.fixture(scope="package")
def world(browser):
    from django.test import override_settings

    from tests.browser import worlds

    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):  # quick ones
        yield worlds.shop()


@pytest.fixture(scope="package")
def site(world):
    """The address of the real thing: all middleware, its headers, its static files."""
    from tests.browser.serving import served

    with served() as address:
        yield address


@pytest.fixture(scope="package")
def watch(site):
    return Watch(site)


@pytest.fixture
def visit(browser, site, watch):
    """Open a page in a context of its own: `visit()` for somebody signed out, `visit(world.jonas)` for a person."""
    watch.start()
    contexts = []

    def make(person=None, **options):
        contexts.append(new_context(browser, site, watch, person, **options))
        return contexts[-1].new_page()

    yield make
    for context in contexts:
        context.close()
    assert watch.standing() == []


@pytest.fixture(scope="package")
def only_tab(browser, site, watch):
    """A tab that tests lend each other: a context costs half a second of a processor, and what it has read it keeps."""
    context = new_context(browser, site, watch)
    audit.prepare(context)
    yield context.new_page()
    context.close()


@pytest.fixture
def tab(only_tab, site, watch):
    """Borrow the tab, signed in as a person or, `tab()`, as nobody; it comes as good as new, axe is at hand in it."""
    from tests.browser.worlds import session_cookie

    watch.start()

    def borrow(person=None):
        only_tab.context.add_cookies([session_cookie(person, site)] if person else [])
        return only_tab

    yield borrow
    make_new(only_tab)
    assert watch.standing() == []


def make_new(page):
    page.evaluate("localStorage.clear()")
    page.evaluate("document.querySelectorAll('[data-live]').forEach(region => region.remove())")  # it polls no more
    page.context.clear_cookies()
    page.context.clear_permissions()
    page.set_viewport_size(DESKTOP)
    page.emulate_media(color_scheme="light")


def new_context(browser, site, watch, person=None, **options):
    from tests.browser.worlds import session_cookie

    known = {"viewport": DESKTOP, "color_scheme": "light", "reduced_motion": "reduce"}
    context = browser.new_context(base_url=site, **known | options)
    context.set_default_timeout(PATIENCE_MS)
    if person:
        context.add_cookies([session_cookie(person, site)])
    return watch.follow(context)
