from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.lifecycle import ENDS, RANK, Fact, standing

START = datetime(2026, 11, 19, 12, 0, tzinfo=UTC)


def fact(status, minute):
    return Fact(START + timedelta(minutes=minute), status)


facts = st.lists(st.builds(fact, st.sampled_from(sorted(RANK)), st.integers(0, 5)), min_size=1, max_size=6)


def minutes(at):
    return None if at is None else int((at - START).total_seconds() // 60)


@pytest.mark.parametrize(
    ("reported", "expected"),
    [
        ([("PENDING", 0)], ("PENDING", 0, None, None)),
        ([("RUNNING", 1)], ("RUNNING", None, 1, None)),
        ([("PENDING", 0), ("RUNNING", 1)], ("RUNNING", 0, 1, None)),
        ([("PENDING", 2), ("RUNNING", 1)], ("RUNNING", None, 1, None)),
        ([("SUCCEEDED", 3)], ("SUCCEEDED", None, None, 3)),
        ([("RUNNING", 1), ("SUCCEEDED", 3)], ("SUCCEEDED", None, 1, 3)),
        ([("SUCCEEDED", 3), ("RUNNING", 4)], ("SUCCEEDED", None, None, 3)),
        ([("RUNNING", 1), ("RUNNING", 2), ("SUCCEEDED", 3)], ("SUCCEEDED", None, 1, 3)),
        ([("FAILED", 2), ("SUCCEEDED", 4)], ("SUCCEEDED", None, None, 4)),
        ([("SUCCEEDED", 2), ("FAILED", 4)], ("FAILED", None, None, 4)),
        ([("SUCCEEDED", 2), ("FAILED", 2)], ("FAILED", None, None, 2)),
        ([("SUCCEEDED", 2), ("CANCELLED", 2)], ("SUCCEEDED", None, None, 2)),
        ([("SUCCEEDED", 2), ("SUCCEEDED", 3)], ("SUCCEEDED", None, None, 2)),
        ([("SUCCEEDED", 1), ("FAILED", 2), ("SUCCEEDED", 3), ("SUCCEEDED", 4)], ("SUCCEEDED", None, None, 3)),
    ],
)
def test_each_rule_holds(reported, expected):
    stands = standing(fact(*one) for one in reported)
    assert (
        stands.status,
        minutes(stands.queued_at),
        minutes(stands.started_at),
        minutes(stands.finished_at),
    ) == expected


@given(facts)
def test_the_order_of_arrival_does_not_matter(reported):
    expected = standing(reported)
    assert all(standing(order) == expected for order in permutations(reported[:5]) if len(reported) <= 5)
    assert standing(reversed(reported)) == expected


@given(facts, facts)
def test_nothing_goes_back_from_an_end(before, later):
    if standing(before).status in ENDS:
        assert standing([*before, *later]).status in ENDS


@given(facts)
def test_times_never_run_backwards(reported):
    stands = standing(reported)
    times = [at for at in (stands.queued_at, stands.started_at, stands.finished_at) if at]
    assert times == sorted(times)
    assert (stands.finished_at is not None) == (stands.status in ENDS)


@given(facts)
def test_what_changed_nothing_says_why(reported):
    stands = standing(reported)
    for one in reported:
        assert bool(stands.note(one)) == (one not in stands.applied)
