"""Every page of the address table, in light and dark and on a telephone."""

import pytest
from playwright.sync_api import expect

from tests.browser import audit
from tests.browser.places import PLACES

PHONE = {"width": 390, "height": 844}
#: Colours are the same at every width.
NO_CONTRAST = {"color-contrast": {"enabled": False}}


def has_its_words(page):
    expect(page.locator("h1")).to_have_count(1)
    assert page.locator("h1").inner_text().strip()
    assert page.title().removesuffix("Postdeploy").strip(" ·"), "the page has no title of its own"
    assert page.locator("html").get_attribute("lang") == "en"


@pytest.mark.parametrize("name", PLACES)
def test_a_page_is_sound(glance, world, name):
    """In light, in dark and on a telephone; one visit does for all."""
    place = PLACES[name]
    page = glance(getattr(world, place.person) if place.person else None)
    assert page.goto(place.path(world)).status == 200
    has_its_words(page)
    found = audit.violations(page)
    page.emulate_media(color_scheme="dark")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    found += [f"{line} [in dark]" for line in audit.violations(page, runOnly=["color-contrast"])]
    page.set_viewport_size(PHONE)
    found += [f"{line} [at 390 px]" for line in audit.violations(page, rules=NO_CONTRAST)]
    assert audit.grave(found) == [], "\n".join(audit.grave(found))
    wide = audit.too_wide(page)
    assert wide == [], "\n".join(wide)
