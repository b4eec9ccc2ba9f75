"""A deployment: one result from many findings, never healthier than what was seen."""

import itertools
import random

import pytest

from monitoring.judge.deployment import judge_deployment
from monitoring.judge.facts import FindingResult, Judgement, Reason, Result
from monitoring.judge.looks import LookPlan
from tests.monitoring.judge.makers import T, finding, window

LAST = LookPlan(number=4, count=4, budget=0.025)
EARLY = LookPlan(number=1, count=4, budget=0.006, next_look_at=T + 900)

UNCHANGED, REGRESSED, IMPROVED = FindingResult.UNCHANGED, FindingResult.REGRESSED, FindingResult.IMPROVED
INCONCLUSIVE, NO_DATA = FindingResult.INCONCLUSIVE, FindingResult.NO_DATA


def judge(*findings, look=LAST) -> Judgement:
    return judge_deployment(findings, window=window(looked_after=60 if look is LAST else 10), look=look)


def well(count, **facts):
    return [finding(f"m{number}", **facts) for number in range(count)]


def up(count):
    return [finding(f"c{number}", is_check=True) for number in range(count)]


def test_nothing_worse_is_healthy_at_the_end_only():
    said = judge(*well(14), *up(9))
    assert (said.result, said.is_final, said.reasons) == (Result.HEALTHY, True, (Reason.NOTHING_WORSE,))
    assert said.sentence == "Nothing got worse in 60\u00a0min: 14 of 14 metrics and 9 checks."
    assert said.confidence == 1
    early = judge(*well(14), *up(9), look=EARLY)
    assert (early.result, early.is_final, early.reasons) == (None, False, (Reason.STILL_WATCHING,))
    assert early.sentence == "Nothing is worse so far: 14 of 14 metrics and 9 checks."
    assert early.next_look_seconds == 300


def test_a_regression_degrades_at_any_look():
    for look in (EARLY, LAST):
        said = judge(finding("p95", REGRESSED), *well(13), look=look)
        assert (said.result, said.reasons) == (Result.DEGRADED, (Reason.REGRESSION,))
        assert said.sentence == "1 of 14 metrics got worse, no limit was broken."
        assert said.findings[0].key == "p95"
        assert said.is_final == (look is LAST)


def test_a_broken_hard_limit_fails_it():
    bad = finding("error rate", REGRESSED, is_hard_limit_broken=True)
    said = judge(bad, finding("p95", REGRESSED), finding("queue", REGRESSED), *well(11))
    assert (said.result, said.reasons) == (Result.FAILED, (Reason.LIMIT_BROKEN,))
    assert said.sentence == "3 of 14 metrics got worse, Error rate beyond its hard limit."


def test_a_critical_check_that_is_down_fails_it_at_once():
    down = finding("checkout", REGRESSED, is_check=True, is_critical=True, reasons=(Reason.DOWN,), chance=0.0)
    said = judge(down, *well(3), *up(1), look=EARLY)
    assert (said.result, said.reasons) == (Result.FAILED, (Reason.CRITICAL_DOWN,))
    assert said.sentence == "Checkout is down."


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"is_critical": False, "reasons": (Reason.DOWN,)}, "Checkout is down."),
        ({"is_critical": True, "reasons": (Reason.RECOVERED,)}, "1 of 2 checks got worse, no limit was broken."),
        ({"is_critical": True, "reasons": (Reason.FLAPPING,)}, "1 of 2 checks got worse, no limit was broken."),
    ],
)
def test_a_lesser_trouble_of_a_check_degrades_it(facts, sentence):
    said = judge(finding("checkout", REGRESSED, is_check=True, chance=0.0, **facts), *up(1))
    assert (said.result, said.sentence) == (Result.DEGRADED, sentence)


def test_a_critical_metric_that_got_worse_fails_it():
    said = judge(finding("orders", REGRESSED, is_critical=True), *well(2))
    assert (said.result, said.sentence) == (Result.FAILED, "1 of 3 metrics got worse, Orders is critical.")


def test_nothing_measured_is_blind():
    said = judge(finding("a", NO_DATA), finding("b", NO_DATA, is_check=True))
    assert (said.result, said.reasons) == (Result.BLIND, (Reason.NO_DATA,))
    assert said.sentence == "Nothing was measured: no samples in 60\u00a0min."
    early = judge(finding("a", NO_DATA), look=EARLY)
    assert early.result is None
    assert early.sentence == "Nothing can be said yet: too little has been measured so far."


def test_nothing_watched_is_blind():
    said = judge()
    assert (said.result, said.reasons) == (Result.BLIND, (Reason.NOTHING_WATCHED,))


def test_what_must_have_data_and_has_none_keeps_it_from_healthy():
    said = judge(finding("memory", NO_DATA, reasons=(Reason.GONE_SILENT,)), *well(13), *up(9))
    assert (said.result, said.reasons) == (Result.INCONCLUSIVE, (Reason.MUST_HAVE_DATA,))
    assert said.sentence == "Nothing got worse, but that is not all: Memory has no data."
    said = judge(finding("memory", NO_DATA, must_have_data=False), *well(13), *up(9))
    assert said.result is Result.HEALTHY
    assert said.sentence == "Nothing got worse in 60\u00a0min: 13 of 14 metrics and 9 checks."


def test_too_little_of_what_must_have_data_is_inconclusive():
    said = judge(finding("a", INCONCLUSIVE, reasons=(Reason.TOO_LITTLE,)), *up(1))
    assert said.result is Result.INCONCLUSIVE
    said = judge(finding("a", INCONCLUSIVE, reasons=(Reason.TOO_LITTLE,), must_have_data=False))
    assert (said.result, said.sentence) == (Result.INCONCLUSIVE, "Too little to judge.")


@pytest.mark.parametrize("must_have_data", [True, False])
def test_a_check_that_was_down_before_keeps_it_from_healthy(must_have_data):
    was_down = finding("api", INCONCLUSIVE, is_check=True, reasons=(Reason.WAS_DOWN,), must_have_data=must_have_data)
    said = judge(was_down, *well(3), *up(2))
    assert said.result is Result.INCONCLUSIVE
    assert said.sentence == "Nothing got worse, but that is not all: Api was already down before."


def test_a_first_deployment_is_healthy_by_its_checks():
    new = [finding(f"m{number}", INCONCLUSIVE, reasons=(Reason.NO_HISTORY,), chance=None) for number in range(3)]
    said = judge(*new, *up(9))
    assert (said.result, said.reasons) == (Result.HEALTHY, (Reason.NOTHING_WORSE, Reason.FIRST_DEPLOYMENT))
    assert said.sentence == (
        "Nothing got worse in 60\u00a0min: 9 checks. 3 metrics have no history yet and were not judged."
    )
    alone = judge(*new)
    assert (alone.result, alone.reasons) == (Result.INCONCLUSIVE, (Reason.TOO_LITTLE,))


def test_muted_findings_count_for_nothing_and_are_shown_last():
    said = judge(finding("loud", REGRESSED, is_muted=True), *well(2))
    assert said.result is Result.HEALTHY
    assert said.findings[-1].key == "loud"
    assert judge(finding("loud", is_muted=True)).result is Result.BLIND


def test_the_number_of_metrics_is_accounted_for():
    doubtful = finding("p95", REGRESSED, chance=0.02, reasons=(Reason.CHANGED,))
    assert judge(doubtful).result is Result.DEGRADED
    said = judge(doubtful, *well(9))
    assert said.result is Result.HEALTHY
    assert said.findings[0].result is INCONCLUSIVE
    assert Reason.TOO_MANY_COMPARED in said.findings[0].reasons
    assert "not rare enough among 10 metrics" in said.findings[0].sentence
    assert "P95 moved, but not further than at ordinary moments." in said.sentence


def test_several_regressions_support_each_other():
    many = [finding(f"x{number}", REGRESSED, chance=0.01) for number in range(5)]
    assert judge(*many, *well(5)).result is Result.DEGRADED
    assert judge(many[0], *well(9)).result is Result.HEALTHY


def test_an_early_look_asks_for_more():
    doubtful = finding("p95", REGRESSED, chance=0.01)
    assert judge(doubtful, look=EARLY).result is None
    assert judge(doubtful, look=LAST).result is Result.DEGRADED


def test_a_look_without_a_budget_sees_only_what_needs_no_statistics():
    unplanned = LookPlan(number=1, count=4, budget=0.0)
    assert judge(finding("p95", REGRESSED, chance=1e-9), look=unplanned).result is None
    broken = finding("errors", REGRESSED, is_hard_limit_broken=True, chance=1e-9)
    assert judge(broken, look=unplanned).result is Result.FAILED
    down = finding("api", REGRESSED, is_check=True, is_critical=True, reasons=(Reason.DOWN,), chance=0.0)
    assert judge(down, look=unplanned).result is Result.FAILED


def test_a_superseded_period_can_be_closed_before_its_last_look():
    said = judge_deployment(well(2), window=window(looked_after=20), look=EARLY, is_last_look=True)
    assert (said.result, said.is_final, said.next_look_seconds) == (Result.HEALTHY, True, None)
    assert said.sentence == "Nothing got worse in 20\u00a0min: 2 of 2 metrics."


def test_the_order_of_findings_changes_nothing():
    findings = [
        finding("a", REGRESSED, score=5.0),
        finding("b", REGRESSED, score=9.0),
        finding("c", REGRESSED, is_check=True, reasons=(Reason.DOWN,), chance=0.0),
        finding("d", NO_DATA),
        finding("e", IMPROVED),
        *well(4),
    ]
    first = judge(*findings)
    assert [f.key for f in first.findings] == ["c", "b", "a", "d", "e", "m0", "m1", "m2", "m3"]
    for _ in range(20):
        random.shuffle(findings)
        assert judge(*findings) == first


def test_no_mixture_without_a_judged_subject_is_healthy():
    kinds = [
        finding("a", NO_DATA),
        finding("b", NO_DATA, must_have_data=False),
        finding("c", INCONCLUSIVE, reasons=(Reason.TOO_LITTLE,), must_have_data=False),
        finding("d", INCONCLUSIVE, reasons=(Reason.NO_HISTORY,)),
        finding("e", INCONCLUSIVE, is_check=True, reasons=(Reason.WAS_DOWN,)),
        finding("f", is_muted=True),
    ]
    for size in range(len(kinds) + 1):
        for mixture in itertools.combinations(kinds, size):
            assert judge(*mixture).result in (Result.BLIND, Result.INCONCLUSIVE)


def test_a_judgement_survives_json():
    import json

    said = judge(finding("a", REGRESSED, rarity=(1, 160), picture={"band": {"low": 1.0, "high": 2.0}}), *well(2))
    assert Judgement.from_dict(json.loads(json.dumps(said.to_dict(), allow_nan=False))) == said
