"""Live regions in a real browser: what somebody typed survives, and nothing is asked or changed in vain."""

import pytest
from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.test import override_settings
from django.urls import include, path
from django.views.decorators.csrf import ensure_csrf_cookie

from tests.browser.serving import served

DESKTOP = {"width": 1300, "height": 900}
PART = """
<section id="region" class="card" data-live data-etag='"v{{ n }}"' hx-get="/part" hx-trigger="every 150ms"
         hx-ext="morph" hx-swap="morph:outerHTML">
  <h2 id="count">{{ n }}</h2>
  <details id="more"><summary>More</summary><p id="row">{{ n }}</p></details>
  {% chart "p95" data "p95" %}
  <form hx-post="/say" hx-target="#region" hx-swap="morph:outerHTML">
    <textarea id="say" name="say" aria-label="Comment"></textarea>
    <select id="kind" name="kind" aria-label="Kind"><option value="a">a</option><option value="b">b</option></select>
    <input id="urgent" name="urgent" type="checkbox" aria-label="Urgent">
    <button id="post">Post</button>
  </form>
</section>
"""
PAGE = "{% extends 'base.html' %}{% block title %}Live{% endblock %}{% block main %}<h1>Live</h1>PART{% endblock %}"
PAGE = PAGE.replace("PART", PART)


class Answers:
    """What the server says, and what it was asked."""

    def __init__(self):
        self.n, self.changes, self.status, self.asked, self.said = 0, False, 200, [], []


answers = Answers()


def text(request: HttpRequest, source: str) -> str:
    values = [100, 110 + 40 * answers.n, None, 120]
    data = {"unit": "ms", "times": [0, 60, 120, 180], "values": values, "low": None, "high": None, "marks": []}
    return engines["django"].from_string(source).render({"n": answers.n, "data": data}, request)


@ensure_csrf_cookie
def page_view(request):
    return HttpResponse(text(request, PAGE))


def part_view(request):
    answers.asked.append(request.headers.get("If-None-Match"))
    if answers.status != 200:
        return HttpResponse(status=answers.status)
    answers.n += answers.changes
    etag = f'"v{answers.n}"'
    is_known = request.headers.get("If-None-Match") == etag
    headers = {"ETag": etag, "Cache-Control": "no-store"}
    return HttpResponse(status=304, headers=headers) if is_known else HttpResponse(text(request, PART), headers=headers)


def say_view(request):
    if answers.status != 200:
        return HttpResponse(status=answers.status)
    answers.said.append(request.POST["say"])
    return HttpResponse(text(request, PART))


urlpatterns = [
    path("", page_view, name="home"),
    path("part", part_view),
    path("say", say_view),
    path("account/", include("allauth.account.urls")),
]


@pytest.fixture(scope="module")
def address():
    with override_settings(ROOT_URLCONF=__name__), served() as address:
        yield f"{address}/"


@pytest.fixture(scope="module")
def only_tab(browser):
    context = browser.new_context(viewport=DESKTOP, color_scheme="light")
    yield context.new_page()
    context.close()


@pytest.fixture
def page(only_tab, address):
    answers.__init__()
    page, complaints = only_tab, []
    note = {
        "pageerror": lambda error: complaints.append(str(error)),
        "console": lambda message: complaints.append(message.text) if "Policy" in message.text else None,
    }
    for event, listener in note.items():
        page.on(event, listener)
    page.goto(address)
    page.wait_for_selector("#p95-chart canvas")
    yield page
    for event, listener in note.items():
        page.remove_listener(event, listener)
    page.evaluate("localStorage.clear()")
    page.set_viewport_size(DESKTOP)
    assert complaints == []


def hide(page, hidden):
    page.evaluate(
        """hidden => {
          Object.defineProperty(document, 'hidden', {configurable: true, get: () => hidden});
          document.dispatchEvent(new Event('visibilitychange'));
        }""",
        hidden,
    )


def becomes(page, expression, what=None):
    """Wait until the page says yes. (Playwright's own way evaluates a string in the page, which our CSP forbids.)"""
    for _ in range(400):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(25)
    raise AssertionError(f"waited in vain for {what or expression}")


def wait_for_polls(page, count):
    """Wait until the server was asked `count` more times."""
    wanted = len(answers.asked) + count
    for _ in range(400):
        if len(answers.asked) >= wanted:
            return
        page.wait_for_timeout(25)
    raise AssertionError(f"{count} polls did not come")


def wait_for_ticks(page, count):
    """Wait until the region's timer has run out `count` more times, whether or not it then asked the server."""
    page.evaluate(
        """() => {
          window.ticks = 0;
          document.addEventListener('htmx:configRequest', () => { window.ticks += 1; });
        }"""
    )
    becomes(page, f"window.ticks >= {count}")


def test_an_unchanged_region_is_answered_with_304_and_not_touched(page):
    page.evaluate(
        """() => {
          window.changes = 0;
          const watch = {subtree: true, childList: true, attributes: true, characterData: true};
          const region = document.querySelector('#region');
          new MutationObserver(list => { window.changes += list.length; }).observe(region, watch);
        }"""
    )
    wait_for_polls(page, 4)
    assert set(answers.asked) == {'"v0"'}
    assert page.evaluate("window.changes") == 0


def test_what_is_being_typed_survives_refreshes(page):
    answers.changes = True
    page.click("#more summary")
    page.select_option("#kind", "b")
    page.check("#urgent")
    page.click("#say")
    page.keyboard.type("half a sentence", delay=30)
    page.keyboard.press("ArrowLeft")
    wait_for_polls(page, 3)
    assert page.input_value("#say") == "half a sentence"
    assert page.evaluate("[document.activeElement.id, document.activeElement.selectionStart]") == ["say", 14]
    assert page.evaluate("document.querySelector('#more').open")
    assert (page.input_value("#kind"), page.is_checked("#urgent")) == ("b", True)
    assert int(page.inner_text("#row")) > 0


def test_a_chart_stays_and_takes_the_new_data_in_place(page):
    page.evaluate("window.canvas = document.querySelector('#p95-chart canvas')")
    page.evaluate("window.before = window.canvas.toDataURL()")
    answers.changes = True
    becomes(page, "Number(document.querySelector('#count').textContent) > 3")
    assert page.evaluate("window.canvas === document.querySelector('#p95-chart canvas')")
    becomes(page, "window.before !== window.canvas.toDataURL()")


def test_a_posted_text_is_cleared_and_a_refused_one_is_kept(page):
    page.fill("#say", "first")
    page.click("#post")
    becomes(page, "document.querySelector('#say').value === ''")
    assert answers.said == ["first"]
    page.fill("#say", "second")
    answers.status = 500
    page.click("#post")
    page.wait_for_selector("#shown-failed")
    assert page.input_value("#say") == "second"
    answers.status = 200
    page.click("#post")
    page.wait_for_selector("#shown-failed", state="detached")


def test_somebody_signed_out_is_told_once_and_keeps_the_text(page):
    page.fill("#say", "not sent yet")
    answers.status = 401
    page.wait_for_selector("#shown-signed-out a[target=_blank]")
    assert page.locator("#notices > *").count() == 1
    assert page.input_value("#say") == "not sent yet"
    answers.status = 200
    hide(page, False)
    page.wait_for_selector("#shown-signed-out", state="detached")


def test_a_hidden_tab_asks_nothing_and_refreshes_when_it_is_shown(page):
    hide(page, True)
    wait_for_ticks(page, 2)  # a poll that was under way has arrived by then
    asked = len(answers.asked)
    wait_for_ticks(page, 3)
    assert len(answers.asked) == asked
    answers.changes = True
    hide(page, False)
    becomes(page, "Number(document.querySelector('#count').textContent) > 0")


def test_polls_back_off_while_the_server_is_down_and_the_page_says_how_old_it_is(page):
    answers.status = 503
    wait_for_polls(page, 1)
    asked = len(answers.asked)
    wait_for_ticks(page, 6)
    assert len(answers.asked) <= asked + 1  # six timers ran out, one poll at most was already under way
    page.evaluate("() => { const real = Date.now; Date.now = () => real() + 125000; }")
    becomes(page, "/^Stale, 2/.test(document.querySelector('[data-fresh].is-stale')?.textContent)")


def test_a_chosen_theme_is_there_before_the_first_paint_and_charts_follow(page):
    page.evaluate("window.before = document.querySelector('#p95-chart canvas').toDataURL()")
    page.click("summary[aria-label=Theme]")
    page.click("[data-choose-theme=dark]")
    becomes(page, "window.before !== document.querySelector('#p95-chart canvas').toDataURL()")
    page.reload()
    assert page.evaluate("document.documentElement.dataset.bsTheme") == "dark"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(14, 19, 25)"


def test_single_keys_work_outside_fields_and_can_be_switched_off(page):
    page.fill("#say", "")
    page.type("#say", "?")
    assert not page.evaluate("document.querySelector('#help').open")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("?")
    assert page.evaluate("document.querySelector('#help').open")
    page.uncheck("[data-keys]")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    assert not page.evaluate("document.querySelector('#help').open")


def test_no_page_is_wider_than_a_small_telephone(page):
    page.set_viewport_size({"width": 320, "height": 700})
    becomes(page, "document.querySelector('#p95-chart canvas').clientWidth < 320")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
