"""The language of conditions: what is read, what is refused and how, and what is said of an answer."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.conditions import SUBJECTS, Answer, ConditionsRefused, examine, parse
from monitoring.conditions.language import parse_line, parse_source
from monitoring.conditions.problems import ConditionRefused


def judged(text: str, kind: str = "HTTP", **answer) -> str | None:
    """The first complaint about an answer."""
    conditions = parse(text, kind)
    seen = Answer(**answer)
    assert all(condition.words and condition.found(seen) for condition in conditions)
    return next(filter(None, (condition.complaint(seen) for condition in conditions)), None)


def refused(text: str, kind: str = "HTTP") -> str:
    with pytest.raises(ConditionsRefused) as caught:
        parse(text, kind)
    return str(caught.value)


HEAD = b"HTTP/2 200 \r\nContent-Type: application/json\r\nX-A: 1\r\nX-A: 2"
BODY = b'{"status": "up", "n": 3, "yes": true, "items": [{"id": "7"}], "a b": {"c": null}, "text": "caf\xc3\xa9 v1.2"}'
GOOD = {"status": 200, "time_ms": 84.0, "head": HEAD, "body": BODY, "certificate_days": 40}


@pytest.mark.parametrize(
    "line",
    [
        "status in 200-299, 404",
        "status 2xx",
        "status is 200",
        "status == 200",
        "status not in 500-599",
        "status != 404",
        "time < 500 ms",
        "time<=0.084s",
        "time < 1 min",
        'body contains "\\"up\\""',
        "body contains up",
        "body does not contain error",
        r"body matches /v\d+\.\d+/",
        "body matches /STATUS/i",
        "body does not match /^oops/",
        'json status == "up"',
        "json status == up",
        "json status is not 'down'",
        'json status in "up", "degraded"',
        "json n == 3",
        "json n >= 3",
        "json n in 1, 2, 3",
        "json yes == true",
        "json items[0].id == 7",
        'json items contains {"id": "7"}',
        "json $.items[0] exists",
        "json /items/0/id exists",
        "json nothing is missing",
        "json ['a b'].c == null",
        "json text contains café",
        r"json text matches /v(\d+)/",
        "header content-type contains json",
        'header X-A == "1, 2"',
        "header x-b is missing",
        "certificate > 14 days",
        "size < 1 KB",
        "redirects == 0",
        "protocol == HTTP/2",
        "",
        "# a remark",
    ],
)
def test_a_good_answer_meets_it(line):
    assert judged(line, **GOOD) is None


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("status in 500-599, 301", "HTTP 200, expected 500–599 or 301"),
        ("status != 200", "HTTP 200, expected anything but 200"),
        ("time < 80 ms", "answered after 84\u00a0ms, the limit is 80\u00a0ms"),
        ("time >= 1 s", "answered after 84\u00a0ms, expected at least 1,000\u00a0ms"),
        ("body contains nope", "“nope” is not in the body"),
        ("body does not contain up", "“up” is in the body"),
        ("body matches /nope/", "/nope/ matches nothing in the body"),
        ("body does not match /up/", "/up/ matches the body"),
        ('json status == "down"', 'status is "up", expected "down"'),
        ("json n > 3", "n is 3, expected above 3"),
        ("json n == true", "n is 3, expected true"),
        ("json yes == 1", "yes is true, expected 1"),
        ("json yes > 0", "yes is true, expected above 0"),
        ("json items[0].id == 8", 'items[0].id is "7", expected 8'),
        ('json n == "3"', 'n is 3, expected "3"'),
        ("json nothing == 1", "the body has no nothing"),
        ("json nothing != 1", "the body has no nothing"),
        ("json status is missing", 'status is "up", expected nothing there'),
        ('json status in "a", "b"', 'status is "up", expected "a" or "b"'),
        ("header x-b exists", "there is no header x-b"),
        ("header x-a is missing", "there is a header x-a: “1, 2”"),
        ("header content-type == text/html", "header content-type is “application/json”, expected “text/html”"),
        ("certificate > 60 days", "the certificate ends in 40\u00a0days, expected above 60\u00a0days"),
        ("size < 10 bytes", f"size is {len(BODY)}\u00a0bytes, expected below 10\u00a0bytes"),
        ("protocol is HTTP/1.1", "protocol is “HTTP/2”, expected “HTTP/1.1”"),
    ],
)
def test_what_does_not_hold_is_said(line, complaint):
    assert judged(line, **GOOD) == complaint


@pytest.mark.parametrize(
    ("text", "kind", "answer", "complaint"),
    [
        ('answer contains "220"', "TCP", {"body": b"220 hello"}, None),
        ('answer contains "221"', "TCP", {"body": b"220 hello"}, "“221” is not in the answer"),
        ("answers contain 192.0.2.1", "DNS", {"answers": ("192.0.2.1", "192.0.2.2")}, None),
        ("answers are 192.0.2.2, 192.0.2.1", "DNS", {"answers": ("192.0.2.1", "192.0.2.2")}, None),
        (
            "answers are 192.0.2.1",
            "DNS",
            {"answers": ("192.0.2.1", "192.0.2.2")},
            "the answer is 192.0.2.1, 192.0.2.2, expected 192.0.2.1",
        ),
        ("answers do not contain 192.0.2.9", "DNS", {"answers": ("192.0.2.1",)}, None),
        ("answers >= 2", "DNS", {"answers": ("a",)}, "answers is 1, expected at least 2"),
        ('answers contain "v=spf1 -all"', "DNS", {"answers": ('"v=spf1 -all"',)}, None),
        ("answers contain 10 MAIL.example.org.", "DNS", {"answers": ("10 mail.example.org",)}, None),
        ("difference <= 1 %", "RECONCILIATION", {"left": 100, "right": 99}, None),
        (
            "difference <= 1 %",
            "RECONCILIATION",
            {"left": 100, "right": 90},
            "100 and 90 are 10\u00a0% apart, expected a difference of at most 1\u00a0%",
        ),
        ("difference == 0", "RECONCILIATION", {"left": 7, "right": 7}, None),
        ("difference <= 2", "RECONCILIATION", {"left": -1, "right": 1}, None),
        ("difference <= 1 %", "RECONCILIATION", {"left": 0, "right": 0}, None),
        ("left > 0", "RECONCILIATION", {"left": 0, "right": 0}, "left is 0, expected above 0"),
    ],
)
def test_other_kinds_look_at_other_things(text, kind, answer, complaint):
    assert judged(text, kind, **answer) == complaint


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("stats in 200", "Did you mean status?"),
        ("status", "A comparison is missing here"),
        ("status in", "A status code is needed here"),
        ("status in 2oo", "“2oo” is not a status code; write 200, 200-299 or 2xx"),
        ("status in 299-200", "is not a range of status codes"),
        ("status in 600", "is not a range of status codes"),
        ("status in 200,", "A status code is needed here"),
        ("status 200 301", "is too much here"),
        ("status < 300", "cannot be asked here"),
        ("status in ٢٠٠", "is not a status code"),
        ("time < 500", "Write the unit"),
        ("time < fast", "A number is needed"),
        ("time 500 ms", "is no comparison here"),
        ("body contains", "A text is needed"),
        ('body contains ""', "everything contains it"),
        ('body contains "x', "has no end"),
        (r'body contains "\q"', "In double quotes write"),
        ("body matches v1", "between slashes"),
        ("body matches //", "The pattern is empty"),
        ("body matches /(/", "cannot be read: missing )"),
        ("body matches /(?=a)b/", "look-around"),
        (r"body matches /(a)\1/", "back-references"),
        ("body matches /a/x", "i, m and s"),
        ("json == 1", "Say where in the JSON body"),
        ("json a..b == 1", "The path cannot be read from"),
        ("json a ==", "A value is needed"),
        ("json a < ten", "A number is needed"),
        ('json a in "x",', "A value is needed"),
        ("header", "name of a header is needed"),
        ("header bad@name exists", "name of a header is needed"),
        ("certificate > 14", "A certificate has days left"),
        ("redirects == 1 s", "without unit"),
        ("answer contains x", "has no answer; write status"),
        ("time < 99999999999999999999 ms", "more than 17 digits"),
        ("x" * 1200, "at most 1000 characters"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_fix(line, part):
    sentence = refused(line)
    assert part in sentence
    assert sentence.startswith("Line 1: ")
    assert sentence.endswith((".", "?"))


def test_every_bad_line_is_named():
    assert refused("status 2xx\nfoo\n\n# fine\nbar").count("Line ") == 2
    assert [line.number for line in examine("a\nstatus 2xx\nb") if line.problem] == [1, 3]


def test_a_refusal_knows_its_column():
    (line,) = examine("status in 200, 2oo")
    assert line.problem.column == 16


def test_there_is_an_end_to_conditions():
    assert "at most 40 conditions" in refused("status 2xx\n" * 41)


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ({"body": b"<html>"}, "the body is not JSON"),
        ({"body": b"[" * 100_000}, "the body is not JSON"),
        ({"body": b""}, "the body is not JSON"),
        ({"body": b"\xff"}, "the body is not JSON"),
        ({"body": b"1" * 5000}, "the body is not JSON"),
        ({"body": b"x" * 65536, "is_cut": True}, "the JSON cannot be read: the body is larger than 64 KB"),
    ],
)
def test_what_is_not_json_is_said(answer, complaint):
    assert judged("json a == 1", **answer) == complaint


def test_a_certificate_that_was_not_shown_is_no_fault():
    assert judged("certificate > 14 days", status=200) is None


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(.*)*x", ".*.*.*x", "(x+x+)+y"])
def test_no_pattern_can_run_away(pattern):
    condition = parse(f"body matches /{pattern}/")[0]
    began = time.perf_counter()
    condition.complaint(Answer(body=b"a" * 65_536))
    assert time.perf_counter() - began < 1


@given(st.text(max_size=120), st.sampled_from(sorted(SUBJECTS)))
def test_any_text_is_read_or_refused(text, kind):
    for line in examine(text, kind):
        assert line.condition is None or line.problem is None


_WORDS = st.sampled_from(
    ["status", "time", "body", "json", "header", "in", "is", "not", "==", "<", "contains", "matches", "/a/", '"x"',
     "200", "2xx", "500", "ms", "a.b", "exists", ",", "%", "certificate", "days", "'", "\\", "[", "answers",
     "difference"]
)  # fmt: skip


@given(st.lists(_WORDS, max_size=7).map(" ".join), st.sampled_from(sorted(SUBJECTS)), st.binary(max_size=40))
def test_any_words_of_the_language_are_read_or_refused_and_any_answer_is_judged(text, kind, body):
    answer = Answer(status=200, body=body, head=b"HTTP/1.1 200 OK", answers=("a",), left=1, right=2)
    for line in examine(text, kind):
        if line.condition:
            assert line.condition.words
            assert line.condition.found(answer)
            complaint = line.condition.complaint(answer)
            assert complaint is None or complaint


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("time < -5 ms", "without the sign"),
        ("protocol is HTTP/9", "HTTP/2"),
        ("json a[99999999999999999999] == 1", "No list is so long"),
    ],
)
def test_what_no_answer_can_meet_is_refused_with_the_fix(line, part):
    with pytest.raises(ConditionRefused, match=part):
        parse_line(line)


def test_a_pattern_that_takes_nothing_is_no_place_of_a_value():
    with pytest.raises(ConditionRefused, match="round brackets"):
        parse_source("body /token/")
    assert parse_source(r"body /token=(\w+)/").pattern
