"""What happens while a page lies open is shown in it, and nothing that is being typed is lost."""

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from deployments.models import Role
from issues.services import Actor, comment
from monitoring.services import judge_periods
from tests.browser.worlds import fresh_deployment, fresh_issue

POLL = "00:06"  # regions ask every 5 s


@pytest.fixture
def lying_open(tab, world):
    def open_page(path):
        page = tab(world.aylin)
        page.goto(path)
        return page

    return open_page


def come_back_to(page):
    """Somebody returns to the tab: what is live in it asks at once."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def test_a_verdict_appears_without_reloading_and_what_was_typed_stays(visit, world):
    deployment = fresh_deployment(world, "v7")
    page = visit(world.aylin)
    page.clock.install()  # the page's clock can be wound on; the server's goes as it goes
    page.goto(f"/p/workshop/deployments/{deployment.pk}/")
    page.evaluate("window.isTheSamePage = true")
    verdict = page.get_by_role("region", name="Verdict")
    expect(verdict).to_contain_text("Watching")
    page.get_by_label("What was learned").fill("half a lesson")
    assert judge_periods(now=timezone.now()) >= 1
    page.clock.fast_forward(POLL)
    expect(verdict).to_contain_text("Healthy")
    expect(page.get_by_label("What was learned")).to_have_value("half a lesson")
    expect(page.get_by_label("What was learned")).to_be_focused()
    assert page.evaluate("window.isTheSamePage")


def test_an_update_of_somebody_else_appears_and_the_half_written_one_stays(lying_open, world):
    issue = fresh_issue(world, "Mails wait in the queue")
    page = lying_open(f"/p/workshop/issues/{issue.reference}/")
    field = page.get_by_label("New update")
    field.press_sequentially("I am looking in")
    field.press("ArrowLeft")
    comment(issue_id=issue.pk, text="Seen here too.", actor=Actor.person(world.jonas, Role.OWNER), now=timezone.now())
    come_back_to(page)
    expect(page.locator("#stream")).to_contain_text("Seen here too.")
    field.press_sequentially("to")
    expect(field).to_have_value("I am looking iton")
    field.fill("I am looking into it.")
    page.get_by_role("button", name="Post update").click()
    expect(page.locator("#stream")).to_contain_text("I am looking into it.")
    expect(field).to_have_value("")


def test_the_overview_follows_the_watch(lying_open, world):
    fresh_deployment(world, "v8")
    page = lying_open("/p/workshop/")
    card = page.get_by_role("article").filter(has_text="v8.1")
    expect(card).to_contain_text("Watching")
    judge_periods(now=timezone.now())
    come_back_to(page)
    expect(card).to_contain_text("Healthy")


def test_a_page_on_which_nothing_happens_is_answered_with_304(lying_open):
    page = lying_open("/p/shop/issues/SHOP-142/")
    answers = []
    page.on("response", lambda response: answers.append(response.status))
    for _ in range(3):  # one of them may fall on the minute with which the page's ages change
        with page.expect_response("**/issues/SHOP-142/"):
            come_back_to(page)
    assert 304 in answers
