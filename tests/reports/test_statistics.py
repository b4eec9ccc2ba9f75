"""The statistics of a finding in words."""

import pytest

from monitoring.judge.facts import Reason
from reports.statistics import REASONS, hint_words, reason_words, statistics_of, visible_words

NBSP = "\u00a0"
FACTS = {
    "unit": "ms", "before": 310.0, "after": 450.0, "change": 140.0, "change_low": 96.0, "change_high": 180.0,
    "relative_change": 0.452, "relative_low": 0.31, "relative_high": 0.58, "chance": 0.0021, "rarity": [1, 140],
    "smallest_visible_change": 12.0, "minutes_to_settle": 95.0, "coverage_before": 0.984, "coverage_after": 1.0,
    "because": ["it stepped with the deployment", "large against every earlier day"], "reasons": ["CHANGED"],
    "mix": {"within": 20.0, "between": 120.0},
}  # fmt: skip


def told(**changed):
    return {one.name: one.words or list(one.parts) for one in statistics_of(FACTS | changed)}


def test_every_number_is_told_once_and_in_order():
    assert told() == {
        "Change": f"310 → 450{NBSP}ms, +140{NBSP}ms; with 90{NBSP}% certainty between +96{NBSP}ms and +180{NBSP}ms"
        f" (+45.2{NBSP}%, between +31{NBSP}% and +58{NBSP}%)",
        "Could have seen": f"±12{NBSP}ms: a change for the worse of that size is found four times in five",
        "Ordinary moments": f"1 of 140 changed as much in this direction; by all signs together 0.21{NBSP}% look as"
        " changed for the worse",
        "To settle it": f"about 1{NBSP}h 35{NBSP}min more of the same",
        "What spoke for it": ["it stepped with the deployment", "large against every earlier day"],
        "Parts and their shares": f"+20{NBSP}ms within its parts, +120{NBSP}ms because their shares changed",
        "Values that came": f"98{NBSP}% of those expected before the deployment, 100{NBSP}% after it",
        "Why": ["it changed more than chance explains, and enough to matter"],
    }


def test_differences_of_percentages_are_points():
    words = told(unit="%", before=0.12, after=0.94, change=0.82, smallest_visible_change=0.05)
    assert f"+0.82{NBSP}points" in words["Change"]
    assert words["Could have seen"].startswith(f"±0.05{NBSP}points")


def test_a_chance_too_small_to_write_is_said_to_be_small():
    assert f"less than 0.05{NBSP}%" in told(chance=1e-9)["Ordinary moments"]


@pytest.mark.parametrize("facts", [{}, dict.fromkeys(FACTS), dict.fromkeys(FACTS, "x")])
def test_what_is_not_known_is_not_told(facts):
    assert statistics_of(facts) == []
    assert (hint_words(facts, is_live=True), visible_words(facts), reason_words(facts)) == ("", "", ())


SMALL = FACTS | {"change": 5.0}


def test_an_unclear_finding_says_what_would_make_it_clear():
    assert hint_words(SMALL, is_live=True) == (
        f"About 1{NBSP}h 35{NBSP}min more of the same would settle it. A change of ±12{NBSP}ms could have been seen."
    )


def test_once_the_watch_is_over_nothing_more_would_settle_it():
    assert hint_words(SMALL, is_live=False) == f"A change of ±12{NBSP}ms could have been seen."


def test_where_more_than_could_have_been_seen_was_seen_that_is_no_hint():
    assert hint_words(FACTS, is_live=False) == ""


def test_an_interval_without_width_is_not_told():
    narrow = {"change_low": 140.0, "change_high": 140.0, "relative_low": 0.452, "relative_high": 0.452}
    assert told(**narrow)["Change"] == f"310 → 450{NBSP}ms, +140{NBSP}ms (+45.2{NBSP}%)"


def test_every_reason_of_the_judge_that_a_finding_can_have_has_words():
    of_judgements = {
        "CRITICAL_DOWN", "LIMIT_BROKEN", "REGRESSION", "MUST_HAVE_DATA", "FIRST_DEPLOYMENT", "STILL_WATCHING",
        "NOTHING_WORSE", "NOTHING_WATCHED",
    }  # fmt: skip
    assert {reason.value for reason in Reason} - of_judgements <= REASONS.keys()


def test_a_reason_that_nobody_knows_is_shown_as_it_is():
    assert reason_words({"reasons": ["NEWLY_INVENTED"]}) == ("NEWLY_INVENTED",)
