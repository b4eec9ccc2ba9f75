"""An alert rule is looked at while it is typed, saved, and says how useful it was."""

from playwright.sync_api import expect

from tests.browser.places import PLACES


def test_what_a_rule_would_have_done_is_said_while_it_is_typed(tab, world):
    page = tab(world.jonas)
    page.goto(PLACES["rule_add"].path(world))
    preview = page.locator("#rule-preview")
    expect(preview).to_contain_text("Fill in the rule to see what it would have done.")
    page.get_by_label("Of", exact=True).select_option(label="Checkout error rate, %")
    expect(preview).to_contain_text("Threshold: Type a number, such as 5 or 0.5.")
    page.get_by_label("Threshold").fill("0.5")
    expect(preview).to_contain_text("Would have fired once in the last 7")
    expect(preview.get_by_role("img").first).to_be_visible()
    page.get_by_label("Threshold").fill("50")
    expect(preview).to_contain_text("Would not have fired")
    assert world.project.rules.count() == 1


def test_only_what_a_kind_of_rule_asks_is_shown(tab, world):
    page = tab(world.jonas)
    page.goto(PLACES["rule_add"].path(world))
    expect(page.get_by_label("Threshold")).to_be_visible()
    expect(page.get_by_label("Compared with")).to_be_hidden()
    page.get_by_label("A value changes fast").check()
    expect(page.get_by_label("Compared with")).to_be_visible()
    page.get_by_label("No samples arrive").check()
    expect(page.get_by_label("Threshold")).to_be_hidden()
    page.get_by_label("An error budget burns fast").check()
    expect(page.get_by_label("Objective")).to_be_visible()
    expect(page.get_by_label("Of", exact=True)).to_be_hidden()


def test_a_firing_is_called_useful_with_one_click(tab, world):
    page = tab(world.jonas)
    page.goto(PLACES["alert"].path(world))
    page.get_by_role("button", name="Yes").click()
    expect(page.get_by_role("button", name="Yes")).to_have_attribute("aria-pressed", "true")
    page.goto(PLACES["alerts"].path(world))
    expect(page.locator(f"#rule-{world.rule.pk}")).to_contain_text("Useful 1 of 1")
