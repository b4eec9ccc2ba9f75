"""The API's page, and the settings of a project, as people use them."""

import re

from playwright.sync_api import expect


def test_the_page_of_the_api_works_under_our_policy(tab):
    page = tab()
    page.goto("/api/v1/docs")
    expect(page.get_by_role("button", name="POST /api/v1/deployments", exact=False).first).to_be_visible()
    page.locator("#operations-deployments-report_deployment .opblock-summary-control").click()
    expect(page.get_by_text("201 for a first report")).to_be_visible()


def test_a_token_is_made_shown_once_and_revoked(tab, world):
    page = tab(world.jonas)
    page.goto("/p/newborn/settings/tokens/")
    expect(page.get_by_text("No pipeline can report yet.")).to_be_visible()
    page.get_by_label("Name").fill("GitHub Actions")
    page.get_by_role("button", name="Make the token").click()
    expect(page.locator("#new-token")).to_have_text(re.compile(r"^pd_[A-Za-z0-9_-]{43}$"))
    expect(page.locator("#new-token-command")).to_contain_text(page.locator("#new-token").inner_text())
    page.goto("/p/newborn/settings/tokens/")
    expect(page.locator("#new-token")).to_have_count(0)
    page.get_by_role("link", name="Revoke GitHub Actions").click()
    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("status")).to_contain_text("its next request is refused")


def test_an_environment_is_confirmed_with_one_button(tab, world):
    page = tab(world.jonas)
    page.goto("/p/newborn/settings/environments/new/")
    page.get_by_label("Name").fill("production")
    page.get_by_role("button", name="Add the environment").click()
    expect(page.get_by_role("row", name=re.compile("production"))).to_contain_text("confirmed")
