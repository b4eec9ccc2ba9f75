"""Whose fault is it? Ours, when nearly everything that answered a moment ago is away at once."""

import pytest

from monitoring.polling.view import Sight, View, is_address

SEEN, AWAY, NO_NAME = Sight.SEEN, Sight.AWAY, Sight.NO_NAME


def seen(*hosts, at=0.0):
    view = View()
    for host in hosts:
        view.note(host, SEEN, at)
    return view


def test_one_host_that_is_away_is_its_own_fault():
    view = seen("a", "b", "c", "d")
    view.note("a", AWAY, 10)
    assert view.why_blind(AWAY, 10) == ""


def test_nearly_all_at_once_are_ours():
    view = seen("a", "b", "c", "d", "e")
    for host in "abcd":
        view.note(host, AWAY, 10)
    assert view.why_blind(AWAY, 10) == "4 of 5 hosts cannot be reached"


def test_two_hosts_are_too_few_to_tell():
    view = seen("a", "b")
    view.note("a", AWAY, 10)
    view.note("b", AWAY, 10)
    assert view.why_blind(AWAY, 10) == ""
    assert not view.can_tell(10)


def test_hosts_that_never_answered_do_not_count():
    view = seen("a")
    for host in ("x", "y", "z"):
        view.note(host, AWAY, 10)
    assert view.why_blind(AWAY, 10) == ""


def test_what_was_seen_long_ago_does_not_count():
    view = seen("a", "b", "c", "d")
    for host in "abcd":
        view.note(host, AWAY, 10)
    assert view.why_blind(AWAY, 500) == ""


def test_names_that_cannot_be_resolved_are_compared_with_other_names():
    view = seen("10.0.0.1", "10.0.0.2", "10.0.0.3", "a.example", "b.example", "c.example")
    for host in ("a.example", "b.example", "c.example"):
        view.note(host, NO_NAME, 10)
    assert view.why_blind(NO_NAME, 10) == "the names of 3 of 3 hosts cannot be resolved"
    assert view.why_blind(AWAY, 10) == ""


def test_a_canary_that_answers_clears_us():
    view = seen("a", "b", "c", "d")
    for host in "abcd":
        view.note(host, AWAY, 10)
    view.note_canary("https://one.example", False)
    view.note_canary("https://two.example", True)
    assert view.why_blind(AWAY, 10) == ""
    view.note_canary("https://two.example", False)
    assert view.why_blind(AWAY, 10) == "no canary can be reached"


def test_an_answer_is_never_doubted():
    view = View()
    view.note_canary("https://one.example", False)
    assert view.why_blind(SEEN, 10) == ""


@pytest.mark.parametrize(("host", "expected"), [("10.0.0.1", True), ("::1", True), ("a.example", False)])
def test_a_host_is_an_address_or_a_name(host, expected):
    assert is_address(host) is expected
