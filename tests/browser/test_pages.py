"""Every page of the address table, in light and dark and on a telephone."""

import hashlib

import pytest
from playwright.sync_api import expect

from tests.browser import audit
from tests.browser.places import OTHERS, USUAL

PHONE = {"width": 390, "height": 844}


def look(page, place, world):
    assert page.goto(place.path(world)).status == 200
    expect(page.locator("h1")).to_have_count(1)
    assert page.locator("h1").inner_text().strip()
    assert page.title().removesuffix("Postdeploy").strip(" ·"), "the page has no title of its own"
    assert page.locator("html").get_attribute("lang") == "en"


def is_sound(page):
    faults = audit.grave(audit.violations(page))
    assert faults == [], "\n".join(faults)


def is_sound_in_the_hand(page):
    """In dark on a telephone; and nothing sticks out of the narrowest window."""
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size(PHONE)
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    is_sound(page)
    wide = audit.too_wide(page)
    assert wide == [], "\n".join(wide)


@pytest.fixture
def reader(tab, world):
    return lambda place: tab(getattr(world, place.person) if place.person else None)


@pytest.mark.parametrize("name", USUAL)
def test_a_page_is_sound_in_light_and_in_dark_on_a_desk_and_in_the_hand(reader, world, name):
    page = reader(USUAL[name])
    look(page, USUAL[name], world)
    is_sound(page)
    is_sound_in_the_hand(page)


@pytest.mark.parametrize("name", OTHERS)
def test_a_page_of_another_state_is_sound_too(reader, world, name):
    page = reader(OTHERS[name])
    look(page, OTHERS[name], world)
    is_sound_in_the_hand(page)


def test_axe_is_the_file_that_is_written_down():
    assert hashlib.sha256(audit.AXE.read_bytes()).hexdigest() in audit.AXE.with_name("VENDOR.md").read_text()
