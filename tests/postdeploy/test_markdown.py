from html.parser import HTMLParser

import pytest

from postdeploy.lib.markdown import render


def test_it_renders_what_guides_need():
    html = render("# Roll back\n\n1. **Stop**\n\n```\nmake undo\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n~~old~~")
    for part in ("<h2>Roll back</h2>", "<strong>Stop</strong>", "<code>make undo", "<table>", "<s>old</s>"):
        assert part in html


def test_a_link_keeps_its_address_and_gives_nothing_away():
    assert 'href="https://x.example/"' in render("[x](https://x.example/)")
    assert 'rel="noopener nofollow"' in render("[x](https://x.example/)")


def test_an_image_is_a_link_to_it():
    assert '<a href="https://x.example/a.png?b=1&amp;c" rel="noopener nofollow">Plan</a>' in render(
        "![Plan](https://x.example/a.png?b=1&c)"
    )


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "![x](https://tracker.example/x.png)",
        "[x](javascript:alert(1))",
        "[x][1]\n\n[1]: javascript:alert(1)",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "<svg/onload=alert(1)>",
        '<a href="x" hx-get="/steal" hx-trigger="load">x</a>',
        "<div style='position:fixed'>x</div>",
        '<https://x.example/"onmouseover="alert(1)>',
        "<iframe src=//x.example></iframe>",
    ],
)
def test_what_could_do_harm_is_text_or_gone(text):
    for tag, attributes in tags_in(render(text)):
        assert tag in {"p", "a"}
        assert set(attributes) <= {"href", "rel", "title"}
        assert not attributes.get("href", "").startswith(("javascript", "data"))


def tags_in(html):
    found = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: found.append((tag, dict(attributes)))
    parser.feed(html)
    return found


def test_long_or_deep_text_is_no_trouble():
    assert render("> " * 5000 + "deep")
    assert render("[" * 5000)
