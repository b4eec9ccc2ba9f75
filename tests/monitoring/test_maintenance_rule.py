"""When a maintenance window covers a moment, and what of a stretch of time it covers."""

from datetime import UTC, datetime, timedelta

import pytest

from monitoring.maintenance import Window, covers, merged, spans

NOON = datetime(2026, 11, 19, 12, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def at(hours):
    return NOON + hours * HOUR


ONCE = Window(at(0), at(2))
WEEKLY = Window(at(0), at(2), every_week=True)


@pytest.mark.parametrize(("hours", "expected"), [(-0.1, False), (0, True), (1.9, True), (2, False)])
def test_it_covers_its_start_and_not_its_end(hours, expected):
    assert covers(ONCE, at(hours)) is expected


def test_a_weekly_one_covers_the_same_hours_of_every_week():
    assert covers(WEEKLY, at(1) + 7 * DAY)
    assert covers(WEEKLY, at(1) + 70 * DAY)
    assert not covers(WEEKLY, at(1) + 8 * DAY)
    assert not covers(WEEKLY, at(1) - 7 * DAY)


def test_one_that_was_ended_covers_nothing_later():
    ended = Window(at(0), at(2), every_week=True, ended_at=at(1))
    assert covers(ended, at(0.5))
    assert not covers(ended, at(1.5))
    assert not covers(ended, at(0.5) + 7 * DAY)


def test_it_is_cut_to_the_stretch_that_is_asked_for():
    assert list(spans(ONCE, at(1), at(5))) == [(at(1), at(2))]
    assert list(spans(ONCE, at(3), at(5))) == []
    assert list(spans(WEEKLY, at(1), at(1) + 14 * DAY)) == [
        (at(1), at(2)),
        (at(0) + 7 * DAY, at(2) + 7 * DAY),
        (at(0) + 14 * DAY, at(1) + 14 * DAY),
    ]


def test_stretches_that_overlap_become_one():
    assert merged([(at(3), at(4)), (at(0), at(2)), (at(1), at(3))]) == [(at(0), at(4))]
    assert merged([(at(3), at(4)), (at(0), at(2))]) == [(at(0), at(2)), (at(3), at(4))]
