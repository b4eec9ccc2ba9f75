"""One health check: down, flapping, well or not known, by its own conditions."""

import pytest

from monitoring.judge.check import judge_check
from monitoring.judge.facts import FindingResult, OutageFacts, Reason, Series
from tests.monitoring.judge.makers import MINUTE, T, check, readings, window


def judge(before, afterwards, outage=None, *, had_before=True, looked_after=None, **facts):
    """Readings every 15 s; by default the look comes right after the last one."""
    minutes = len(afterwards) / 4 if looked_after is None else looked_after
    the_window = window(minutes=max(minutes, 1), looked_after=minutes, settle=30)
    return judge_check(readings(before, afterwards), check(**facts), the_window, outage, had_before)


def outage(began, ended=None, cause="HTTP 503"):
    ended_at = None if ended is None else T + ended * MINUTE
    return OutageFacts(T + began * MINUTE, T + began * MINUTE + 30, ended_at, cause)


def test_a_check_that_is_up_is_unchanged():
    found = judge("+" * 100, "+" * 240)
    assert (found.result, found.reasons) == (FindingResult.UNCHANGED, (Reason.ORDINARY,))
    assert found.sentence == "Checkout API is up: 238 readings, none failed."
    assert found.coverage_after == 1
    assert (found.before, found.after, found.change) == (100, 100, 0)


def test_a_check_that_is_down_is_a_regression_with_cause_and_duration():
    found = judge("+" * 100, "+" * 24 + "-" * 4, outage(6))
    assert (found.result, found.reasons) == (FindingResult.REGRESSED, (Reason.DOWN,))
    assert found.sentence == "Checkout API has been down for 1\u00a0min: HTTP 503, 4 readings in a row."
    assert (found.chance, found.score) == (0, 100)


def test_failures_in_a_row_are_down_before_an_outage_is_recorded():
    assert judge("+" * 20, "+" * 20 + "---").result is FindingResult.REGRESSED
    assert judge("+" * 20, "+" * 20 + "--").result is FindingResult.UNCHANGED
    assert judge("+" * 20, "+" * 20 + "--", failure_threshold=2).result is FindingResult.REGRESSED


def test_down_from_the_first_moment_is_not_put_off_by_settling():
    found = judge("+" * 20, "---", looked_after=0.75)
    assert (found.result, found.reasons) == (FindingResult.REGRESSED, (Reason.DOWN,))


def test_down_before_and_still_down_is_not_blamed_and_not_healthy():
    found = judge("+" * 20 + "-" * 20, "-" * 100, outage(-5, cause="the connection was refused"))
    assert (found.result, found.reasons) == (FindingResult.INCONCLUSIVE, (Reason.WAS_DOWN,))
    assert found.sentence == (
        "Checkout API was already down before the deployment and still is, for 30\u00a0min: the connection was refused."
    )


def test_down_before_and_up_since_is_better():
    found = judge("-" * 20, "--" + "+" * 100, outage(-5, 0.5))
    assert (found.result, found.reasons) == (FindingResult.IMPROVED, (Reason.RECOVERED,))


def test_a_restart_within_the_settling_time_is_forgiven():
    found = judge("+" * 20, "--" + "+" * 100, outage(0, 0.4))
    assert (found.result, found.reasons) == (FindingResult.UNCHANGED, (Reason.RECOVERED,))


def test_an_outage_that_is_over_stays_a_regression():
    found = judge("+" * 20, "+" * 20 + "-" * 10 + "+" * 100, outage(5, 7.5))
    assert (found.result, found.reasons) == (FindingResult.REGRESSED, (Reason.RECOVERED,))
    assert found.sentence == (
        "Checkout API was down for 2\u00a0min 30\u00a0s after the deployment and is up again: HTTP 503."
    )


def test_flapping_is_a_regression():
    found = judge("+" * 200, "+++++-" * 20)
    assert (found.result, found.reasons) == (FindingResult.REGRESSED, (Reason.FLAPPING,))
    assert found.sentence == "Checkout API flaps: 20 of 118 readings failed, 0 of 200 before the deployment."


def test_a_check_that_always_flaps_does_not_flap_more():
    assert judge("+++++-" * 40, "+++++-" * 20).result is FindingResult.UNCHANGED


def test_single_failures_are_ordinary():
    found = judge("+" * 200, "+" * 50 + "-" + "+" * 50 + "-" + "+" * 100)
    assert found.result is FindingResult.UNCHANGED
    assert "2 of 200 readings failed, which is ordinary" in found.sentence


def test_no_readings_are_no_data():
    found = judge("+" * 20, "", looked_after=10)
    assert (found.result, found.reasons) == (FindingResult.NO_DATA, (Reason.GONE_SILENT,))
    found = judge("", "", looked_after=10)
    assert (found.result, found.reasons) == (FindingResult.NO_DATA, (Reason.NO_DATA,))


def test_too_few_readings_are_inconclusive():
    found = judge("+" * 20, "++++")
    assert (found.result, found.reasons) == (FindingResult.INCONCLUSIVE, (Reason.TOO_LITTLE,))
    assert found.sentence == "Checkout API: too little to judge, 2 of 3 readings since the deployment."


def test_readings_that_stop_are_inconclusive():
    found = judge("+" * 20, "+" * 120, looked_after=60)
    assert (found.result, found.reasons) == (FindingResult.INCONCLUSIVE, (Reason.GONE_SILENT,))
    assert "no reading for the last 30\u00a0min" in found.sentence


def test_slower_readings_than_planned_are_enough():
    slow = readings("+" * 20, "+" * 60, step=60)
    found = judge_check(slow, check(), window(settle=30))
    assert found.result is FindingResult.UNCHANGED


@pytest.mark.parametrize(
    ("afterwards", "result"), [("+" * 100, "UNCHANGED"), ("+" * 50 + "-" * 50, "REGRESSED"), ("+++-" * 25, "REGRESSED")]
)
def test_a_first_deployment_is_judged_by_the_checks_own_conditions(afterwards, result):
    assert judge("", afterwards, had_before=False).result is FindingResult(result)


def test_without_a_before_earlier_readings_are_not_used():
    assert judge("+++-" * 50, "+++-" * 25).result is FindingResult.UNCHANGED
    assert judge("+++-" * 50, "+++-" * 25, had_before=False).result is FindingResult.REGRESSED


def test_odd_values_are_no_readings():
    series = Series(T + readings("", "++++").times - T, readings("", "++++").values * float("nan"))
    assert judge_check(series, check(), window()).result is FindingResult.NO_DATA
