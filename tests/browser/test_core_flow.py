"""The main way through: from the overview to the issue and its end, by keyboard alone and without JavaScript."""

import re

from playwright.sync_api import expect

from tests.browser.test_sign_in import sign_in, sign_out
from tests.browser.worlds import fresh_issue

LONGEST_WAY = 80


def tab_to(page, target):
    """Press Tab until `target` has the focus; fail when the way is too long, or the focus cannot be seen."""
    for _ in range(LONGEST_WAY):
        page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            expect(target).to_be_in_viewport()
            return
    raise AssertionError(f"{target} is not reached with {LONGEST_WAY} presses of Tab")


def press(page, target):
    tab_to(page, target)
    page.keyboard.press("Enter")


def skip_to_content(page):
    press(page, page.get_by_role("link", name="Skip to content"))


def test_an_issue_is_taken_commented_and_resolved_by_keyboard_alone(tab, world):
    issue = fresh_issue(world, "The basket forgets its contents")
    page = tab(world.aylin)
    page.goto("/p/workshop/issues/")
    skip_to_content(page)
    press(page, page.get_by_role("link", name=issue.reference, exact=True))
    expect(page.get_by_role("heading", level=1)).to_have_text("The basket forgets its contents")

    skip_to_content(page)
    press(page, page.get_by_role("button", name="Take it"))
    expect(page.get_by_role("region", name="What happened")).to_contain_text("Aylin Demir")
    skip_to_content(page)
    tab_to(page, page.get_by_label("New update"))
    page.keyboard.type("The session store was full.")
    press(page, page.get_by_role("button", name="Post update"))
    expect(page.locator("#stream")).to_contain_text("The session store was full.")

    skip_to_content(page)
    press(page, page.locator("#act-resolve summary"))
    tab_to(page, page.get_by_label("Resolution"))
    page.keyboard.type("Emptied it; it is cleaned every hour now.")
    press(page, page.locator("#act-resolve button"))
    expect(page.get_by_role("region", name="Process")).to_contain_text("Resolved")
    issue.refresh_from_db()
    assert (issue.status, issue.owner, issue.resolution) == (
        "RESOLVED",
        world.aylin,
        "Emptied it; it is cleaned every hour now.",
    )


def test_single_keys_lead_from_page_to_page(tab, world):
    page = tab(world.aylin)
    page.goto("/p/shop/")
    for key, title in (("d", "Deployments"), ("i", "Issue log"), ("c", "Checks"), ("o", "Overview")):
        with page.expect_navigation():
            page.keyboard.press("g")
            page.keyboard.press(key)
        expect(page).to_have_title(re.compile(title))


def test_all_of_it_works_without_javascript(visit, world):
    issue = fresh_issue(world, "Prices without tax")
    page = visit(java_script_enabled=False)
    page.goto("/p/shop/deployments/")
    sign_in(page)
    page.get_by_role("link", name="v1.42.0", exact=True).first.click()
    expect(page.get_by_role("region", name="Verdict")).to_contain_text("2 of 3 metrics got worse")
    page.get_by_text("Show as table").first.click()
    expect(page.get_by_role("region", name="Checkout error rate as table")).to_contain_text("since v1.42.0")
    page.get_by_role("link", name="Deployment Summary").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Deployment Summary")

    page.goto("/p/workshop/issues/")
    page.get_by_label("Filter issues by text or number").fill("without tax")
    page.get_by_role("button", name="Filter").click()
    page.get_by_role("link", name=issue.reference, exact=True).click()
    page.get_by_role("button", name="Take it").click()
    page.get_by_label("New update").fill("A default was lost.")
    page.get_by_role("button", name="Post update").click()
    expect(page.locator("#stream")).to_contain_text("A default was lost.")
    page.locator("#act-resolve summary").click()
    page.get_by_label("Resolution").fill("Set it again.")
    page.locator("#act-resolve button").click()
    expect(page.get_by_role("region", name="Process")).to_contain_text("Resolved")
    sign_out(page)
    expect(page).to_have_title("Sign in · Postdeploy")
