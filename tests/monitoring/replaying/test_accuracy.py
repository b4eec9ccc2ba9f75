"""How right verdicts were: what counts as what, and how sure a share is."""

import pytest

from monitoring.accuracy import NOT_WORSE, UNKNOWN, WORSE, Score, Share, said_of


def test_precision_is_what_was_us_among_what_was_called_worse_and_ruled():
    score = Score.of([("DEGRADED", "US")] * 6 + [("FAILED", "NOT_US")] * 2 + [("FAILED", "")] * 9)
    assert (score.precision.hits, score.precision.of, score.precision.value) == (6, 8, 0.75)


def test_recall_is_what_was_called_worse_among_what_was_us():
    score = Score.of([("FAILED", "US")] * 3 + [("HEALTHY", "US")])
    assert (score.recall.hits, score.recall.of) == (3, 4)


@pytest.mark.parametrize("result", ["INCONCLUSIVE", "BLIND", "", None])
def test_a_verdict_that_could_not_tell_missed_what_was_us(result):
    assert Score.of([(result, "US")]).missed == 1


@pytest.mark.parametrize("result", ["FAILED", "HEALTHY", "BLIND"])
def test_what_was_expected_counts_for_neither(result):
    score = Score.of([(result, "EXPECTED")])
    assert (score.precision.of, score.recall.of, score.ruled) == (0, 0, 1)


def test_results_of_verdicts_and_findings_say_the_same_three_things():
    assert [said_of(word) for word in ("FAILED", "DEGRADED", "REGRESSED")] == [WORSE] * 3
    assert [said_of(word) for word in ("HEALTHY", "UNCHANGED", "IMPROVED")] == [NOT_WORSE] * 3
    assert [said_of(word) for word in ("INCONCLUSIVE", "NO_DATA", "BLIND", "")] == [UNKNOWN] * 4


def test_fewer_than_five_rulings_are_too_few_to_say():
    assert not Share(4, 4).is_enough
    assert Share(0, 5).is_enough


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)],
)
def test_the_interval_is_the_one_of_wilson(hits, of, low, high):
    assert Share(hits, of).interval == pytest.approx((low, high), abs=1e-4)


def test_of_nothing_the_share_may_be_anything():
    assert (Share(0, 0).value, Share(0, 0).interval) == (None, (0.0, 1.0))
