from datetime import UTC, datetime, timedelta

import pytest

from support import routing
from support.routing import Tier

NOON = datetime(2026, 11, 19, 12, 0, tzinfo=UTC)
L1, L2, L3 = (Tier(n, "TECHNICAL", n, 900 * n) for n in (1, 2, 3))
USER, PROCESS = Tier(4, "BUSINESS", 1, 3600), Tier(5, "BUSINESS", 2, 3600)
ALL = (PROCESS, USER, L3, L1, L2)


def test_without_a_rule_the_first_technical_level_gets_it():
    assert routing.choose_tier("CRITICAL", {}, ALL) == L1


def test_a_rule_names_the_tier_of_a_severity():
    assert routing.choose_tier("CRITICAL", {"CRITICAL": 2, "MINOR": 4}, ALL) == L2
    assert routing.choose_tier("MINOR", {"CRITICAL": 2, "MINOR": 4}, ALL) == USER


def test_a_rule_for_a_tier_that_is_gone_counts_as_none():
    assert routing.choose_tier("CRITICAL", {"CRITICAL": 99}, ALL) == L1
    assert routing.choose_tier("CRITICAL", {}, ()) is None


def test_the_next_tier_is_the_next_level_of_the_same_track():
    assert routing.next_tier(L1, ALL) == L2
    assert routing.next_tier(L1, (L1, L3)) == L3
    assert routing.next_tier(USER, ALL) == PROCESS
    assert routing.next_tier(L3, ALL) is None


def test_the_last_tier_has_no_clock():
    assert routing.escalation_due_at(L2, ALL, NOON) == NOON + timedelta(minutes=30)
    assert routing.escalation_due_at(L3, ALL, NOON) is None


def test_only_a_noticeable_delay_is_told():
    assert routing.delay(NOON, NOON + timedelta(seconds=5)) is None
    assert routing.delay(NOON, NOON + timedelta(hours=3)) == timedelta(hours=3)


@pytest.mark.parametrize(("attempts", "seconds"), [(1, 5), (2, 300), (3, 1800), (9, 86400), (10, None)])
def test_it_waits_longer_each_time_and_gives_up_after_ten(attempts, seconds):
    assert routing.retry_after(attempts, wished=None, jitter=0.0) == seconds


def test_jitter_spreads_the_wait_and_the_receiver_may_ask_for_more():
    assert routing.retry_after(2, wished=None, jitter=1.0) == 360
    assert routing.retry_after(1, wished=120, jitter=0.0) == 120
    assert routing.retry_after(2, wished=120, jitter=0.0) == 300
    assert routing.retry_after(1, wished=1e9, jitter=0.0) <= 2 * 86400
