"""Charts as people use them: by mouse, by keyboard, from the address, and without a script."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.places import PLACES
from tests.factories import FindingFactory

ZOOMED = re.compile(r"[?&]from=.*[?&]to=")


def open_chart(page, world, name):
    page.goto(PLACES[name].path(world))
    chart = page.locator("[data-chart]").first
    expect(chart.locator("canvas")).to_be_visible()
    return chart


def readout(page, chart):
    return page.locator(f"#{chart.get_attribute('data-readout')}")


def drag(page, chart, start, end):
    box = chart.locator(".u-over").bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * start, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * end, middle, steps=5)
    page.mouse.up()


@pytest.mark.parametrize("name", ["check", "metric", "explorer with lines"])
def test_a_drag_zooms_in_the_address_and_there_are_two_ways_back(tab, world, name):
    page = tab(world.jonas)
    chart = open_chart(page, world, name)
    drag(page, chart, 0.3, 0.7)
    expect(page).to_have_url(ZOOMED)
    expect(page.locator("#unzoom")).to_be_visible()
    expect(page.locator("[data-live]")).to_have_attribute("hx-get", re.compile("from="))
    page.reload()
    expect(page.locator("#zoomed")).to_be_visible()
    page.locator("#unzoom").click()
    expect(page.locator("#zoomed")).to_have_count(0)
    page.go_back()
    expect(page.locator("#zoomed")).to_be_visible()


def test_back_leads_out_of_a_zoom(tab, world):
    page = tab(world.jonas)
    chart = open_chart(page, world, "check")
    drag(page, chart, 0.3, 0.7)
    expect(page.locator("#zoomed")).to_be_visible()
    page.go_back()
    expect(page.locator("#zoomed")).to_have_count(0)
    expect(page.locator("[data-chart] canvas").first).to_be_visible()


def test_a_chart_is_read_and_zoomed_by_keyboard(tab, world):
    page = tab(world.jonas)
    chart = open_chart(page, world, "check")
    said = readout(page, chart)
    chart.focus()
    expect(said).to_have_attribute("aria-live", "polite")
    page.keyboard.press("End")
    latest = said.text_content()
    page.keyboard.press("ArrowLeft")
    expect(said).not_to_have_text(latest)
    page.keyboard.press("ArrowRight")
    expect(said).to_have_text(latest)
    page.keyboard.press("+")
    expect(page).to_have_url(ZOOMED)
    expect(chart).to_be_focused()
    expect(page.locator("#zoomed")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page).not_to_have_url(ZOOMED)
    expect(page.locator("#zoomed")).to_have_count(0)
    page.keyboard.press("Tab")
    expect(chart).not_to_be_focused()
    expect(said).to_have_attribute("aria-live", "off")


def test_charts_of_an_environment_are_fetched_and_share_the_crosshair(tab, world):
    page = tab(world.jonas)
    page.goto(PLACES["metrics_environment"].path(world))
    charts = page.locator("[data-chart]")
    expect(charts.locator("canvas")).to_have_count(2)
    moments = [readout(page, chart).locator("span").first for chart in charts.all()]
    latest = moments[1].text_content()
    charts.first.focus()
    for _ in range(3):
        page.keyboard.press("Shift+ArrowLeft")
    expect(moments[1]).not_to_have_text(latest)
    expect(moments[1]).to_have_text(moments[0].text_content())


@pytest.fixture
def outage(world):
    """A finding of a check on the page of the bad deployment; the world is shared and gets it only for a moment."""
    facts = {"reasons": ["DOWN"]}
    finding = FindingFactory(verdict=world.verdict, health_check=world.checkout, key="check:1", position=8, facts=facts)
    yield finding
    finding.delete()


def test_up_and_down_stands_above_the_same_time_of_its_chart(tab, world, outage):
    page = tab(world.jonas)
    page.goto(PLACES["deployment"].path(world))
    card = page.locator("article", has=page.locator("[data-along]")).first
    expect(card.locator("canvas")).to_be_visible()
    for _ in range(2):
        strip, plot = card.locator("[data-along] svg").bounding_box(), card.locator(".u-over").bounding_box()
        assert strip["x"] == pytest.approx(plot["x"], abs=1)
        assert strip["width"] == pytest.approx(plot["width"], abs=2)
        page.evaluate("htmx.ajax('GET', location.href, {source: '#live', target: '#live', swap: 'morph:outerHTML'})")
        page.wait_for_load_state("networkidle")


def test_without_a_script_there_is_a_still_picture_and_a_table(visit, world):
    page = visit(world.jonas, java_script_enabled=False)
    page.goto(PLACES["metric"].path(world))
    expect(page.locator("[data-chart] svg.still")).to_be_visible()
    expect(page.locator("[data-chart] .beats-l")).to_contain_text(" to ")
    expect(page.locator("#metric-releases tbody tr").first).to_be_visible()
    page.goto(PLACES["checks"].path(world))
    expect(page.locator("#bulk")).to_be_visible()


def test_several_checks_are_ticked_with_shift_and_survive_a_refresh(tab, world):
    page = tab(world.jonas)
    page.goto(PLACES["checks"].path(world))
    bar, boxes = page.locator("#bulk"), page.locator("[data-select]")
    expect(bar).to_be_hidden()
    count = boxes.count()
    boxes.first.click()
    boxes.last.click(modifiers=["Shift"])
    expect(bar).to_contain_text(f"{count} ticked")
    page.evaluate("htmx.ajax('GET', location.href, {source: '#checks-list'})")
    expect(page.locator("[data-select]:checked")).to_have_count(count)
    page.locator("[data-select-all]").click()
    expect(bar).to_be_hidden()
