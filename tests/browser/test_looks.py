"""Charts draw, themes hold, menus open: what only a real browser shows."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser import audit
from tests.browser.conftest import DESKTOP
from tests.browser.places import PLACES

INK = """
root => {
  const canvas = root.querySelector('canvas'), {width, height} = canvas;
  const pixels = canvas.getContext('2d').getImageData(0, 0, width, height).data;
  let drawn = 0;
  for (let at = 3; at < pixels.length; at += 4) drawn += pixels[at] > 0;
  return drawn / (width * height);
}
"""
PICTURE = "() => [...document.querySelectorAll('canvas')].map(canvas => canvas.toDataURL()).join()"
GROUND = "getComputedStyle(document.body).backgroundColor"
PHONE = {"width": 390, "height": 844}
HAS_CHART = ("deployment", "check", "issue")


@pytest.fixture
def look(tab, world):
    def open_page(name):
        page = tab(world.jonas)
        page.goto(PLACES[name].path(world))
        return page

    return open_page


# --- charts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HAS_CHART)
def test_a_chart_draws_says_what_it_shows_and_stands_as_a_table_too(look, name):
    page = look(name)
    chart = page.locator("[data-chart]").first
    expect(chart.locator("canvas")).to_be_visible()
    assert chart.evaluate(INK) > 0.01
    assert re.search(r"\w+ \w+", chart.get_attribute("aria-label"))
    expect(page.locator(".readout").filter(has_text="measured").first).to_be_visible()
    table = page.locator("details.data").filter(has=page.locator("table")).first
    table.locator("summary").click()
    assert table.locator("tbody tr").count() >= 1
    page.set_viewport_size(PHONE)
    assert audit.grave(audit.violations(page)) == []
    assert audit.too_wide(page) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_statistics_of_a_finding_and_the_lines_that_send_what_is_missing_open_by_keyboard(look, theme):
    page = look("deployment")
    page.emulate_media(color_scheme=theme)
    finding = page.locator("article.finding").first
    finding.locator("summary", has_text="Statistics").focus()
    page.keyboard.press("Enter")
    expect(finding.locator(".statistics")).to_contain_text("it stepped with the deployment")
    page.locator("#blind summary", has_text="Push it like this").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#blind pre").first).to_contain_text("/api/v1/metrics")
    for size in (DESKTOP, PHONE):
        page.set_viewport_size(size)
        assert audit.grave(audit.violations(page)) == []
        assert audit.too_wide(page) == []


def test_the_readout_names_what_was_expected_at_that_moment(look):
    page = look("deployment")
    chart = page.locator("article.finding [data-chart]").first
    box = chart.locator(".u-over").bounding_box()
    readout = page.locator("article.finding .readout").first
    page.mouse.move(box["x"] + 0.55 * box["width"], box["y"] + 60)
    expect(readout).to_contain_text("expected")


def test_the_readout_follows_the_pointer(look):
    page = look("check")
    readout = page.locator("#response-time-readout")
    expect(readout).to_contain_text("measured")
    before = readout.inner_text()
    box = page.locator("#response-time-chart .u-over").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 3, box["y"] + box["height"] / 2)
    expect(readout).not_to_have_text(before)


# --- themes -----------------------------------------------------------------------------------------------------------


def choose(page, theme):
    page.get_by_label("Theme").click()
    page.get_by_role("button", name=theme, exact=True).click()


def test_a_theme_is_there_before_anything_is_painted_and_a_chosen_one_holds(visit, world):
    page = visit(world.jonas, color_scheme="dark")
    page.add_init_script(
        """new MutationObserver((_, watch) => {
          if (!document.body) return;
          window.themeAtBody = document.documentElement.dataset.bsTheme;
          watch.disconnect();
        }).observe(document, {childList: true, subtree: true});"""
    )
    page.goto(PLACES["deployment"].path(world))
    assert page.evaluate("window.themeAtBody") == "dark"
    expect(page.locator("[data-chart] canvas").first).to_be_visible()
    dark, in_dark = page.evaluate(GROUND), page.evaluate(PICTURE)

    choose(page, "Light")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "light")
    light = page.evaluate(GROUND)
    assert light != dark
    assert page.evaluate(PICTURE) != in_dark
    page.goto("/p/shop/issues/")
    assert page.evaluate("window.themeAtBody") == "light"
    assert page.evaluate(GROUND) == light
    choose(page, "As the system")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    assert page.evaluate(GROUND) == dark


# --- the frame --------------------------------------------------------------------------------------------------------


def test_menus_and_the_help_are_sound_when_they_are_open(look):
    page = look("issue with a clock")
    found, is_open = [], page.locator("details[data-menu][open]")
    laid_over = {}  # no rule on targets: an open menu covers some
    for opener in ("[aria-label=Theme]", ".project", ":has-text('your account')", ":has-text('Resolve')"):
        page.locator(f"summary{opener}").click()
        expect(is_open).to_have_count(1)
        found += audit.violations(page, laid_over)
        page.keyboard.press("Escape")
        expect(is_open).to_have_count(0)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    found += audit.violations(page, laid_over)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert audit.grave(found) == [], "\n".join(found)


def test_the_menu_of_a_telephone_leads_to_every_page(look, world):
    page = look("overview")
    page.set_viewport_size(PHONE)
    page.get_by_label("Menu").click()
    menu = page.get_by_role("navigation", name="Main, small screen")
    for label in ("Overview", "Deployments", "Issues", "Checks", "Support", "Reports", "Settings"):
        expect(menu.get_by_role("link", name=label)).to_be_visible()
    assert audit.grave(audit.violations(page)) == []
    menu.get_by_role("link", name="Issues").click()
    expect(page).to_have_title(re.compile("Issue log"))
