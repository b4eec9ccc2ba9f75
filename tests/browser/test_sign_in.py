"""Signing in and out as a person does it."""

from playwright.sync_api import expect

from tests.browser.worlds import PASSWORD


def sign_in(page, name="aylin", password=PASSWORD):
    page.get_by_label("E-mail or user name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def sign_out(page):
    page.locator("summary", has_text="your account").click()
    page.get_by_role("button", name="Sign out").click()


def test_a_wrong_password_is_told_and_the_name_is_kept(tab):
    page = tab()
    page.goto("/account/login/")
    sign_in(page, password="wrong-horse-9-battery")
    expect(page.get_by_role("alert")).to_contain_text("not correct")
    expect(page.get_by_label("E-mail or user name")).to_have_value("aylin")
    expect(page.get_by_label("Password")).to_have_value("")
    assert page.evaluate("document.activeElement.matches('[data-error-summary]')")


def test_after_signing_in_one_is_where_one_wanted_to_go(tab):
    page = tab()
    page.goto("/p/shop/issues/?severity=major")
    expect(page).to_have_title("Sign in · Postdeploy")
    sign_in(page, name="aylin@example.org")
    expect(page).to_have_url("/p/shop/issues/?severity=major")
    expect(page.get_by_role("heading", level=1)).to_have_text("Issue log")


def test_after_signing_out_the_back_button_shows_nothing_private(tab):
    page = tab()
    page.goto("/account/login/?next=/p/shop/issues/")
    sign_in(page)
    page.get_by_role("link", name="SHOP-145").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Order confirmation mails arrive late")
    sign_out(page)
    expect(page).to_have_title("Sign in · Postdeploy")
    for _ in range(2):
        page.go_back()
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
        assert "mails arrive late" not in page.content()


def test_a_page_left_open_says_that_one_is_signed_out_and_keeps_what_was_typed(tab, world):
    page = tab(world.aylin)
    page.goto("/p/shop/issues/SHOP-145/")
    page.get_by_label("New update").fill("half a sentence")
    with page.context.new_page() as other:
        other.goto("/p/shop/support/")
        sign_out(other)
        expect(other).to_have_title("Sign in · Postdeploy")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#notices")).to_contain_text("signed out")
    expect(page.get_by_label("New update")).to_have_value("half a sentence")
