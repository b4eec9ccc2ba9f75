"""Checks, summaries, guides and copying, as people use them."""

import re

from playwright.sync_api import expect

from tests.browser.places import PLACES
from tests.browser.worlds import fresh_deployment

CLIPBOARD = ["clipboard-read", "clipboard-write"]


def clipboard(page):
    return page.evaluate("navigator.clipboard.readText()")


def test_a_new_token_and_the_line_for_the_pipeline_are_copied_with_a_button(tab, world):
    page = tab(world.jonas)
    page.context.grant_permissions(CLIPBOARD)
    page.goto("/p/workshop/settings/tokens/")
    page.get_by_label("Name").fill("Copied pipeline")
    page.get_by_role("button", name="Make the token").click()
    token = page.locator("#new-token").inner_text()
    page.get_by_role("button", name="Copy the token").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert clipboard(page) == token
    page.get_by_role("button", name="Copy the line").click()
    expect(page.get_by_role("button", name="Copied")).to_have_count(2)
    assert f"Authorization: Bearer {token}" in clipboard(page)
    page.goto("/p/workshop/settings/tokens/")
    expect(page.get_by_text("Copied pipeline")).to_be_visible()
    assert token not in page.content()


def test_the_link_of_a_deployment_is_copied_and_leads_there(tab, world):
    page = tab(world.jonas)
    page.context.grant_permissions(CLIPBOARD)
    page.goto(PLACES["deployment"].path(world))
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    page.goto("/p/shop/")
    page.goto(clipboard(page))
    expect(page.get_by_role("heading", level=1)).to_have_text("v1.42.0")


def test_a_check_is_added_with_its_faults_named_paused_resumed_and_deleted(tab, world, watch):
    watch.forgive("answer 400", "status of 400")
    page = tab(world.jonas)
    page.goto("/p/workshop/checks/new/")
    page.get_by_label("Name").fill("Basket")
    page.get_by_label("Address").fill("ftp://shop.example.org/")
    page.get_by_role("button", name="Add the check").click()
    expect(page.get_by_role("alert")).to_contain_text("Address")
    expect(page.get_by_label("Name")).to_have_value("Basket")
    page.get_by_label("Address").fill("https://shop.example.org/basket/health")
    page.get_by_role("button", name="Add the check").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Basket")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#check-word")).to_have_text("Paused")
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.locator("summary", has_text="Delete").click()
    page.get_by_role("button", name="Delete this check").click()
    expect(page.get_by_role("link", name="Basket")).to_have_count(0)


def test_conditions_are_told_back_as_they_are_typed(tab, world):
    page = tab(world.jonas)
    page.goto("/p/workshop/checks/new/")
    read = page.locator("#conditions-read")
    page.get_by_label("Conditions").fill("status 2xx\nstats 3")
    expect(read).to_contain_text("Line 2: “stats” is nothing to look at")
    page.get_by_label("Conditions").fill("status 2xx\ntime < 1 s")
    expect(read).to_contain_text("Time is below 1,000")
    page.get_by_role("link", name="Flow").click()
    page.get_by_label("Steps").first.fill("### One\nGET https://shop.example.org/a\ncapture id = json id")
    expect(page.locator("#steps-read")).to_contain_text("Captures id")


def test_the_range_of_a_chart_stands_in_the_address(tab, world):
    page = tab(world.jonas)
    page.goto(PLACES["check"].path(world))
    page.get_by_role("link", name="24h").click()
    expect(page).to_have_url(re.compile(r"over=24h"))
    expect(page.get_by_role("link", name="24h")).to_have_attribute("aria-current", "true")
    page.go_back()
    expect(page.get_by_role("link", name="3h")).to_have_attribute("aria-current", "true")


def test_a_summary_is_read_and_taken_along_in_every_format(tab, world):
    page = tab(world.jonas)
    page.goto(PLACES["summary"].path(world))
    paper = page.get_by_role("article")
    for heading in ("Implementation", "Changes", "Issues", "Lessons Learned"):
        expect(paper.get_by_role("heading", name=heading, exact=True)).to_be_visible()
    links = {name: page.get_by_role("link", name=name).get_attribute("href") for name in ("Markdown", "JSON", "HTML")}
    assert "v1.42.0" in page.request.get(links["Markdown"]).text()
    assert page.request.get(links["JSON"]).json()
    page.goto(links["HTML"])
    expect(page.get_by_role("heading", level=1)).to_have_text("Deployment Summary")
    assert page.evaluate("getComputedStyle(document.querySelector('h2')).borderBottomStyle") == "solid"


def test_a_lesson_is_written_where_it_was_learned(tab, world):
    deployment = fresh_deployment(world, "v9")
    page = tab(world.aylin)
    page.goto(f"/p/workshop/deployments/{deployment.pk}/")
    page.get_by_label("Category").select_option(label="Bottlenecks")
    page.get_by_label("What was learned").fill("The cache was cold.")
    page.get_by_role("button", name="Add a lesson").click()
    expect(page.get_by_role("region", name="Lessons")).to_contain_text("Bottlenecks. The cache was cold.")


def test_a_guide_is_previewed_saved_and_harmless(tab, world):
    page = tab(world.aylin)
    page.goto("/p/workshop/guides/new/?kind=FAQ")
    page.get_by_label("Title").fill("Why is it slow?")
    page.get_by_label("Text").fill("## Because\n\nof **load**. <script>document.title = 'taken'</script>")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("region", name="Preview").get_by_role("heading", name="Because")).to_be_visible()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Why is it slow?")
    expect(page.locator("article strong")).to_have_text("load")
    assert "taken" not in page.title()
