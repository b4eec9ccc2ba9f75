"""Numbers, durations and moments are written in one way everywhere."""

import math
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postdeploy.lib import words

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 19, 12, 9, tzinfo=BERLIN)  # a Thursday


def plain(text):
    """Make no-break spaces readable, so that the expectations below can be typed."""
    return text.replace(words.NBSP, " ").replace(words.MINUS, "-")


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0 s"),
        (0.45, "450 ms"),
        (0.0001, "1 ms"),
        (12.9, "12 s"),
        (60, "1 min"),
        (270, "4 min 30 s"),
        (3600, "1 h"),
        (3605, "1 h"),
        (5340, "1 h 29 min"),
        (86_400 + 4 * 3600 + 59, "1 d 4 h"),
        (12 * 86_400 + 7200, "12 d"),
        (1500 * 86_400, "1,500 d"),
        (-300, "-5 min"),
        (timedelta(minutes=4, seconds=30), "4 min 30 s"),
    ],
)
def test_a_duration_has_its_two_largest_units(seconds, expected):
    assert plain(words.duration(seconds)) == expected


def test_a_growing_duration_leaves_its_seconds_away():
    assert plain(words.duration(38 * 60 + 40, coarse=True)) == "38 min"
    assert plain(words.duration(40, coarse=True)) == "40 s"
    assert plain(words.duration(89 * 60 + 40, coarse=True)) == "1 h 29 min"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(90, "90 s"), (3600, "60 min"), (7200, "120 min"), (72 * 3600, "72 h"), (14 * 86_400, "14 d"), (5400, "90 min")],
)
def test_a_planned_period_has_one_unit(seconds, expected):
    assert plain(words.period(seconds)) == expected


@pytest.mark.parametrize(
    ("done", "total", "expected"),
    [
        (38 * 60 + 50, 3600, "38 of 60 min"),
        (18.9 * 3600, 24 * 3600, "18 of 24 h"),
        (28 * 60 + 40, 72 * 3600, "28 min of 72 h"),
        (0, 72 * 3600, "0 of 72 h"),
        (-5, 90, "0 of 90 s"),
        (4000, 3600, "60 of 60 min"),
        (timedelta(seconds=40), timedelta(seconds=90), "40 of 90 s"),
    ],
)
def test_progress_counts_in_the_unit_of_the_whole(done, total, expected):
    assert plain(words.progress(done, total)) == expected


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (450, "ms", "450 ms"),
        (450.4, "ms", "450 ms"),
        (0.94, "%", "0.94 %"),
        (0.1249, "%", "0.12 %"),
        (94.1, "%", "94.1 %"),
        (94.04, "%", "94 %"),
        (38.94, "/min", "38.9 /min"),
        (1.256, "s", "1.26 s"),
        (1960, "jobs", "1,960 jobs"),
        (0, "jobs", "0 jobs"),
        (-0.0, "", "0"),
        (-12.5, "", "-12.5"),
        (0.000042, "s", "0.000042 s"),
        (1e-30, "s", "0 s"),
        (641_728_512, "bytes", "612 MiB"),
        (2048, "By", "2 KiB"),
        (100, "B", "100 bytes"),
        (None, "ms", "no data"),
        (math.nan, "ms", "unknown ms"),
        (1e300, "", "1.00e+300"),
    ],
)
def test_a_quantity_has_two_or_three_significant_figures_and_its_unit(value, unit, expected):
    assert plain(words.quantity(value, unit)) == expected


def test_a_quantity_keeps_the_decimals_it_is_asked_for():
    assert plain(words.quantity(99.786, "%", digits=2)) == "99.79 %"
    assert plain(words.quantity(94, "%", digits=1)) == "94.0 %"


def test_value_and_unit_are_never_torn_apart():
    assert words.quantity(450, "ms") == "450\u00a0ms"
    assert words.duration(5340) == "1\u00a0h 29\u00a0min"


def test_a_pair_says_the_unit_once_unless_it_differs():
    assert plain(words.pair(310, 450, "ms")) == "310 → 450 ms"
    assert plain(words.pair(1024, 1024**2, "bytes")) == "1 KiB → 1 MiB"


@pytest.mark.parametrize(
    ("before", "after", "unit", "expected"),
    [
        (310, 450, "ms", "+45 %"),
        (41.8, 38.9, "/min", "-7 %"),
        (0.12, 0.94, "%", "+0.82 points"),
        (94.1, 94.0, "%", "-0.1 points"),
        (120, 960, "jobs", "8 times as high"),
        (0, 520, "jobs", "+520 jobs"),
        (100, 100, "ms", "no change"),
        (1000, 1004, "ms", "+0.4 %"),
        (100, 0, "ms", "-100 %"),
        (-10, -20, "°C", "-100 %"),
        (1e-320, 1.0, "s", "+1 s"),
        (6.66e-16, 3.5, "errors", "+3.5 errors"),
    ],
)
def test_a_change_is_said_in_the_words_that_fit_its_size(before, after, unit, expected):
    assert plain(words.change(before, after, unit)) == expected


def test_a_difference_has_a_true_sign():
    assert words.signed(-12, "%") == "\u221212\u00a0%"
    assert plain(words.signed(0.71, "points")) == "+0.71 points"
    assert plain(words.signed(0, "%")) == "0 %"


def test_a_share_is_whole_only_when_nothing_is_missing():
    assert plain(words.share(9979, 10_000)) == "99.79 %"
    assert plain(words.share(10_000, 10_000)) == "100 %"
    assert plain(words.share(999_999, 1_000_000)) == "over 99.99 %"
    assert plain(words.share(1, 1_000_000)) == "under 0.01 %"
    assert plain(words.share(0, 10)) == "0 %"
    assert words.share(0, 0) == "no data"


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (datetime(2026, 11, 19, 11, 31, tzinfo=BERLIN), "11:31"),
        (datetime(2026, 11, 19, 10, 31, tzinfo=UTC), "11:31"),
        (datetime(2026, 11, 18, 16, 40, tzinfo=BERLIN), "Wed 16:40"),
        (datetime(2026, 11, 20, 10, 0, tzinfo=BERLIN), "Fri 10:00"),
        (datetime(2026, 11, 15, 10, 0, tzinfo=BERLIN), "15 Nov 10:00"),
        (datetime(2026, 11, 12, 15, 47, tzinfo=BERLIN), "12 Nov 15:47"),
        (datetime(2025, 11, 12, 15, 47, tzinfo=BERLIN), "12 November 2025"),
        (datetime(2026, 11, 18, 23, 30, tzinfo=UTC), "00:30"),
    ],
)
def test_a_moment_says_no_more_than_is_needed_to_find_it(at, expected):
    assert words.moment(at, NOW) == expected


def test_the_turn_of_the_year_is_still_the_same_week():
    new_year = datetime(2027, 1, 1, 9, 0, tzinfo=BERLIN)
    assert words.moment(datetime(2026, 12, 31, 17, 0, tzinfo=BERLIN), new_year) == "Thu 17:00"


def test_a_moment_shows_its_seconds_where_they_count():
    assert words.moment(NOW.replace(second=7), NOW, seconds=True) == f"{NOW:%H:%M}:07"
    assert words.moment(datetime(2026, 11, 12, 15, 47, 5, tzinfo=BERLIN), NOW, seconds=True) == "12 Nov 15:47:05"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.4, "now"),
        (-3, "now"),
        (4, "4 s ago"),
        (17 * 60 + 30, "17 min ago"),
        (-11 * 60, "in 11 min"),
        (-72 * 60, "in 1 h 12 min"),
        (4 * 86_400, "4 d ago"),
    ],
)
def test_ago_says_how_far_away_a_moment_is(seconds, expected):
    assert plain(words.ago(NOW - timedelta(seconds=seconds), NOW)) == expected


def test_an_exact_moment_says_its_offset():
    assert words.exact(NOW.replace(second=12)) == "19 November 2026, 12:09:12 (UTC+1)"
    assert words.clock(NOW.astimezone(UTC)) == "11:09:00 (UTC)"
    assert words.offset(datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=-3, minutes=-30)))) == "UTC\u22123:30"


def test_plural_counts():
    assert words.plural(1, "issue") == "1 issue"
    assert words.plural(0, "issue") == "0 issues"
    assert words.plural(1200, "reply", "replies") == "1,200 replies"


@given(st.floats(), st.sampled_from(["", "ms", "%", "bytes"]))
def test_every_float_can_be_written(value, unit):
    assert words.quantity(value, unit)
    assert words.signed(value, unit)


@given(st.floats(), st.floats(), st.sampled_from(["", "%"]))
def test_every_change_can_be_written(before, after, unit):
    assert words.change(before, after, unit)


@given(st.floats(min_value=-1e12, max_value=1e12))
def test_every_duration_can_be_written(seconds):
    assert words.duration(seconds)
    assert words.period(abs(seconds))
