"""The timeline tells of notifications by cause: who was told of it, in one line."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from reports.selectors.happenings import of_notifications
from support.models import NotificationState

NOON = datetime(2026, 11, 19, 12, tzinfo=UTC)


def told(number, channel, after=0, *, kind="was escalated", state=NotificationState.SENT, issue=1):
    return SimpleNamespace(
        pk=number,
        kind=kind,
        get_kind_display=lambda: kind,
        state=state,
        created_at=NOON,
        sent_at=NOON + timedelta(seconds=after) if state == NotificationState.SENT else None,
        issue_id=issue,
        issue=SimpleNamespace(reference=f"SHOP-{issue}"),
        channel=SimpleNamespace(name=channel),
    )


def lines(*notifications):
    return [happening.sentence for happening in of_notifications("shop", notifications)]


def test_channels_told_of_one_cause_are_one_line():
    assert lines(told(1, "Mail", 1), told(2, "Pager", 2)) == ["SHOP-1 Mail and Pager were told: was escalated"]


def test_of_many_channels_the_first_are_named():
    many = [told(number, f"c{number}", number) for number in range(1, 7)]
    assert lines(*many) == ["SHOP-1 c1, c2 and 4 more were told: was escalated"]


def test_a_channel_that_could_not_be_told_stands_by_itself():
    failed = told(2, "Pager", state=NotificationState.FAILED)
    assert sorted(lines(told(1, "Mail", 1), failed)) == [
        "SHOP-1 Mail was told: was escalated",
        "SHOP-1 Pager could not be told: was escalated",
    ]


def test_another_issue_another_kind_or_a_later_time_is_another_line():
    assert len(lines(told(1, "Mail"), told(2, "Mail", issue=2), told(3, "Mail", kind="x"), told(4, "Mail", 90))) == 4
